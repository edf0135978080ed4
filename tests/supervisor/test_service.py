"""The clockwork: what starts by itself, waits for what is away, and refuses what cannot work."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from deepsquare.clusters.port import ClusterJob, RunState
from deepsquare.model import JobStatus
from deepsquare.supervisor.errors import ClusterNotReady
from deepsquare.supervisor.service import Supervisor
from tests.supervisor.stage import Stage

_TURNS = 2_000
"""Reads of the chain, each a fiftieth of a second apart on the stage's clock."""


@contextlib.asynccontextmanager
async def serving(s: Stage) -> AsyncIterator[asyncio.Task[None]]:
    """A supervisor that runs by itself."""
    task = asyncio.create_task(Supervisor(s.ports(), s.settings).run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(s: Stage, holds: Callable[[], Awaitable[bool]]) -> None:
    """Let time pass until it holds."""
    for _ in range(_TURNS):
        if await holds():
            return
        await s.grid.ledger.settings()  # a thread of the node interprets this: no time runs away from the service
        s.advance(0.02)
    raise AssertionError("it never came to that")


async def test_a_job_is_served_from_assignment_to_bill_without_a_hand(s: Stage) -> None:
    async with serving(s):
        job_id = await s.job()

        async def is_submitted() -> bool:
            return await s.status(job_id) is JobStatus.SCHEDULED and s.tag(job_id) in s.cluster.tags()

        async def runs() -> bool:
            return await s.status(job_id) is JobStatus.RUNNING

        async def is_gone() -> bool:
            return await s.status(job_id) is JobStatus.FINISHED and not s.journal.entries

        await until(s, is_submitted)
        s.cluster.start(s.tag(job_id))
        await until(s, runs)
        s.cluster.write(s.tag(job_id), b"hello\n")
        s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
        await until(s, is_gone)
    assert bytes(s.gateway.logs[job_id, 1]) == b"hello\n"
    await s.assert_settled(job_id)


async def test_a_cluster_that_lacks_something_is_refused_with_the_commands_for_its_admin(s: Stage) -> None:
    s.cluster.missing = [
        "the account deepsquare is no operator: sacctmgr modify user deepsquare set adminlevel=Operator"
    ]
    with pytest.raises(ClusterNotReady, match="sacctmgr modify user deepsquare set adminlevel=Operator"):
        await Supervisor(s.ports(), s.settings).run()


async def test_a_cluster_that_does_not_answer_at_the_start_is_waited_for(s: Stage) -> None:
    s.cluster.is_down = True
    job_id = await s.job()

    async def is_claimed() -> bool:
        return await s.status(job_id) is JobStatus.SCHEDULED

    async with serving(s) as task:
        for _ in range(20):
            s.advance(0.5)
            await asyncio.sleep(0)
        assert not task.done()
        s.cluster.is_down = False
        await until(s, is_claimed)


async def test_a_defect_stops_the_service_instead_of_hiding(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> str:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(s.gateway, "fetch_script", broken)
    await s.job()
    task = asyncio.create_task(Supervisor(s.ports(), s.settings).run())

    async def is_over() -> bool:
        return task.done()

    await until(s, is_over)
    with pytest.raises(ExceptionGroup) as raised:
        await task
    assert raised.group_contains(ZeroDivisionError)


async def test_a_cancelled_service_leaves_nothing_running(s: Stage) -> None:
    before = asyncio.all_tasks()
    async with serving(s):
        for _ in range(50):
            s.advance(0.1)
            await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_cluster_without_news_is_asked_only_for_jobs_that_its_last_answer_lacks(
    s: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    jobs = s.cluster.jobs

    async def counted() -> Sequence[ClusterJob]:
        asked.append(None)
        return await jobs()

    job_id = await s.running()
    monkeypatch.setattr(s.cluster, "jobs", counted)
    await s.rounds.look(cluster_has_news=False)
    assert not asked
    await s.job()
    while len(s.cluster.tags()) < 2:
        await s.rounds.look(cluster_has_news=False)
        await s.rounds.tasks.settle()
    assert not asked
    await s.rounds.look(cluster_has_news=False)
    assert len(asked) == 1
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.look()
    assert len(asked) == 2
    assert await s.status(job_id) is JobStatus.FINISHED


@pytest.mark.parametrize(("took", "rest"), [(0.01, 0.2), (0.1, 0.3), (5.0, 0.6)])
async def test_the_longer_a_look_takes_the_longer_is_the_pause_after_it(
    s: Stage, monkeypatch: pytest.MonkeyPatch, took: float, rest: float
) -> None:
    began: list[float] = []
    jobs = s.cluster.jobs

    async def slow() -> Sequence[ClusterJob]:
        began.append(s.clock.now().timestamp())
        s.advance(took)
        return await jobs()

    async def changed(_: float) -> None:
        await s.clock.sleep(0.01)

    monkeypatch.setattr(s.cluster, "jobs", slow)
    monkeypatch.setattr(s.cluster, "changed", changed)

    async def was_looked_at_often() -> bool:
        return len(began) > 10

    async with serving(s):
        await until(s, was_looked_at_often)
    pauses = [after - before - took for before, after in itertools.pairwise(began)]
    assert rest - 0.01 < min(pauses[1:]) < rest + 0.15
