"""The parts of one grid, each opened when it is first needed: the ledger, the gateway, the account that signs.

Both clients and every job handle share one connection. It never opens a wallet for a call that only reads.
"""

import asyncio
import logging
from collections.abc import Callable

from deepsquare.chain import AdminAccount, CustomerAccount, HttpRpc, Ledger, Sender, Signer
from deepsquare.clock import Clock, SystemClock
from deepsquare.gateway.client import GatewayClient
from deepsquare.gateway.signing import SigningDomain
from deepsquare.metascheduler.client import GridView, MetaSchedulerClient, Offers, survey
from deepsquare.model import Address
from deepsquare.sdk import wallet
from deepsquare.sdk.configuration import Configuration
from deepsquare.sdk.looks import Looks
from deepsquare.sdk.purse import Purse
from deepsquare.sdk.translation import translated
from deepsquare.trouble import PassingTrouble

_log = logging.getLogger(__name__)

OpenSigner = Callable[[], Signer]


class Connection:
    """One grid, as one customer reaches it."""

    def __init__(
        self, configuration: Configuration, *, signer: Signer | None = None, clock: Clock | None = None
    ) -> None:
        self.configuration = configuration
        self.clock: Clock = clock or SystemClock()
        self._signer = signer
        self._ledger: Ledger | None = None
        self._gateway: GatewayClient | None = None
        self._scheduler: MetaSchedulerClient | None = None
        self._sender: Sender | None = None
        self._purse: Purse | None = None
        self._views = Looks(self._first_view)
        self._offers = Looks(self._first_offers)
        self._opening = asyncio.Lock()
        self.trouble = PassingTrouble(_log)
        """Of all jobs that are followed over this connection: what keeps one from being followed keeps all."""

    @property
    def signer(self) -> Signer:
        """The account's key. Raises `KeyProblem`."""
        if self._signer is None:
            self._signer = wallet.open_signer(self.configuration)
        return self._signer

    @property
    def address(self) -> Address:
        """The account, without opening its wallet. Raises `KeyProblem`."""
        return self._signer.address if self._signer is not None else wallet.find_address(self.configuration)

    async def ledger(self) -> Ledger:
        """The grid's ledger. Raises `ChainUnreachable`, `WrongGrid`."""
        async with self._opening:
            if self._ledger is None:
                settings = self.configuration
                grid = settings.grid_address
                rpc = HttpRpc(settings.require("rpc"), settings.get("websocket"))
                try:
                    with translated():
                        self._ledger = await Ledger.connect(rpc, grid)
                except BaseException:
                    await rpc.close()
                    raise
            return self._ledger

    async def view(self) -> GridView:
        """The grid as it is now; reads what is new since the last look. Raises `ChainUnreachable`, `WrongGrid`."""
        return await self._views.now()

    async def offers(self) -> Offers:
        """What providers offer now; no job of the grid is read for it. Raises `ChainUnreachable`, `WrongGrid`."""
        return await self._offers.now()

    async def _first_view(self) -> GridView:
        return await survey(await self.ledger(), self.clock)

    async def _first_offers(self) -> Offers:
        offers = Offers(await self.ledger())
        await offers.refresh()
        return offers

    async def gateway(self) -> GatewayClient:
        """The grid's gateway. Raises `GatewayUnreachable`, and `WrongGrid` where it serves another grid."""
        settings = self.configuration
        async with self._opening:
            if self._gateway is None:
                client = GatewayClient(settings.require("gateway"), SigningDomain.of(settings.grid_address))
                try:
                    with translated():
                        await client.about()
                except BaseException:
                    await client.close()
                    raise
                self._gateway = client
            return self._gateway

    def scheduler(self) -> MetaSchedulerClient | None:
        """The door of the grid's meta-scheduler; None where the configuration names none."""
        url = self.configuration.get("scheduler")
        if self._scheduler is None and url is not None:
            self._scheduler = MetaSchedulerClient(url)
        return self._scheduler

    async def sender(self) -> Sender:
        """The one that sends for the account. Raises `KeyProblem`, `ChainUnreachable`, `WrongGrid`."""
        ledger = await self.ledger()
        if self._sender is None:
            self._sender = Sender(ledger.rpc, self.signer, ledger.grid.chain_id)
        return self._sender

    async def account(self) -> CustomerAccount:
        """The account that spends. Raises what `sender` raises."""
        return CustomerAccount(await self.ledger(), await self.sender())

    async def admin_account(self) -> AdminAccount:
        """The account as the grid's admin, whether it is it or not. Raises what `sender` raises."""
        return AdminAccount(await self.ledger(), await self.sender())

    async def purse(self) -> Purse:
        """What the account may spend. Raises what `account` raises."""
        account = await self.account()
        if self._purse is None:
            self._purse = Purse(await self.ledger(), account)
        return self._purse

    async def close(self) -> None:
        """Give back what was opened."""
        await self._views.close()
        await self._offers.close()
        if self._gateway is not None:
            await self._gateway.close()
        if self._scheduler is not None:
            await self._scheduler.close()
        if self._ledger is not None:
            await self._ledger.rpc.close()
