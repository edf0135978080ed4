"""Two jobs of one client never count on the same credits, and rich clients need not queue."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deepsquare.model import WEI_PER_CREDIT, Address, JobDefinition
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
    async def lock(must_allow: bool) -> None:
        await grid.customer_account.request_job(JOB, wei, "job", allowing=wei if must_allow else None)

    await purse.spend(wei, lock, raise_allowance=raise_allowance)


class Spending:
    """One that is under way until it is told to go on."""

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def __call__(self, _must_allow: bool) -> None:
        self.has_begun.set()
        await self.goes_on.wait()


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
    spendings = [Spending(), Spending()]
    tasks = [asyncio.create_task(purse.spend(CREDIT, spending, raise_allowance=False)) for spending in spendings]
    for spending in spendings:
        await spending.has_begun.wait()
        spending.goes_on.set()
    await asyncio.gather(*tasks)


async def test_the_second_of_two_waits_where_the_allowance_is_for_one(grid: FreshGrid, purse: Purse) -> None:
    await grid.customer_account.allow(CREDIT)
    first = Spending()
    spending = asyncio.create_task(purse.spend(CREDIT, first, raise_allowance=False))
    await first.has_begun.wait()
    second = asyncio.create_task(spend(grid, purse, CREDIT, raise_allowance=False))
    await grid.customer_account.request_job(JOB, CREDIT, "first")
    assert not second.done()
    first.goes_on.set()
    await spending
    with pytest.raises(NoAllowance):
        await second


async def test_credits_that_are_in_flight_are_not_spent_twice(grid: FreshGrid, purse: Purse) -> None:
    half = CUSTOMER_CREDITS // 2 + 1
    results = await asyncio.gather(*(spend(grid, purse, half) for _ in range(2)), return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [NoCredits]
    assert await grid.ledger.job_count() == 1


async def test_what_was_not_spent_after_all_is_free_again(grid: FreshGrid, purse: Purse) -> None:
    async def change_mind(_must_allow: bool) -> None:
        raise RuntimeError("changed my mind")

    await grid.customer_account.allow(CREDIT)
    with pytest.raises(RuntimeError, match="changed my mind"):
        await purse.spend(CREDIT, change_mind, raise_allowance=False)
    await spend(grid, purse, CREDIT, raise_allowance=False)
    assert await grid.ledger.job_count() == 1


async def test_a_rich_account_is_looked_at_once_for_many_jobs(
    grid: FreshGrid, purse: Purse, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = count_looks(grid, monkeypatch)
    await grid.customer_account.allow(10 * CREDIT)
    await asyncio.gather(*(spend(grid, purse, 2 * CREDIT) for _ in range(5)))
    assert (await grid.ledger.job_count(), len(looks)) == (5, 1)
    await spend(grid, purse, CREDIT)
    assert (await grid.ledger.job_count(), len(looks)) == (6, 2)


async def test_what_others_left_is_found_out_by_a_look_after_the_refusal(
    grid: FreshGrid, purse: Purse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await grid.customer_account.allow(CUSTOMER_CREDITS)
    await spend(grid, purse, CREDIT)
    await grid.customer_account.allow(CREDIT)
    looks = count_looks(grid, monkeypatch)
    await spend(grid, purse, 2 * CREDIT)
    assert (await grid.ledger.job_count(), len(looks)) == (2, 1)


async def test_who_became_poor_meanwhile_is_told_what_is_missing(grid: FreshGrid, purse: Purse) -> None:
    await grid.customer_account.allow(CUSTOMER_CREDITS)
    await spend(grid, purse, CREDIT)
    await grid.customer_account.transfer(grid.admin.address, CUSTOMER_CREDITS - 2 * CREDIT)
    with pytest.raises(NoCredits, match="has 1 credit, and 3 are to be locked"):
        await spend(grid, purse, 3 * CREDIT)


async def test_who_allows_less_meanwhile_is_told_what_is_missing(grid: FreshGrid, purse: Purse) -> None:
    await grid.customer_account.allow(CUSTOMER_CREDITS)
    await spend(grid, purse, CREDIT)
    await grid.customer_account.allow(CREDIT)
    with pytest.raises(NoAllowance, match="the grid may take 1 credit from"):
        await spend(grid, purse, 3 * CREDIT, raise_allowance=False)


async def spend_while_less_is_allowed(grid: FreshGrid, purse: Purse, *, raise_allowance: bool) -> None:
    """The allowance is gone between the look and the request."""
    await grid.customer_account.allow(CREDIT)

    async def lock(must_allow: bool) -> None:
        if not must_allow:
            await grid.customer_account.allow(0)
        await grid.customer_account.request_job(JOB, CREDIT, "job", allowing=CREDIT if must_allow else None)

    await purse.spend(CREDIT, lock, raise_allowance=raise_allowance)


async def test_an_allowance_that_is_gone_after_the_look_is_raised(grid: FreshGrid, purse: Purse) -> None:
    await spend_while_less_is_allowed(grid, purse, raise_allowance=True)
    assert await grid.ledger.job_count() == 1


async def test_who_may_not_raise_an_allowance_that_is_gone_after_the_look_is_told_how_to(
    grid: FreshGrid, purse: Purse
) -> None:
    with pytest.raises(NoAllowance) as refused:
        await spend_while_less_is_allowed(grid, purse, raise_allowance=False)
    assert refused.value.next_step == "allow it with: dps credits allowance 1"


def count_looks(grid: FreshGrid, monkeypatch: pytest.MonkeyPatch) -> list[Address]:
    """Whose means are read from now on, each time."""
    looks: list[Address] = []
    means = grid.ledger.means

    async def counted(owner: Address) -> tuple[int, int]:
        looks.append(owner)
        return await means(owner)

    monkeypatch.setattr(grid.ledger, "means", counted)
    return looks
