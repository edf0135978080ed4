"""Who is admitted to a grid: what is approved is what the admin was shown."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from deepsquare.chain import AdminAccount, ContractRefused, HttpRpc, Ledger, ProviderAccount, Sender
from deepsquare.cli import admission
from deepsquare.cli.exits import ExitCode
from deepsquare.cli.failure import RegistrationChanged
from deepsquare.model import Address, Hardware, Label, Node, Prices, Provider
from deepsquare.sdk.errors import NotFound
from tests.cli.driver import dps
from tests.support.chain import FreshGrid, fresh_grid
from tests.support.local_grid import RunningGrid

HARDWARE = Hardware((Node(4, 8_000),))
SHOWN, OTHER = Prices(0, 10**15, 0), Prices(0, 10**18, 0)
LABELS = (Label("zone", "new"),)


class Hasty(AdminAccount):
    """An admin whose transaction is overtaken by the provider's."""

    overtaken_by: ProviderAccount

    async def approve_offer(self, shown: Provider) -> None:
        await self.overtaken_by.register(HARDWARE, OTHER, LABELS)
        await super().approve_offer(shown)


@pytest.fixture
async def fresh() -> AsyncIterator[FreshGrid]:
    async with fresh_grid() as grid:
        await grid.provider_account().register(HARDWARE, SHOWN, LABELS)
        yield grid


async def test_what_was_shown_is_approved(fresh: FreshGrid) -> None:
    shown = await admission.waiting(fresh.ledger, fresh.providers[0].address.lower())
    await admission.approve(fresh.admin_account, shown)
    valid = await fresh.ledger.provider(shown.address)
    assert valid is not None
    assert (valid.hardware, valid.prices, valid.labels) == (HARDWARE, SHOWN, LABELS)


async def test_a_registration_that_changed_since_it_was_shown_is_not_approved(fresh: FreshGrid) -> None:
    shown = await admission.waiting(fresh.ledger, fresh.providers[0].address)
    await fresh.provider_account().register(HARDWARE, OTHER, LABELS)
    with pytest.raises(RegistrationChanged, match="nothing was approved"):
        await admission.approve(fresh.admin_account, shown)
    assert await fresh.ledger.provider(shown.address) is None


async def test_an_approval_that_is_overtaken_on_its_way_approves_nothing(fresh: FreshGrid) -> None:
    shown = await admission.waiting(fresh.ledger, fresh.providers[0].address)
    hasty = Hasty(fresh.ledger, fresh.admin)
    hasty.overtaken_by = fresh.provider_account()
    with pytest.raises(RegistrationChanged, match="nothing was approved"):
        await admission.approve(hasty, shown)
    assert await fresh.ledger.provider(shown.address) is None


async def test_an_approved_registration_waits_no_more(fresh: FreshGrid) -> None:
    shown = await admission.waiting(fresh.ledger, fresh.providers[0].address)
    await admission.approve(fresh.admin_account, shown)
    with pytest.raises(NotFound, match="does not wait"):
        await admission.waiting(fresh.ledger, shown.address)
    with pytest.raises(ContractRefused, match="waits for approval"):
        await admission.approve(fresh.admin_account, shown)


@asynccontextmanager
async def connected(grid: RunningGrid) -> AsyncIterator[Ledger]:
    rpc = HttpRpc(grid.configuration.require("rpc"))
    try:
        yield await Ledger.connect(rpc, grid.configuration.grid_address)
    finally:
        await rpc.close()


@contextmanager
def newcomer(grid: RunningGrid) -> Iterator[Address]:
    """A provider that waits for approval, and is gone afterwards."""

    async def register() -> None:
        async with connected(grid) as ledger:
            account = ProviderAccount(ledger, Sender(ledger.rpc, grid.customer, ledger.grid.chain_id))
            await account.register(HARDWARE, SHOWN, LABELS)

    async def remove() -> None:
        async with connected(grid) as ledger:
            await AdminAccount(ledger, Sender(ledger.rpc, grid.admin, ledger.grid.chain_id)).remove(address)

    address = grid.customer.address
    asyncio.run(register())
    try:
        yield address
    finally:
        asyncio.run(remove())


def test_the_admin_sees_what_is_approved_and_can_ban_it(grid: RunningGrid) -> None:
    admin = {**grid.environment, "DEEPSQUARE_KEY": b"admin".ljust(32, b".").hex()}
    with newcomer(grid) as address:
        answer = dps("provider", "approve", address, environment=admin)
        assert (answer.exit_code, answer.stdout) == (ExitCode.OK, f"{address}\n")
        assert "1 node: 4 CPUs, 8000 MB" in answer.stderr
        assert "0.001, 0, 0" in answer.stderr
        assert "zone=new" in answer.stderr
        assert dps("provider", "ban", address, environment=admin).stdout == f"{address} is banned.\n"
        assert dps("provider", "show", address, "--json", environment=admin).json["state"] == "banned"
        assert dps("provider", "unban", address, environment=admin).stdout == f"{address} is not banned.\n"
