"""The meta-scheduler against the real contracts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from deepsquare.chain import ChainUnreachable, EventReader, Ledger, Report, SchedulerAccount
from deepsquare.clock import Clock
from deepsquare.metascheduler.client import survey
from deepsquare.metascheduler.service import MetaScheduler
from deepsquare.metascheduler.settings import MetaSchedulerSettings
from deepsquare.model import (
    WEI_PER_CREDIT,
    Affinity,
    AffinityOperator,
    Hardware,
    JobDefinition,
    JobId,
    JobStatus,
    Label,
    Node,
    Prices,
)
from deepsquare.scheduling import Backfill, Order, Rejection
from deepsquare.scheduling.good_faith import REST_FACTOR
from tests.support.chain import FreshGrid, fresh_grid

CREDIT = WEI_PER_CREDIT
SMALL = JobDefinition(tasks=1, cpus_per_task=1, memory_per_cpu_mb=100, gpus=0, script_hash="ab" * 32)
WHOLE_NODE = replace(SMALL, cpus_per_task=4)
CHEAP, DEAR = 0, 1


@pytest.fixture
async def grid() -> AsyncIterator[FreshGrid]:
    """A grid with two providers of one node each, the first at half the price of the second, both alive."""
    async with fresh_grid(_populate) as grid:
        yield grid


async def _populate(grid: FreshGrid) -> None:
    for number, price in ((CHEAP, CREDIT), (DEAR, 2 * CREDIT)):
        labels = (Label("tool.version", "1.4.5"),)
        await grid.join(grid.providers[number], Hardware((Node(4, 8_000),)), Prices(0, price, 0), labels)
        await grid.provider_account(number).heartbeat()
    await grid.customer_account.allow(500 * CREDIT)


def scheduler(
    grid: FreshGrid, ledger: Ledger | None = None, settings: MetaSchedulerSettings | None = None
) -> MetaScheduler:
    reader = EventReader(ledger or grid.ledger, clock=grid.clock)
    return MetaScheduler(ledger or grid.ledger, grid.scheduler_account, reader, grid.clock, settings=settings)


async def request(
    grid: FreshGrid, definition: JobDefinition = SMALL, credit: int = 20, attempts: int = 1, **terms: Any
) -> JobId:
    terms["max_attempts"] = attempts
    return (await grid.customer_account.request_job(definition, credit * CREDIT, "job", **terms)).job_id


async def place_of(grid: FreshGrid, job_id: JobId) -> tuple[JobStatus, int | None]:
    job = await grid.ledger.job(job_id)
    addresses = [provider.address for provider in grid.providers]
    return job.status, None if job.provider is None else addresses.index(job.provider)


async def test_a_pending_job_goes_to_the_cheapest_provider(grid: FreshGrid) -> None:
    job = await request(grid)
    await scheduler(grid).round()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, CHEAP)


async def test_jobs_of_one_round_share_the_free_resources(grid: FreshGrid) -> None:
    jobs = [await request(grid, WHOLE_NODE) for _ in range(3)]
    await scheduler(grid).round()
    assert [await place_of(grid, job) for job in jobs] == [
        (JobStatus.META_SCHEDULED, CHEAP),
        (JobStatus.META_SCHEDULED, DEAR),
        (JobStatus.PENDING, None),
    ]


async def test_a_waiting_job_is_bound_as_soon_as_room_is_free(grid: FreshGrid) -> None:
    service = scheduler(grid)
    first, _, third = [await request(grid, WHOLE_NODE) for _ in range(3)]
    await service.round()
    await grid.customer_account.cancel(first)
    await service.round()
    assert await place_of(grid, third) == (JobStatus.META_SCHEDULED, CHEAP)


async def test_who_cancels_a_job_for_which_a_place_was_kept_is_kept_none_for_a_while(grid: FreshGrid) -> None:
    service = scheduler(grid)
    for _ in (CHEAP, DEAR):
        await request(grid, WHOLE_NODE)
    promised = await request(grid, WHOLE_NODE)
    await service.round()
    grid.clock.advance(10)
    await grid.customer_account.cancel(promised)
    next_one = await request(grid, WHOLE_NODE)
    await service.round()
    assert all("cancelled while a place was kept" in answer.message for answer in refusals(service, next_one))
    grid.clock.advance(10 * REST_FACTOR)
    await service.round()
    assert not any("cancelled" in answer.message for answer in refusals(service, next_one))


async def test_who_cancels_a_job_that_ran_is_kept_places_as_before(grid: FreshGrid) -> None:
    service = scheduler(grid)
    promised = await placed_after_a_promise(grid, service)
    await grid.provider_account(CHEAP).claim([promised])
    await grid.provider_account(CHEAP).report([Report(promised, JobStatus.RUNNING, grid.clock.now())])
    await service.round()
    await grid.customer_account.cancel(promised)
    await grid.provider_account(CHEAP).report([Report(promised, JobStatus.CANCELLED, grid.clock.now())])
    assert not await is_held_against_the_customer(grid, service)


async def test_what_a_provider_lets_fail_is_not_held_against_the_customer(grid: FreshGrid) -> None:
    service = scheduler(grid)
    promised = await placed_after_a_promise(grid, service)
    await grid.provider_account(CHEAP).claim([promised])
    await grid.provider_account(CHEAP).report([Report(promised, JobStatus.PANICKED, grid.clock.now())])
    assert not await is_held_against_the_customer(grid, service)


async def test_a_job_that_is_cancelled_before_its_provider_starts_it_had_a_place_in_vain(grid: FreshGrid) -> None:
    service = scheduler(grid)
    promised = await placed_after_a_promise(grid, service)
    assert await place_of(grid, promised) == (JobStatus.META_SCHEDULED, CHEAP)
    await grid.customer_account.cancel(promised)
    assert await is_held_against_the_customer(grid, service)


async def placed_after_a_promise(grid: FreshGrid, service: MetaScheduler) -> JobId:
    """A job that was promised a place for ten seconds and has one now; nobody has claimed it yet."""
    first, _, promised = [await request(grid, WHOLE_NODE) for _ in range(3)]
    await service.round()
    grid.clock.advance(10)
    await grid.customer_account.cancel(first)
    await service.round()
    return promised


async def is_held_against_the_customer(grid: FreshGrid, service: MetaScheduler) -> bool:
    """Whether the customer's next job that has to wait is promised nothing because of what it cancelled."""
    _, waiting = [await request(grid, WHOLE_NODE) for _ in range(2)]
    await service.round()
    return any("cancelled" in answer.message for answer in refusals(service, waiting))


def refusals(service: MetaScheduler, job: JobId) -> list[Rejection]:
    return [answer for answer in service.why(job) if isinstance(answer, Rejection)]


async def test_a_job_waits_for_a_provider_below_its_price_ceiling(grid: FreshGrid) -> None:
    service = scheduler(grid)
    first = await request(grid, WHOLE_NODE)
    await service.round()
    modest = await request(grid, WHOLE_NODE, max_price_per_minute=8 * CREDIT - 1)
    rich = await request(grid, WHOLE_NODE, max_price_per_minute=8 * CREDIT)
    await service.round()
    assert await place_of(grid, modest) == (JobStatus.PENDING, None)
    assert await place_of(grid, rich) == (JobStatus.META_SCHEDULED, DEAR)
    await grid.customer_account.cancel(first)
    await service.round()
    assert await place_of(grid, modest) == (JobStatus.META_SCHEDULED, CHEAP)


async def test_a_job_whose_latest_start_is_over_holds_up_nobody(grid: FreshGrid) -> None:
    service = scheduler(grid)
    first, _ = [await request(grid, WHOLE_NODE) for _ in range(2)]
    await service.round()
    latest = grid.clock.now() + timedelta(seconds=10)
    late = await request(grid, WHOLE_NODE, latest_start=latest)
    next_one = await request(grid, WHOLE_NODE)
    grid.clock.advance(11)
    await grid.customer_account.cancel(first)
    await service.round()
    assert await place_of(grid, late) == (JobStatus.CANCELLED, None)
    assert await place_of(grid, next_one) == (JobStatus.META_SCHEDULED, CHEAP)


async def test_a_label_of_thousands_of_digits_is_a_number_like_another(grid: FreshGrid) -> None:
    rule = Affinity(Label("tool.version", "1.0." + "9" * 6000), AffinityOperator.GREATER_OR_EQUAL)
    job = await request(grid, replace(SMALL, affinities=(rule,)))
    await scheduler(grid).round()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, CHEAP)


async def test_only_who_wants_it_cheap_waits_for_the_cheap_provider(grid: FreshGrid) -> None:
    service = scheduler(grid)
    first = await request(grid, WHOLE_NODE)
    await service.round()
    frugal = await request(grid, replace(WHOLE_NODE, uses=(Label("objective", "cost"),)))
    await service.round()
    hasty = await request(grid, replace(WHOLE_NODE, uses=(Label("objective", "time"),)))
    await service.round()
    assert await place_of(grid, frugal) == (JobStatus.PENDING, None)
    assert await place_of(grid, hasty) == (JobStatus.META_SCHEDULED, DEAR)
    await grid.customer_account.cancel(first)
    await service.round()
    assert await place_of(grid, frugal) == (JobStatus.META_SCHEDULED, CHEAP)


async def queue_with_a_hole(grid: FreshGrid, settings: MetaSchedulerSettings) -> dict[str, JobId]:
    """Jobs of which the last ones may go around those before them, and the round that decides about it.

    `now` holds 3 of the 4 CPUs of the cheap provider for 10 minutes, the dear one is full for 20. `first` needs 3
    CPUs for 5 minutes, `second` all 4 for 5. `short` and `long` need the free CPU, for 5 and for 20 minutes.
    """
    service = scheduler(grid, settings=settings)
    bound = {}
    for name, width, credit in (("now", 3, 30), ("full", 4, 160)):
        bound[name] = await request(grid, replace(SMALL, cpus_per_task=width), credit)
        await service.round()
    waiting = {}
    for name, width, credit in (("first", 3, 15), ("second", 4, 20), ("long", 1, 20), ("short", 1, 5)):
        waiting[name] = await request(grid, replace(SMALL, cpus_per_task=width), credit)
    await service.round()
    assert [await place_of(grid, job) for job in bound.values()] == [
        (JobStatus.META_SCHEDULED, CHEAP),
        (JobStatus.META_SCHEDULED, DEAR),
    ]
    return {**bound, **waiting}


async def waiting_of(grid: FreshGrid, jobs: dict[str, JobId]) -> set[str]:
    return {name for name, job in jobs.items() if (await place_of(grid, job))[0] is JobStatus.PENDING}


@pytest.mark.parametrize(
    ("backfill", "waiting"),
    [
        (Backfill.NONE, {"first", "second", "long", "short"}),
        # `long` leaves `first` its room and takes the only free CPU, though `second` starts later because of it.
        (Backfill.EASY, {"first", "second", "short"}),
        (Backfill.CONSERVATIVE, {"first", "second", "long"}),
    ],
)
async def test_who_may_go_around_whom_is_what_the_setting_backfill_says(
    grid: FreshGrid, backfill: Backfill, waiting: set[str]
) -> None:
    jobs = await queue_with_a_hole(grid, MetaSchedulerSettings(order=Order.FCFS, backfill=backfill))
    assert await waiting_of(grid, jobs) == waiting


async def test_conservative_backfill_serves_a_chain_in_turn_also_after_a_restart(grid: FreshGrid) -> None:
    settings = MetaSchedulerSettings(order=Order.FCFS, backfill=Backfill.CONSERVATIVE)
    jobs = await queue_with_a_hole(grid, settings)
    service = scheduler(grid, settings=settings)
    for over, waiting in ((("now", "short"), {"second", "long"}), (("first",), {"long"}), (("second",), set())):
        for name in over:
            await grid.customer_account.cancel(jobs.pop(name))
        await service.round()
        assert await waiting_of(grid, jobs) == waiting
    assert await place_of(grid, jobs["long"]) == (JobStatus.META_SCHEDULED, CHEAP)


async def test_a_new_instance_sees_what_is_already_bound(grid: FreshGrid) -> None:
    first = await request(grid, WHOLE_NODE)
    await scheduler(grid).round()
    second = await request(grid, WHOLE_NODE)
    await scheduler(grid).round()
    assert await place_of(grid, first) == (JobStatus.META_SCHEDULED, CHEAP)
    assert await place_of(grid, second) == (JobStatus.META_SCHEDULED, DEAR)


async def test_two_instances_at_once_bind_each_job_once(grid: FreshGrid) -> None:
    jobs = [await request(grid) for _ in range(4)]
    one, two = scheduler(grid), scheduler(grid)
    await asyncio.gather(one.round(), two.round())
    assert {(await place_of(grid, job)) for job in jobs} == {(JobStatus.META_SCHEDULED, CHEAP)}
    assert await one.round() == []


async def test_a_job_that_was_refused_goes_to_another_provider(grid: FreshGrid) -> None:
    service = scheduler(grid)
    job = await request(grid)
    await service.round()
    await grid.provider_account(CHEAP).refuse(job, "drained")
    await service.round()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, DEAR)


async def test_a_refused_job_closes_its_provider_to_no_other_job(grid: FreshGrid) -> None:
    service = scheduler(grid)
    refused = await request(grid)
    await service.round()
    await grid.provider_account(CHEAP).refuse(refused, "its script is missing")
    await service.round()
    other = await request(grid)
    await service.round()
    assert await place_of(grid, other) == (JobStatus.META_SCHEDULED, CHEAP)


async def test_a_provider_that_lost_a_job_gets_no_other_for_a_while(grid: FreshGrid) -> None:
    service = scheduler(grid)
    lost = await request(grid)
    await service.round()
    await service.round()
    settings = await grid.ledger.settings()
    grid.clock.advance(settings.claim_timeout_seconds + 1)
    for number in (CHEAP, DEAR):
        await grid.provider_account(number).heartbeat()
    await service.round()
    other = await request(grid)
    await service.round()
    assert await place_of(grid, lost) == (JobStatus.META_SCHEDULED, DEAR)
    assert await place_of(grid, other) == (JobStatus.META_SCHEDULED, DEAR)


async def test_a_job_that_nobody_claims_in_time_is_moved(grid: FreshGrid) -> None:
    service = scheduler(grid)
    job = await request(grid)
    await service.round()
    await service.round()
    settings = await grid.ledger.settings()
    grid.clock.advance(settings.claim_timeout_seconds + 1)
    await grid.provider_account(DEAR).heartbeat()
    await service.round()
    await service.round()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, DEAR)


async def test_a_job_of_a_provider_that_went_away_is_moved_once_its_lease_is_over(grid: FreshGrid) -> None:
    service = scheduler(grid)
    job = await request(grid)
    await service.round()
    await grid.provider_account(CHEAP).claim([job])
    settings = await grid.ledger.settings()
    grid.clock.advance(settings.lease_seconds + 1)
    await grid.provider_account(DEAR).heartbeat()
    await service.round()
    await service.round()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, DEAR)


async def test_a_silent_provider_gets_nothing(grid: FreshGrid) -> None:
    settings = await grid.ledger.settings()
    grid.clock.advance(settings.lease_seconds + 1)
    await grid.provider_account(DEAR).heartbeat()
    job = await request(grid)
    await scheduler(grid).round()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, DEAR)


async def test_a_provider_that_comes_back_gets_jobs_at_once(grid: FreshGrid) -> None:
    service = scheduler(grid)
    settings = await grid.ledger.settings()
    grid.clock.advance(settings.lease_seconds + 1)
    job = await request(grid)
    await service.round()
    assert await place_of(grid, job) == (JobStatus.PENDING, None)
    await grid.provider_account(CHEAP).heartbeat()
    await service.round()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, CHEAP)


async def test_a_job_that_fits_nowhere_waits_and_says_why(grid: FreshGrid) -> None:
    job = await request(grid, replace(SMALL, cpus_per_task=64))
    service = scheduler(grid)
    await service.round()
    assert await place_of(grid, job) == (JobStatus.PENDING, None)
    answers = service.why(job)
    assert len(answers) == 2
    assert all(isinstance(answer, Rejection) and "64 CPUs" in answer.message for answer in answers)


async def test_a_job_without_credits_for_a_minute_waits(grid: FreshGrid) -> None:
    job = (await grid.customer_account.request_job(SMALL, CREDIT // 2, "poor")).job_id
    service = scheduler(grid)
    await service.round()
    assert [answer.rule for answer in service.why(job) if isinstance(answer, Rejection)] == ["credits", "credits"]


async def test_a_banned_provider_gets_nothing_new(grid: FreshGrid) -> None:
    service = scheduler(grid)
    await service.round()
    await grid.admin_account.ban(grid.providers[CHEAP].address)
    job = await request(grid)
    await service.round()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, DEAR)


@dataclass(frozen=True)
class Ahead:
    """A clock that goes before another one."""

    clock: Clock
    seconds: float

    def now(self) -> datetime:
        return self.clock.now() + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)


async def test_a_job_that_is_not_overdue_for_the_chain_yet_makes_no_blocks(grid: FreshGrid) -> None:
    # Each block wakes the scheduler for another round: it would go round as fast as it can.
    job = await request(grid)
    await scheduler(grid).round()
    timeout_seconds = (await grid.ledger.settings()).claim_timeout_seconds
    clock = Ahead(grid.clock, timeout_seconds + 1)
    service = MetaScheduler(grid.ledger, grid.scheduler_account, EventReader(grid.ledger, clock=clock), clock)
    head = await grid.ledger.head()
    for _ in range(3):
        await service.round()
    assert await grid.ledger.head() == head
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, CHEAP)


async def _finish(grid: FreshGrid, job: JobId) -> None:
    for status in (JobStatus.RUNNING, JobStatus.FINISHED):
        await grid.provider_account(CHEAP).report([Report(job, status, grid.clock.now())])


async def _cancel(grid: FreshGrid, job: JobId) -> None:
    await grid.customer_account.cancel(job)
    await grid.provider_account(CHEAP).report([Report(job, JobStatus.CANCELLED, grid.clock.now())])


async def _give_back(grid: FreshGrid, job: JobId) -> None:
    await grid.provider_account(CHEAP).refuse(job, "removed")


async def _fall_silent(grid: FreshGrid, _job: JobId) -> None:
    grid.clock.advance((await grid.ledger.settings()).lease_seconds + 1)
    await grid.provider_account(DEAR).heartbeat()


@pytest.mark.parametrize(
    ("leave", "status", "place"),
    [
        (_finish, JobStatus.FINISHED, CHEAP),
        (_cancel, JobStatus.CANCELLED, CHEAP),
        (_give_back, JobStatus.META_SCHEDULED, DEAR),
        (_fall_silent, JobStatus.META_SCHEDULED, DEAR),
    ],
)
async def test_the_jobs_of_a_provider_that_is_removed_are_followed_to_their_end(
    grid: FreshGrid, leave: Callable[[FreshGrid, JobId], Awaitable[None]], status: JobStatus, place: int
) -> None:
    service = scheduler(grid)
    job = await request(grid, attempts=2)
    await service.round()
    await grid.provider_account(CHEAP).claim([job])
    await grid.admin_account.remove(grid.providers[CHEAP].address)
    await service.round()
    await leave(grid, job)
    await service.round()
    await service.round()
    assert await place_of(grid, job) == (status, place)


async def test_a_provider_that_was_removed_and_comes_back_still_holds_its_jobs(grid: FreshGrid) -> None:
    held = await request(grid, WHOLE_NODE)
    await scheduler(grid).round()
    await grid.provider_account(CHEAP).claim([held])
    await grid.admin_account.remove(grid.providers[CHEAP].address)
    service = scheduler(grid)
    await service.round()
    await grid.join(grid.providers[CHEAP], Hardware((Node(4, 8_000),)), Prices(0, CREDIT, 0))
    job = await request(grid)
    await service.round()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, DEAR)


class Flaky:
    """A chain that can be unplugged."""

    def __init__(self, rpc: Any) -> None:
        self.rpc = rpc
        self.is_up = True
        self.refused = 0

    async def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        self._check()
        return await self.rpc.request(method, params)

    async def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        self._check()
        return list(await self.rpc.batch(calls))

    def new_heads(self) -> AsyncIterator[int | None]:
        heads: AsyncIterator[int | None] = self.rpc.new_heads()
        return heads

    async def close(self) -> None:
        """The grid closes its chain itself."""

    def _check(self) -> None:
        if not self.is_up:
            self.refused += 1
            raise ChainUnreachable("unplugged")


class Listened(Flaky):
    """A chain that says when somebody waits for its blocks."""

    def __init__(self, rpc: Any) -> None:
        super().__init__(rpc)
        self.is_listened_to = asyncio.Event()

    def new_heads(self) -> AsyncIterator[int | None]:
        self.is_listened_to.set()
        return super().new_heads()


async def test_after_the_chain_was_away_nothing_is_lost(grid: FreshGrid) -> None:
    chain = Flaky(grid.rpc)
    service = scheduler(grid, await Ledger.connect(chain, grid.address))
    job = await request(grid)
    chain.is_up = False
    with pytest.raises(ChainUnreachable):
        await service.round()
    chain.is_up = True
    await service.round()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, CHEAP)


async def test_a_chain_that_is_away_is_told_of_once_and_once_that_it_is_back(
    grid: FreshGrid, caplog: pytest.LogCaptureFixture
) -> None:
    chain = Flaky(grid.rpc)
    service = scheduler(grid, await Ledger.connect(chain, grid.address))
    chain.is_up = False
    running = asyncio.create_task(service.run())
    while chain.refused < 3:
        grid.clock.advance(MetaSchedulerSettings().retry_seconds)
        await asyncio.sleep(0)
    chain.is_up = True
    while len(caplog.messages) < 2:
        grid.clock.advance(MetaSchedulerSettings().retry_seconds)
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert caplog.messages == ["scheduling: unplugged", "scheduling: all is well again"]


async def test_the_service_schedules_until_it_is_cancelled(grid: FreshGrid) -> None:
    running = asyncio.create_task(scheduler(grid).run())
    watcher = EventReader(grid.ledger, clock=grid.clock)
    job = await request(grid)
    while (await place_of(grid, job))[0] is JobStatus.PENDING:
        await watcher.wake(60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await watcher.close()
    assert await place_of(grid, job) == (JobStatus.META_SCHEDULED, CHEAP)


async def test_a_service_that_is_cancelled_while_it_waits_for_a_block_leaves_nothing_running(grid: FreshGrid) -> None:
    chain = Listened(grid.rpc)
    service = scheduler(grid, await Ledger.connect(chain, grid.address))
    before = asyncio.all_tasks()
    running = asyncio.create_task(service.run())
    await chain.is_listened_to.wait()
    assert asyncio.all_tasks() > {*before, running}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == before


async def test_a_view_that_follows_the_events_is_one_that_reads_the_chain(grid: FreshGrid) -> None:
    followed = await survey(grid.ledger, grid.clock)
    cheap, dear = grid.provider_account(CHEAP), grid.provider_account(DEAR)
    job = await request(grid, WHOLE_NODE, attempts=2)
    await request(grid)

    async def is_the_same() -> bool:
        await followed.refresh()
        fresh, now = await survey(grid.ledger, grid.clock), grid.clock.now()
        return (followed.sites(now), followed.queue()) == (fresh.sites(now), fresh.queue())

    assert await is_the_same()
    await grid.scheduler_account.assign([(job, cheap.address)])
    assert await is_the_same()
    await cheap.refuse(job, "drained")
    assert await is_the_same()
    await grid.scheduler_account.assign([(job, dear.address)])
    assert await is_the_same()
    await dear.claim([job])
    await grid.customer_account.top_up(job, 7 * CREDIT)
    assert await is_the_same()
    await dear.report([Report(job, JobStatus.RUNNING, grid.clock.now())])
    assert await is_the_same()
    await grid.customer_account.cancel(job)
    assert await is_the_same()
    await dear.report([Report(job, JobStatus.CANCELLED, grid.clock.now())])
    assert await is_the_same()


async def test_a_survey_shows_customers_what_the_scheduler_sees(grid: FreshGrid) -> None:
    job = await request(grid, WHOLE_NODE)
    await scheduler(grid).round()
    view = await survey(grid.ledger, grid.clock)
    bound = {site.provider.address: [held.id for held in site.bound] for site in view.sites(grid.clock.now())}
    assert bound == {grid.providers[CHEAP].address: [job], grid.providers[DEAR].address: []}


def test_a_scheduler_account_is_all_the_power_it_needs() -> None:
    public = {name for name in dir(SchedulerAccount) if not name.startswith("_")}
    assert public == {"address", "assign", "expire"}
