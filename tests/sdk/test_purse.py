"""Two jobs of one client never count on the same credits, and rich clients need not queue."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deepsquare.model import WEI_PER_CREDIT, JobDefinition
from deepsquare.sdk.errors import NoAllowance, NoCredits
from deepsquare.sdk.purse import Purse
from tests.support.chain import CUSTOMER_CREDITS, FreshGrid, fresh_grid

CREDIT = WEI_PER_CREDIT
JOB = JobDefinition(1, 1, 100, 0, "ab" * 32)


@pytest.fixture
async def grid() -> AsyncIterator[FreshGrid]:
    async with fresh_grid() as grid:
        yield grid


@pytest.fixture
def purse(grid: FreshGrid) -> Purse:
    return Purse(grid.ledger, grid.customer_account)


async def spend(grid: FreshGrid, purse: Purse, wei: int, *, raise_allowance: bool = True) -> None:
    async with purse.spending(wei, raise_allowance=raise_allowance) as must_allow:
        await grid.customer_account.request_job(JOB, wei, "job", allowing=wei if must_allow else None)


async def test_what_is_missing_of_the_allowance_is_allowed_and_no_more(grid: FreshGrid, purse: Purse) -> None:
    await spend(grid, purse, 3 * CREDIT)
    assert await grid.ledger.allowance(grid.customer.address) == 0
    assert await grid.ledger.job_count() == 1


async def test_requests_side_by_side_each_find_their_credits(grid: FreshGrid, purse: Purse) -> None:
    await asyncio.gather(*(spend(grid, purse, 2 * CREDIT) for _ in range(5)))
    assert await grid.ledger.job_count() == 5
    assert await grid.ledger.balance(grid.customer.address) == CUSTOMER_CREDITS - 10 * CREDIT
    assert await grid.ledger.allowance(grid.customer.address) == 0


async def test_under_a_large_allowance_requests_do_not_wait_for_each_other(grid: FreshGrid, purse: Purse) -> None:
    await grid.customer_account.allow(100 * CREDIT)
    async with purse.spending(CREDIT, raise_allowance=False), purse.spending(CREDIT, raise_allowance=False):
        assert await grid.ledger.allowance(grid.customer.address) == 100 * CREDIT


async def test_the_second_of_two_waits_where_the_allowance_is_for_one(grid: FreshGrid, purse: Purse) -> None:
    await grid.customer_account.allow(CREDIT)
    async with purse.spending(CREDIT, raise_allowance=False):
        second = asyncio.create_task(spend(grid, purse, CREDIT, raise_allowance=False))
        await grid.customer_account.request_job(JOB, CREDIT, "first")
        assert not second.done()
    with pytest.raises(NoAllowance):
        await second


async def test_credits_that_are_in_flight_are_not_spent_twice(grid: FreshGrid, purse: Purse) -> None:
    half = CUSTOMER_CREDITS // 2 + 1
    results = await asyncio.gather(*(spend(grid, purse, half) for _ in range(2)), return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [NoCredits]
    assert await grid.ledger.job_count() == 1


async def test_what_was_not_spent_after_all_is_free_again(grid: FreshGrid, purse: Purse) -> None:
    await grid.customer_account.allow(CREDIT)
    with pytest.raises(RuntimeError, match="changed my mind"):
        async with purse.spending(CREDIT, raise_allowance=False):
            raise RuntimeError("changed my mind")
    await spend(grid, purse, CREDIT, raise_allowance=False)
    assert await grid.ledger.job_count() == 1
