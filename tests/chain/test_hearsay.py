"""What an event tells of a job is what the chain says of it, save moments, bills and last words."""

import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from deepsquare.chain import EventReader, JobCancelRequested, JobEvent, Report, job_after
from deepsquare.model import WEI_PER_CREDIT, Hardware, Job, JobDefinition, JobId, JobStatus, Node, Prices
from tests.support.chain import FreshGrid, fresh_grid

DEFINITION = JobDefinition(tasks=1, cpus_per_task=1, memory_per_cpu_mb=1, gpus=0, script_hash="ab" * 32)
SEEN_AT = datetime(2100, 1, 1, tzinfo=UTC)

Step = Callable[[FreshGrid, JobId], Awaitable[object]]


async def requested(grid: FreshGrid, job_id: JobId) -> None:
    """Nothing more than what was done already."""


async def assigned(grid: FreshGrid, job_id: JobId) -> None:
    await grid.scheduler_account.assign([(job_id, grid.providers[0].address)])


async def assigned_elsewhere(grid: FreshGrid, job_id: JobId) -> None:
    await grid.scheduler_account.assign([(job_id, grid.providers[1].address)])


async def claimed(grid: FreshGrid, job_id: JobId) -> None:
    await grid.provider_account().claim([job_id])


async def refused(grid: FreshGrid, job_id: JobId) -> None:
    await grid.provider_account().refuse(job_id, "no room")


async def topped_up(grid: FreshGrid, job_id: JobId) -> None:
    await grid.customer_account.top_up(job_id, WEI_PER_CREDIT)


async def cancelled(grid: FreshGrid, job_id: JobId) -> None:
    await grid.customer_account.cancel(job_id)


async def panicked(grid: FreshGrid, job_id: JobId) -> None:
    await grid.provider_account().panic(job_id, "the node burnt")


def reported(status: JobStatus) -> Step:
    async def step(grid: FreshGrid, job_id: JobId) -> None:
        assert not await grid.provider_account().report([Report(job_id, status, grid.clock.now(), 0, "")])

    return step


running, finished = reported(JobStatus.RUNNING), reported(JobStatus.FINISHED)
LIVES: Mapping[str, tuple[Step, ...]] = {
    "finished": (assigned, claimed, running, finished),
    "topped up": (assigned, claimed, topped_up, running, topped_up, finished),
    "failed": (assigned, claimed, reported(JobStatus.FAILED)),
    "out of credits": (assigned, claimed, running, reported(JobStatus.OUT_OF_CREDITS)),
    "cancelled while it waited": (cancelled,),
    "cancelled while it ran": (assigned, claimed, running, cancelled, reported(JobStatus.CANCELLED)),
    "panicked": (assigned, claimed, running, panicked),
    "refused": (assigned, refused, assigned_elsewhere),
    "refused after its claim": (assigned, claimed, refused, assigned_elsewhere, cancelled),
}


def told_of(job: Job) -> Job:
    """What events tell of a job: all but when things happened, what it cost in the end and what it said."""
    moments = replace(
        job.time,
        claimed_at=job.time.claimed_at and SEEN_AT,
        started_at=job.time.started_at and SEEN_AT,
        ended_at=job.time.ended_at and SEEN_AT,
        cancel_requested_at=job.time.cancel_requested_at and SEEN_AT,
    )
    return replace(job, time=moments, cost=replace(job.cost, final_cost=0), last_error="", exit_code=0)


@dataclass(frozen=True)
class Standing:
    """A job as the chain has it in a block, after a step of its life."""

    block: int
    job: Job


async def lived(grid: FreshGrid, life: tuple[Step, ...]) -> tuple[list[Standing], list[JobEvent]]:
    """The job after its request and after each step of its life, and all its events."""
    for provider in grid.providers:
        await grid.join(provider, Hardware((Node(4, 1000),)), Prices(0, 1, 0))
    await grid.customer_account.allow(5 * WEI_PER_CREDIT)
    job_id = (await grid.customer_account.request_job(DEFINITION, WEI_PER_CREDIT, "a job")).job_id
    stood = []
    for step in (requested, *life):
        grid.clock.advance(7)
        await step(grid, job_id)
        stood.append(Standing((await grid.ledger.head()).number, await grid.ledger.job(job_id)))
    async with EventReader(grid.ledger) as reader:
        page = await reader.read(0)
    return stood, [event for event in page.events if isinstance(event, JobEvent)]


def told(known: Job, events: Iterable[JobEvent]) -> Job | None:
    """A known job after these events, in their order; None where it had to be read again."""
    job: Job | None = known
    for event in events:
        job = job and job_after(job, event, SEEN_AT)
    return job


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
async def test_a_job_known_at_any_moment_is_after_its_events_as_the_chain_has_it(life: tuple[Step, ...]) -> None:
    """And only a new place, or the loss of it, makes another look necessary."""
    async with fresh_grid() as grid:
        stood, events = await lived(grid, life)
    for known, wanted in itertools.combinations_with_replacement(stood, 2):
        for seen_from in range(known.block + 2):
            job = told(known.job, [event for event in events if seen_from <= event.block <= wanted.block])
            assert job is None or told_of(job) == told_of(wanted.job)
    for step, (known, wanted) in zip(life, itertools.pairwise(stood), strict=True):
        job = told(known.job, [event for event in events if known.block < event.block <= wanted.block])
        assert (job is None) == (step in (assigned, assigned_elsewhere, refused))


async def test_a_wish_to_cancel_that_is_heard_of_again_keeps_its_moment() -> None:
    async with fresh_grid() as grid:
        stood, events = await lived(grid, (assigned, claimed, running, cancelled))
    known = stood[-1].job
    (wish,) = (event for event in events if isinstance(event, JobCancelRequested))
    assert job_after(known, wish, SEEN_AT) == known
