"""After a long history a meta-scheduler is back as soon as after a short one."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from deepsquare.chain import CustomerAccount, EventReader, Ledger, Report, SchedulerAccount
from deepsquare.metascheduler import past, view
from deepsquare.metascheduler.service import MetaScheduler
from deepsquare.model import WEI_PER_CREDIT, Hardware, JobDefinition, JobId, JobStatus, Node, Prices
from tests.chain.wrapped_rpc import Call, WrappedRpc
from tests.support.chain import FreshGrid, fresh_grid

SMALL = JobDefinition(tasks=1, cpus_per_task=1, memory_per_cpu_mb=100, gpus=0, script_hash="ab" * 32)
WIDE = replace(SMALL, cpus_per_task=8)
NEWEST = 3


@pytest.fixture(autouse=True)
def only_a_few_jobs_are_recalled(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (past, view):
        monkeypatch.setattr(module, "MOST_JOBS", NEWEST)


@pytest.fixture
async def grid() -> AsyncIterator[FreshGrid]:
    async with fresh_grid(_populate) as grid:
        yield grid


async def _populate(grid: FreshGrid) -> None:
    await grid.join(grid.providers[0], Hardware((Node(8, 8_000),)), Prices(0, WEI_PER_CREDIT, 0))
    await grid.customer_account.allow(900 * WEI_PER_CREDIT)
    await grid.provider_account().heartbeat()
    await started(grid, 2)


async def requested(grid: FreshGrid, count: int) -> list[JobId]:
    account = grid.customer_account
    return [(await account.request_job(SMALL, 10 * WEI_PER_CREDIT, "job")).job_id for _ in range(count)]


async def started(grid: FreshGrid, count: int) -> list[JobId]:
    jobs = await requested(grid, count)
    await grid.scheduler_account.assign([(job, grid.providers[0].address) for job in jobs])
    await grid.provider_account().claim(jobs)
    await grid.provider_account().report([Report(job, JobStatus.RUNNING, grid.clock.now()) for job in jobs])
    return jobs


async def ended(grid: FreshGrid, count: int) -> None:
    jobs = await started(grid, count)
    grid.clock.advance(10)
    await grid.provider_account().report([Report(job, JobStatus.FINISHED, grid.clock.now()) for job in jobs])


async def cancelled(grid: FreshGrid, count: int) -> None:
    for job in await requested(grid, count):
        await grid.customer_account.cancel(job)


@dataclass
class Cost:
    """What a start asks of the chain until it assigns."""

    reads: int = 0
    events: int = 0
    methods: list[str] = field(default_factory=list)

    def note(self, call: Call) -> None:
        self.methods.append(call[0])
        self.reads += call[0] == "eth_call" and "eth_sendRawTransaction" not in self.methods

    def count(self, method: str, answer: Any) -> Any:
        self.events += len(answer) if method == "eth_getLogs" and isinstance(answer, Sequence) else 0
        return answer


async def cost_of_a_start(grid: FreshGrid) -> tuple[int, int]:
    """Reads of the contract until a job is assigned, and events."""
    (job,) = await requested(grid, 1)
    cost = Cost()
    rpc = WrappedRpc(grid.rpc, cost.note)
    rpc.change_answer = cost.count
    ledger = await Ledger.connect(rpc, grid.address)
    service = MetaScheduler(
        ledger, SchedulerAccount(ledger, grid.scheduler), EventReader(ledger, clock=grid.clock), grid.clock
    )
    assert [start.job for start in await service.round()] == [job]
    await grid.customer_account.cancel(job)
    return cost.reads, cost.events


async def test_a_job_that_is_over_costs_a_start_one_event_and_no_read(grid: FreshGrid) -> None:
    await ended(grid, 2 * NEWEST)
    await cost_of_a_start(grid)
    reads, events = await cost_of_a_start(grid)
    await ended(grid, 5)
    more_reads, more_events = await cost_of_a_start(grid)
    assert more_reads == reads
    # The one whose start was measured is over now, too.
    assert more_events - events <= 5 + 1


async def test_jobs_that_were_cancelled_before_they_ran_cost_no_read_either(grid: FreshGrid) -> None:
    await cancelled(grid, 2 * NEWEST)
    reads, _ = await cost_of_a_start(grid)
    await cancelled(grid, 5)
    assert (await cost_of_a_start(grid))[0] == reads


def restarted(grid: FreshGrid) -> MetaScheduler:
    reader = EventReader(grid.ledger, clock=grid.clock)
    return MetaScheduler(grid.ledger, grid.scheduler_account, reader, grid.clock)


async def test_jobs_of_before_the_newest_that_are_over_are_known_still(grid: FreshGrid) -> None:
    waiting = (await grid.customer_account.request_job(WIDE, 100 * WEI_PER_CREDIT, "wide")).job_id
    await ended(grid, 2 * NEWEST)
    service = restarted(grid)
    await service.round()
    assert service.place(waiting) == 0
    assert service.standing(JobId(1)) == (JobStatus.RUNNING, grid.providers[0].address)


async def test_what_customers_used_is_learnt_while_the_scheduler_is_at_work(
    grid: FreshGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "_PART", 1)
    await grid.admin_account.transfer(grid.scheduler.address, 300 * WEI_PER_CREDIT)
    modest = CustomerAccount(grid.ledger, grid.scheduler)
    await modest.allow(300 * WEI_PER_CREDIT)
    await ended(grid, NEWEST - 1)
    job = (await modest.request_job(SMALL, WEI_PER_CREDIT, "job")).job_id
    await grid.scheduler_account.assign([(job, grid.providers[0].address)])
    await grid.provider_account().claim([job])
    await grid.provider_account().report([Report(job, JobStatus.RUNNING, grid.clock.now())])
    grid.clock.advance(1)
    await grid.provider_account().report([Report(job, JobStatus.FINISHED, grid.clock.now())])
    service = restarted(grid)
    for _ in range(NEWEST):
        await service.round()
    greedy_job = (await grid.customer_account.request_job(WIDE, 100 * WEI_PER_CREDIT, "wide")).job_id
    modest_job = (await modest.request_job(WIDE, 100 * WEI_PER_CREDIT, "wide")).job_id
    await service.round()
    assert (service.place(modest_job), service.place(greedy_job)) == (0, 1)
