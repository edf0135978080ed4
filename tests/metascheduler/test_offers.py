"""What a customer must know of providers before a request, without a look at anybody's jobs."""

from collections.abc import AsyncIterator, Iterable

import pytest

from deepsquare.metascheduler.client import Offers
from deepsquare.model import WEI_PER_CREDIT, Hardware, Job, JobDefinition, JobId, Node, Prices
from tests.support.chain import FreshGrid, fresh_grid

HARDWARE = Hardware((Node(4, 8_000),))


@pytest.fixture
async def grid() -> AsyncIterator[FreshGrid]:
    async with fresh_grid() as grid:
        yield grid


async def prices_in(grid: FreshGrid, offers: Offers) -> dict[str, int]:
    await offers.refresh()
    return {site.provider.address: site.provider.prices.cpu_per_minute for site in offers.sites(grid.clock.now())}


async def test_offers_are_those_of_the_last_look(grid: FreshGrid) -> None:
    one, two = grid.providers
    offers = Offers(grid.ledger)
    assert await prices_in(grid, offers) == {}
    await grid.join(one, HARDWARE, Prices(0, 1, 0))
    assert await prices_in(grid, offers) == {one.address: 1}
    await grid.join(two, HARDWARE, Prices(0, 2, 0))
    await grid.join(one, HARDWARE, Prices(0, 3, 0))
    assert await prices_in(grid, offers) == {one.address: 3, two.address: 2}
    await grid.admin_account.ban(two.address)
    await offers.refresh()
    assert [site.provider.is_banned for site in offers.sites(grid.clock.now())] == [False, True]


async def test_jobs_are_not_read_nor_providers_that_have_not_changed(
    grid: FreshGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    await grid.join(grid.providers[0], HARDWARE, Prices(0, 1, 0))
    offers = Offers(grid.ledger)
    await offers.refresh()

    async def never(*_anything: Iterable[JobId]) -> list[Job]:
        raise AssertionError("nothing of this was to be read")

    monkeypatch.setattr(grid.ledger, "jobs", never)
    monkeypatch.setattr(grid.ledger, "providers", never)
    await grid.customer_account.allow(WEI_PER_CREDIT)
    await grid.customer_account.request_job(JobDefinition(1, 1, 100, 0, "ab" * 32), WEI_PER_CREDIT, "job")
    assert await prices_in(grid, offers) == {grid.providers[0].address: 1}
