"""What a scheduler that begins learns of the time before, from the real contracts."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from deepsquare.chain import CustomerAccount, EventReader, Report
from deepsquare.metascheduler.past import TRUST_MEMORY, Past
from deepsquare.metascheduler.service import MetaScheduler
from deepsquare.metascheduler.standing import Standing
from deepsquare.metascheduler.view import GridView
from deepsquare.model import WEI_PER_CREDIT, Hardware, JobDefinition, JobId, JobStatus, Node, Prices
from deepsquare.scheduling import FairShare
from tests.support.chain import FreshGrid, fresh_grid

SMALL = JobDefinition(tasks=1, cpus_per_task=1, memory_per_cpu_mb=100, gpus=0, script_hash="ab" * 32)


async def _populate(grid: FreshGrid) -> None:
    for number in (0, 1):
        await grid.join(
            grid.providers[number], Hardware((Node(4, 8_000),)), Prices(0, (number + 1) * WEI_PER_CREDIT, 0)
        )
        await grid.provider_account(number).heartbeat()
    await grid.customer_account.allow(500 * WEI_PER_CREDIT)


@pytest.fixture
async def grid() -> AsyncIterator[FreshGrid]:
    async with fresh_grid(_populate) as grid:
        yield grid


async def given(grid: FreshGrid, cpus: int = 1, attempts: int = 1) -> JobId:
    """A job that the first provider was given."""
    wanted = replace(SMALL, cpus_per_task=cpus)
    job = (await grid.customer_account.request_job(wanted, 60 * WEI_PER_CREDIT, "job", max_attempts=attempts)).job_id
    await grid.scheduler_account.assign([(job, grid.providers[0].address)])
    return job


async def started(grid: FreshGrid, cpus: int = 1) -> JobId:
    job = await given(grid, cpus)
    await grid.provider_account(0).claim([job])
    await grid.provider_account(0).report([Report(job, JobStatus.RUNNING, grid.clock.now())])
    return job


async def use_of(grid: FreshGrid) -> list[float]:
    """CPU seconds that the customer is charged, counted against a stranger's thousand of just now."""
    past, usage, now = Past(), FairShare(), grid.clock.now()
    view = GridView(grid.ledger, EventReader(grid.ledger), grid.clock, past=past)
    await view.refresh()
    usage.charge(grid.providers[1].address, 1000.0, now.timestamp())
    past.charge_running(view.jobs, usage, now)
    while await past.recall_use(grid.ledger, usage, now):
        pass
    share = usage.share(grid.customer.address)
    return [round(1000 * share / (1 - share))]


async def closed(grid: FreshGrid) -> float:
    """For how many seconds from now on the first provider is left in peace."""
    past, standing, now = Past(), Standing(), grid.clock.now()
    await GridView(grid.ledger, EventReader(grid.ledger), grid.clock, past=past).refresh()
    await past.recall_standing(grid.ledger, standing, now)
    until = standing.closed_until(grid.providers[0].address, now.timestamp())
    return 0.0 if until is None else until - now.timestamp()


async def test_a_customer_is_charged_for_jobs_that_are_over(grid: FreshGrid) -> None:
    job = await started(grid, cpus=4)
    grid.clock.advance(100)
    await grid.provider_account(0).report([Report(job, JobStatus.FINISHED, grid.clock.now())])
    assert await use_of(grid) == [pytest.approx(400, rel=0.02)]


async def test_use_of_a_day_ago_counts_half(grid: FreshGrid) -> None:
    job = await started(grid, cpus=4)
    grid.clock.advance(100)
    await grid.provider_account(0).report([Report(job, JobStatus.FINISHED, grid.clock.now())])
    grid.clock.advance(timedelta(days=1).total_seconds())
    assert await use_of(grid) == [pytest.approx(200, rel=0.02)]


async def test_a_running_job_is_charged_for_what_it_used_so_far(grid: FreshGrid) -> None:
    await started(grid, cpus=2)
    grid.clock.advance(50)
    assert await use_of(grid) == [pytest.approx(100, rel=0.02)]


async def test_jobs_that_never_ran_cost_no_share(grid: FreshGrid) -> None:
    job = await given(grid)
    await grid.customer_account.cancel(job)
    assert await use_of(grid) == [0]


async def lose_one(grid: FreshGrid) -> None:
    job = await given(grid)
    settings = await grid.ledger.settings()
    grid.clock.advance(settings.claim_timeout_seconds + 1)
    await grid.scheduler_account.expire(job)


async def test_a_provider_that_lost_a_job_is_left_in_peace_after_a_restart_too(grid: FreshGrid) -> None:
    assert await closed(grid) == 0
    await lose_one(grid)
    assert 20 < await closed(grid) <= 30


async def test_a_provider_that_goes_on_losing_jobs_is_left_for_longer(grid: FreshGrid) -> None:
    for _ in range(3):
        await lose_one(grid)
    assert 60 < await closed(grid) <= 120


async def test_trouble_of_long_ago_is_forgotten(grid: FreshGrid) -> None:
    await lose_one(grid)
    grid.clock.advance(TRUST_MEMORY.total_seconds() + 1)
    await lose_one(grid)
    assert await closed(grid) <= 30


async def test_one_customers_refused_jobs_close_nobody(grid: FreshGrid) -> None:
    for _ in range(4):
        await grid.provider_account(0).refuse(await given(grid), "no")
    assert await closed(grid) == 0


async def jobs_of_three_customers(grid: FreshGrid) -> list[JobId]:
    jobs = []
    for sender in (grid.admin, grid.scheduler, grid.providers[1]):
        if sender is not grid.admin:
            await grid.admin_account.transfer(sender.address, 60 * WEI_PER_CREDIT)
        customer = CustomerAccount(grid.ledger, sender)
        await customer.allow(60 * WEI_PER_CREDIT)
        jobs.append((await customer.request_job(SMALL, 60 * WEI_PER_CREDIT, "job")).job_id)
    return jobs


async def refuse_all(grid: FreshGrid, jobs: list[JobId]) -> None:
    for job in jobs:
        await grid.provider_account(0).refuse(job, "no")


async def run_elsewhere(grid: FreshGrid, jobs: list[JobId]) -> None:
    other = grid.provider_account(1)
    await other.claim(jobs)
    await other.report([Report(job, JobStatus.RUNNING, grid.clock.now()) for job in jobs])


async def test_refused_jobs_that_run_nowhere_close_nobody(grid: FreshGrid) -> None:
    jobs = await jobs_of_three_customers(grid)
    await grid.scheduler_account.assign([(job, grid.providers[0].address) for job in jobs])
    await refuse_all(grid, jobs)
    assert await closed(grid) == 0


async def test_who_refuses_what_runs_elsewhere_is_left_in_peace(grid: FreshGrid) -> None:
    jobs = await jobs_of_three_customers(grid)
    await grid.scheduler_account.assign([(job, grid.providers[0].address) for job in jobs])
    await refuse_all(grid, jobs)
    await grid.scheduler_account.assign([(job, grid.providers[1].address) for job in jobs])
    await run_elsewhere(grid, jobs)
    await grid.provider_account(1).report([Report(job, JobStatus.FINISHED, grid.clock.now()) for job in jobs])
    assert 20 < await closed(grid) <= 30


@pytest.mark.parametrize("runs_elsewhere", [False, True])
async def test_an_instance_that_sees_it_judges_alike(grid: FreshGrid, runs_elsewhere: bool) -> None:
    reader = EventReader(grid.ledger, clock=grid.clock)
    service = MetaScheduler(grid.ledger, grid.scheduler_account, reader, grid.clock)
    await service.round()
    first, second = (account.address for account in grid.providers)
    jobs = await jobs_of_three_customers(grid)
    await service.round()
    assert {(await grid.ledger.job(job)).provider for job in jobs} == {first}
    await service.round()
    await refuse_all(grid, jobs)
    await service.round()
    assert {(await grid.ledger.job(job)).provider for job in jobs} == {second}
    if runs_elsewhere:
        await run_elsewhere(grid, jobs)
    await service.round()
    other = (await grid.customer_account.request_job(SMALL, 60 * WEI_PER_CREDIT, "job")).job_id
    await service.round()
    assert (await grid.ledger.job(other)).provider == (second if runs_elsewhere else first)


async def test_a_new_instance_avoids_whom_the_old_one_avoided(grid: FreshGrid) -> None:
    await lose_one(grid)
    for number in (0, 1):
        await grid.provider_account(number).heartbeat()
    job = (await grid.customer_account.request_job(SMALL, 60 * WEI_PER_CREDIT, "job")).job_id
    reader = EventReader(grid.ledger, clock=grid.clock)
    await MetaScheduler(grid.ledger, grid.scheduler_account, reader, grid.clock).round()
    assert (await grid.ledger.job(job)).provider == grid.providers[1].address
