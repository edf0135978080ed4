"""A grid of its own for each test: the real contracts on the embedded chain, in memory and in process.

    async with fresh_grid() as grid:
        await grid.join(grid.providers[0], Hardware((Node(4, 8_000),)), Prices(0, 10**15, 0))
        await grid.customer_account.allow(5 * WEI_PER_CREDIT)
        job_id = await grid.customer_account.request_job(definition, WEI_PER_CREDIT, "hello")
        await grid.scheduler_account.assign([(job_id, grid.providers[0].address)])

Time is the grid's `clock`: `advance` it and the next block is that much later. Everybody can pay for gas;
the customer holds `CUSTOMER_CREDITS` and allows nothing yet; the scheduler has its role; no provider is
registered (see `join`).
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from deepsquare.chain import (
    AdminAccount,
    CustomerAccount,
    GridAddress,
    Ledger,
    ProviderAccount,
    Rpc,
    SchedulerAccount,
    Sender,
    Signer,
    deploy,
)
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.clock import Clock
from deepsquare.model import WEI_PER_CREDIT, Address, Hardware, Label, Prices
from tests.support.clock import ManualClock

CUSTOMER_CREDITS = 1_000 * WEI_PER_CREDIT
INITIAL_SUPPLY = 1_000_000 * WEI_PER_CREDIT
GAS_FUNDS = 10**24
CHAIN_ID = 179188

ROLES = ("admin", "scheduler", "provider one", "provider two", "customer")


def signer(role: str) -> Signer:
    """A key for a role, the same in every test."""
    return Signer(role.encode().ljust(32, b"."))


def funded() -> dict[str, int]:
    """The first balances of a chain on which all roles can pay for gas."""
    return {signer(role).address: GAS_FUNDS for role in ROLES}


@dataclass(frozen=True)
class Grid:
    """A deployed grid and everybody on it."""

    rpc: Rpc
    clock: Clock
    ledger: Ledger
    admin: Sender
    scheduler: Sender
    providers: tuple[Sender, Sender]
    customer: Sender

    @property
    def address(self) -> GridAddress:
        return self.ledger.grid

    @property
    def admin_account(self) -> AdminAccount:
        return AdminAccount(self.ledger, self.admin)

    @property
    def scheduler_account(self) -> SchedulerAccount:
        return SchedulerAccount(self.ledger, self.scheduler)

    @property
    def customer_account(self) -> CustomerAccount:
        return CustomerAccount(self.ledger, self.customer)

    def provider_account(self, number: int = 0) -> ProviderAccount:
        return ProviderAccount(self.ledger, self.providers[number])

    async def join(self, provider: Sender, hardware: Hardware, prices: Prices, labels: Sequence[Label] = ()) -> Address:
        """Register a provider and approve it."""
        await ProviderAccount(self.ledger, provider).register(hardware, prices, labels)
        await self.admin_account.approve(provider.address)
        return provider.address


async def deploy_grid(rpc: Rpc, clock: Clock, chain_id: int = CHAIN_ID) -> Grid:
    """A new grid with all roles on any chain where they can pay for gas."""
    admin, scheduler, one, two, customer = (Sender(rpc, signer(role), chain_id, clock=clock) for role in ROLES)
    ledger = await Ledger.connect(rpc, await deploy(rpc, admin, INITIAL_SUPPLY))
    grid = Grid(rpc, clock, ledger, admin, scheduler, (one, two), customer)
    await grid.admin_account.grant_scheduler(scheduler.address)
    await grid.admin_account.transfer(customer.address, CUSTOMER_CREDITS)
    return grid


@dataclass(frozen=True)
class FreshGrid(Grid):
    """A grid whose time stands still until the test moves it."""

    clock: ManualClock
    chain: EmbeddedChain


@contextlib.asynccontextmanager
async def fresh_grid(clock: ManualClock | None = None) -> AsyncIterator[FreshGrid]:
    """A deployed grid on an embedded chain of its own, closed at the end."""
    clock = clock or ManualClock()
    chain = EmbeddedChain(":memory:", chain_id=CHAIN_ID, clock=clock, funded=funded())
    try:
        grid = await deploy_grid(chain, clock)
        yield FreshGrid(
            rpc=chain,
            clock=clock,
            ledger=grid.ledger,
            admin=grid.admin,
            scheduler=grid.scheduler,
            providers=grid.providers,
            customer=grid.customer,
            chain=chain,
        )
    finally:
        await chain.close()
