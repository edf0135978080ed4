"""A top-up that is refused has changed nothing, not even the allowance."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deepsquare.model import WEI_PER_CREDIT, Hardware, JobDefinition, JobId, Node, Prices
from deepsquare.sdk.configuration import load
from deepsquare.sdk.connection import Connection
from deepsquare.sdk.errors import RefusedByChain
from deepsquare.sdk.job import AsyncJob
from tests.support.chain import FreshGrid, fresh_grid

JOB = JobDefinition(1, 1, 100, 0, "ab" * 32)


@pytest.fixture
async def grid() -> AsyncIterator[FreshGrid]:
    async with fresh_grid() as grid:
        yield grid


async def pending(grid: FreshGrid) -> JobId:
    requested = await grid.customer_account.request_job(JOB, WEI_PER_CREDIT, "job", allowing=WEI_PER_CREDIT)
    return requested.job_id


async def scheduled(grid: FreshGrid) -> JobId:
    provider = await grid.join(grid.providers[0], Hardware((Node(4, 8_000),)), Prices(10**15, 0, 0))
    job_id = await pending(grid)
    await grid.scheduler_account.assign([(job_id, provider)])
    await grid.provider_account().claim([job_id])
    return job_id


@pytest.fixture
async def customer(grid: FreshGrid, tmp_path: Path) -> Connection:
    """The customer, who has sent something before: who knows that gas costs nothing sends without an estimate."""
    connection = Connection(load(environment={}, folder=tmp_path), signer=grid.customer.signer, clock=grid.clock)
    connection._ledger = grid.ledger
    await (await connection.account()).transfer(grid.customer.address, 0)
    return connection


async def sent(grid: FreshGrid) -> int:
    """How many transactions the customer has sent."""
    return int(await grid.rpc.request("eth_getTransactionCount", [grid.customer.address, "latest"]), 16)


async def test_a_job_that_waits_is_refused_before_anything_is_sent(grid: FreshGrid, customer: Connection) -> None:
    job_id = await pending(grid)
    before = await sent(grid)
    with pytest.raises(RefusedByChain, match="PENDING"):
        await AsyncJob(customer, job_id).top_up(2)
    assert await sent(grid) == before
    assert await grid.ledger.allowance(grid.customer.address) == 0


async def test_a_job_that_has_a_provider_is_topped_up_and_the_allowance_raised_for_it_alone(
    grid: FreshGrid, customer: Connection
) -> None:
    job_id = await scheduled(grid)
    before = await sent(grid)
    await AsyncJob(customer, job_id).top_up(2)
    assert (await grid.ledger.job(job_id)).cost.max_cost == 3 * WEI_PER_CREDIT
    assert await grid.ledger.allowance(grid.customer.address) == 0
    assert await sent(grid) == before + 2


async def test_credits_that_are_allowed_already_are_taken_in_one_transaction(
    grid: FreshGrid, customer: Connection
) -> None:
    job_id = await scheduled(grid)
    await grid.customer_account.allow(5 * WEI_PER_CREDIT)
    before = await sent(grid)
    await AsyncJob(customer, job_id).top_up(2)
    assert await sent(grid) == before + 1
