"""Whoever follows a job through a node's absence is told of it once, and once that it is over."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deepsquare.chain import ChainUnreachable, Ledger
from deepsquare.model import WEI_PER_CREDIT, JobDefinition, JobStatus
from deepsquare.sdk.configuration import load
from deepsquare.sdk.connection import Connection
from deepsquare.sdk.job import AsyncJob
from tests.chain.wrapped_rpc import Call, WrappedRpc
from tests.support.chain import FreshGrid, fresh_grid
from tests.support.clock import ManualClock

JOB = JobDefinition(1, 1, 100, 0, "ab" * 32)


class HastyClock(ManualClock):
    """Whoever sleeps wakes at once, later."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def grid() -> AsyncIterator[FreshGrid]:
    async with fresh_grid() as grid:
        yield grid


async def test_a_node_that_is_away_is_told_of_once_and_once_that_it_is_back(
    grid: FreshGrid, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    absences = 0

    def answer(_call: Call) -> None:
        nonlocal absences
        if absences:
            absences -= 1
            raise ChainUnreachable("the node is away; start it")

    rpc = WrappedRpc(grid.rpc, answer)
    connection = Connection(load(environment={}, folder=tmp_path), clock=HastyClock())
    connection._ledger = await Ledger.connect(rpc, grid.address)
    await grid.customer_account.allow(WEI_PER_CREDIT)
    job_id = (await grid.customer_account.request_job(JOB, WEI_PER_CREDIT, "job")).job_id
    events = AsyncJob(connection, job_id).events()
    assert (await anext(events)).status is JobStatus.PENDING

    await grid.customer_account.cancel(job_id)
    absences = 5
    assert [event.status async for event in events] == [JobStatus.CANCELLED]
    assert absences == 0
    assert caplog.messages == [
        "following jobs: the node is away; start it; trying again every 2 s",
        "following jobs: all is well again",
    ]
