"""A grid of its own for each test: the real contracts on the embedded chain, in memory and in process.

    async with fresh_grid() as grid:
        await grid.join(grid.providers[0], Hardware((Node(4, 8_000),)), Prices(0, 10**15, 0))
        await grid.customer_account.allow(5 * WEI_PER_CREDIT)
        job_id = (await grid.customer_account.request_job(definition, WEI_PER_CREDIT, "hello")).job_id
        await grid.scheduler_account.assign([(job_id, grid.providers[0].address)])

Time is the grid's `clock`: `advance` it and the next block is that much later. Everybody can pay for gas;
the customer holds `CUSTOMER_CREDITS` and allows nothing yet; the scheduler has its role; no provider is
registered (see `join`). A grid is deployed once in a process; each test gets a copy of that chain.
"""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from deepsquare.chain import (
    AdminAccount,
    CustomerAccount,
    GridAddress,
    Ledger,
    ProviderAccount,
    Role,
    Rpc,
    SchedulerAccount,
    Sender,
    Signer,
    Supply,
    deploy,
)
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.database import MemoryDatabase
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
    deployer = Sender(rpc, signer("admin"), chain_id, clock=clock)
    grid = _parties(rpc, clock, await Ledger.connect(rpc, await deploy(rpc, deployer, Supply(INITIAL_SUPPLY))))
    await grid.admin_account.grant(Role.SCHEDULER, grid.scheduler.address)
    await grid.admin_account.transfer(grid.customer.address, CUSTOMER_CREDITS)
    return grid


def _parties(rpc: Rpc, clock: Clock, ledger: Ledger) -> Grid:
    """Everybody on a grid that is deployed."""
    chain_id = ledger.grid.chain_id
    admin, scheduler, one, two, customer = (Sender(rpc, signer(role), chain_id, clock=clock) for role in ROLES)
    return Grid(rpc, clock, ledger, admin, scheduler, (one, two), customer)


@dataclass(frozen=True)
class FreshGrid(Grid):
    """A grid whose time stands still until the test moves it."""

    clock: ManualClock
    chain: EmbeddedChain


Preparation = Callable[[FreshGrid], Awaitable[object]]
"""What happens on a grid before a test sees it. It depends on nothing but the grid."""


@dataclass(frozen=True)
class _Model:
    """A chain to be copied, and where the grid is on it."""

    database: bytes
    address: GridAddress


_models: dict[Preparation | None, _Model] = {}


@contextlib.asynccontextmanager
async def fresh_grid(prepared: Preparation | None = None) -> AsyncIterator[FreshGrid]:
    """A deployed grid on an embedded chain of its own, closed at the end; `prepared` has happened on it."""
    if prepared not in _models:
        _models[prepared] = await _model(prepared)
    model = _models[prepared]
    async with _chain() as (chain, clock):
        _memory_of(chain).deserialize(model.database)
        head = await chain.look(lambda view: view.archive.newest())
        chain._node._latest.advance(head.number, [])
        chain.recent.begin_at(head)
        yield _fresh(chain, clock, _parties(chain, clock, await Ledger.connect(chain, model.address)))


async def _model(prepared: Preparation | None) -> _Model:
    async with _chain() as (chain, clock):
        grid = _fresh(chain, clock, await deploy_grid(chain, clock))
        if prepared is not None:
            await prepared(grid)
        return _Model(_memory_of(chain).serialize(), grid.address)


@contextlib.asynccontextmanager
async def _chain() -> AsyncIterator[tuple[EmbeddedChain, ManualClock]]:
    clock = ManualClock()
    chain = EmbeddedChain(":memory:", chain_id=CHAIN_ID, clock=clock, funded=funded())
    try:
        yield chain, clock
    finally:
        await chain.close()


def _memory_of(chain: EmbeddedChain) -> sqlite3.Connection:
    database = chain._node._database
    assert isinstance(database, MemoryDatabase)
    return database._connection


def _fresh(chain: EmbeddedChain, clock: ManualClock, grid: Grid) -> FreshGrid:
    return FreshGrid(
        rpc=chain,
        clock=clock,
        ledger=grid.ledger,
        admin=grid.admin,
        scheduler=grid.scheduler,
        providers=grid.providers,
        customer=grid.customer,
        chain=chain,
    )
