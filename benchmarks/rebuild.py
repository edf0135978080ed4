"""How long a meta-scheduler that starts afresh needs until its first assignment, after a long history.

The node runs in a process of its own and is asked over HTTP, as by the service; the jobs were requested, assigned,
claimed and ended through the accounts of their parties. Run alone with `python -m benchmarks rebuild`.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.report import Figure, median
from deepsquare.chain import EventReader, Ledger, Report
from deepsquare.clock import SystemClock
from deepsquare.metascheduler.service import MetaScheduler
from deepsquare.model import WEI_PER_CREDIT, Hardware, JobDefinition, JobId, JobStatus, Node, Prices
from tests.chain.embedded.killing import NodeProcess
from tests.support.chain import Grid, deploy_grid

_AT_ONCE = 20
"""Jobs that are requested together: on a busy machine a node takes long to answer all of more."""

_ONE_CPU = JobDefinition(tasks=1, cpus_per_task=1, memory_per_cpu_mb=100, gpus=0, script_hash="ab" * 32)


def measure(*, quick: bool) -> list[Figure]:
    """The figures of this benchmark."""
    return asyncio.run(_measure(ended=500 if quick else 2_000, running=100, waiting=300, runs=3))


async def _measure(*, ended: int, running: int, waiting: int, runs: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-rebuild-") as folder:
        async with NodeProcess(Path(folder) / "chain.sqlite") as node:
            clock = SystemClock()
            grid = await deploy_grid(node.rpc, clock)
            running_jobs = await _history(grid, ended=ended, running=running, waiting=waiting)
            head = await grid.ledger.head()
            seconds = [await _first_assignment(grid, job) for job in running_jobs[:runs]]
    detail = (
        f"median of {runs}; {ended} jobs ended, {running} running, {waiting} waiting, {head.number} blocks, over HTTP"
    )
    return [Figure("meta-scheduler: from nothing to its first assignment", median(seconds), "s", detail=detail)]


async def _history(grid: Grid, *, ended: int, running: int, waiting: int) -> list[JobId]:
    """So many jobs of each kind; those that run, which it answers, fill the grid, so that all others wait."""
    cpus = running // 2
    await grid.join(grid.providers[0], Hardware((Node(cpus, 100 * cpus),) * 2), Prices(0, WEI_PER_CREDIT // 100, 0))
    provider = grid.provider_account()
    await provider.heartbeat()
    await grid.customer_account.allow(100_000 * WEI_PER_CREDIT)
    for begin in range(0, ended, running):
        jobs = await _run(grid, min(running, ended - begin))
        now = grid.clock.now()
        await provider.report([Report(job, JobStatus.FINISHED, now) for job in jobs])
    running_jobs = await _run(grid, running)
    await _request(grid, waiting)
    await provider.heartbeat()
    return running_jobs


async def _request(grid: Grid, count: int) -> list[JobId]:
    account, jobs = grid.customer_account, list[JobId]()
    for begin in range(0, count, _AT_ONCE):
        part = range(begin, min(count, begin + _AT_ONCE))
        asked = await asyncio.gather(*(account.request_job(_ONE_CPU, WEI_PER_CREDIT, "job") for _ in part))
        jobs += [event.job_id for event in asked]
    return jobs


async def _run(grid: Grid, count: int) -> list[JobId]:
    jobs = await _request(grid, count)
    address = grid.providers[0].address
    await grid.scheduler_account.assign([(job, address) for job in jobs])
    await grid.provider_account().claim(jobs)
    now = grid.clock.now()
    await grid.provider_account().report([Report(job, JobStatus.RUNNING, now) for job in jobs])
    return jobs


async def _first_assignment(grid: Grid, running: JobId) -> float:
    """Seconds that a new meta-scheduler takes; a running job ends beforehand, so that there is room for one."""
    await grid.provider_account().report([Report(running, JobStatus.FINISHED, grid.clock.now())])
    start = time.perf_counter()
    ledger = await Ledger.connect(grid.rpc, grid.address)
    service = MetaScheduler(ledger, grid.scheduler_account, EventReader(ledger, clock=grid.clock), grid.clock)
    starts = await service.round()
    seconds = time.perf_counter() - start
    if len(starts) != 1:
        raise RuntimeError(f"one job has room, {len(starts)} were assigned")
    return seconds
