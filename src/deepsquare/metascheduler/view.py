"""What a scheduler sees: the hot jobs and the providers, kept in step with the chain.

Rebuilt from the chain alone, and what is over costs next to nothing: the first `refresh` asks for one event of
each job that is over, every later one only for what is new. A job is read from the contract once, when it is first
heard of or comes back into the queue; from then on its events are applied as facts ("it is RUNNING"), so one that is
seen twice does no harm.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from deepsquare.chain import (
    EventReader,
    JobAssigned,
    JobChanged,
    JobEvent,
    JobSettled,
    Ledger,
    ProviderChanged,
    job_after,
)
from deepsquare.clock import Clock
from deepsquare.metascheduler.past import MOST_JOBS, Past
from deepsquare.model import Address, Job, JobId, JobStatus, Provider, max_duration_seconds
from deepsquare.scheduling import BoundJob, JobRequest, Site
from deepsquare.scheduling.matching import moment

LEASE_REFRESH = timedelta(seconds=15)
"""How old a provider's lease may be before it is read again; a lease changes without an event."""


class GridView:
    """The hot jobs and the providers of one grid."""

    def __init__(self, ledger: Ledger, reader: EventReader, clock: Clock, *, past: Past | None = None) -> None:
        """`past`: who is told what happened before the first `refresh` was done."""
        self._ledger = ledger
        self._reader = reader
        self._clock = clock
        self._next_block = ledger.grid.deployed_at_block
        self._knows_what_is_over = False
        self._changed: set[JobId] = set()
        self._past = past
        self._touched: set[JobId] | None = None
        self._cancelled: set[JobId] = set()
        self._jobs: dict[JobId, Job] = {}
        self._providers: dict[Address, Provider] = {}
        self._providers_changed = True
        self._leases: dict[Address, datetime] = {}
        self._leases_read_at: datetime | None = None

    @property
    def jobs(self) -> list[Job]:
        """All hot jobs, the oldest first."""
        return sorted(self._jobs.values(), key=lambda job: job.id)

    def job(self, job_id: JobId) -> Job | None:
        """A hot job; None where it is not (any more)."""
        return self._jobs.get(job_id)

    def take_changes(self) -> set[JobId]:
        """The jobs that something was heard of since the last call: each is hot as `job` says, or over.

        The first call answers all hot jobs; before it nothing is kept, for most views are never followed.
        """
        touched = set(self._jobs) if self._touched is None else self._touched
        self._touched = set()
        self._cancelled &= touched
        return touched

    def was_cancelled(self, job_id: JobId) -> bool:
        """Whether a job of the last `take_changes` is over because its customer wanted that, or came too late."""
        return job_id in self._cancelled

    @property
    def providers(self) -> dict[Address, Provider]:
        """All providers."""
        return self._providers

    @property
    def leases(self) -> dict[Address, datetime]:
        """Until when each provider has proven to be alive, and each that is none any more and holds a job still."""
        return dict(self._leases)

    def mark_changed(self, job_ids: Iterable[JobId]) -> None:
        """Have the next `refresh` read these jobs again, whatever the events say."""
        self._changed.update(job_ids)

    async def refresh(self) -> None:
        """Catch up with the chain. Raises `ChainUnreachable`; nothing that was seen is lost then."""
        await self._read_events()
        await asyncio.gather(self._read_jobs(), self._read_providers())

    def queue(self) -> list[JobRequest]:
        """The jobs that wait for a place."""
        return [request_of(job) for job in self._jobs.values() if job.status is JobStatus.PENDING]

    def sites(self, now: datetime) -> list[Site]:
        """Every provider with what it holds."""
        bound: defaultdict[Address, list[BoundJob]] = defaultdict(list)
        for job in self.jobs:
            if job.provider is not None and job.status is not JobStatus.PENDING:
                bound[job.provider].append(_bound(job, now))
        return [
            Site(provider, tuple(bound[address]), self._leases.get(address))
            for address, provider in self._providers.items()
        ]

    async def _read_events(self) -> None:
        """Note what happened. A job whose last change made it cold needs no reading."""
        if not self._knows_what_is_over:
            await self._read_what_is_over()
            self._knows_what_is_over = True
        while True:
            page = await self._reader.read(self._next_block)
            for event in page.events:
                if isinstance(event, ProviderChanged):
                    self._providers_changed = True
                elif isinstance(event, JobEvent):
                    self._note(event)
            self._next_block = page.next_block
            if page.reached_head:
                self._past = None
                return

    async def _read_what_is_over(self) -> None:
        """Have all jobs read that are not over yet, and the events that came after most jobs were over.

        Who wants to know of the past hears of the newest jobs that are over, too.
        """
        settled: list[tuple[JobId, int]] = []
        block, is_behind = self._next_block, True
        while is_behind:
            page = await self._reader.read(block, only="JobSettled")
            settled += [(event.job_id, event.block) for event in page.events if isinstance(event, JobSettled)]
            block, is_behind = page.next_block, not page.reached_head
        count = await self._ledger.job_count()
        self._changed = {JobId(number) for number in range(1, count + 1)} - {job for job, _ in settled}
        if self._past is None:
            self._next_block = block
        elif len(settled) > MOST_JOBS:
            self._next_block = settled[-MOST_JOBS][1]

    def _note(self, event: JobEvent) -> None:
        """Apply an event to a job that is known, or have the job read."""
        if self._past is not None:
            self._past.note(event)
        if self._touched is not None:
            self._touched.add(event.job_id)
        if isinstance(event, JobSettled) or (isinstance(event, JobChanged) and event.after.is_cold):
            self._changed.discard(event.job_id)
            self._jobs.pop(event.job_id, None)
            if self._touched is not None and isinstance(event, JobChanged) and event.after is JobStatus.CANCELLED:
                self._cancelled.add(event.job_id)
            return
        job = self._jobs.get(event.job_id)
        changed = None if job is None else _after(job, event, self._clock.now())
        if changed is None:
            self._changed.add(event.job_id)
        else:
            self._jobs[event.job_id] = changed

    async def _read_jobs(self) -> None:
        wanted = sorted(self._changed)
        for job in await self._ledger.jobs(wanted):
            if job.status.is_hot:
                self._jobs[job.id] = job
            else:
                self._jobs.pop(job.id, None)
        if self._touched is not None:
            self._touched.update(wanted)
        self._changed.difference_update(wanted)

    async def _read_providers(self) -> None:
        if self._providers_changed:
            self._providers = {provider.address: provider for provider in await self._ledger.providers()}
            self._providers_changed = False
            self._leases_read_at = None
        if self._leases_are_stale(self._clock.now()):
            holders = (job.provider for job in self._jobs.values() if job.provider is not None)
            asked = list(dict.fromkeys((*self._providers, *holders)))
            self._leases = dict(zip(asked, await self._ledger.lease_ends(asked), strict=True))
            self._leases_read_at = self._clock.now()

    def _leases_are_stale(self, now: datetime) -> bool:
        """True after a while, and always where a provider counts as gone: it may have come (back) meanwhile."""
        if self._leases_read_at is None or now - self._leases_read_at >= LEASE_REFRESH:
            return True
        return any(end <= now for end in self._leases.values())


def request_of(job: Job) -> JobRequest:
    """What placement needs to know of a job on the chain."""
    return JobRequest(
        definition=job.definition,
        locked_credits=job.cost.max_cost,
        submitted_at=job.time.submitted_at,
        id=job.id,
        max_price_per_minute=job.terms.max_price_per_minute,
        latest_start=job.terms.latest_start,
        avoided=job.terms.avoided,
        customer=job.customer,
    )


def _after(job: Job, event: JobEvent, now: datetime) -> Job | None:
    """The job after an event, as far as placement needs to know; None where it must be read again."""
    if isinstance(event, JobAssigned):
        terms = replace(job.terms, price_per_minute=event.price_per_minute)
        return replace(job, provider=event.provider, terms=terms, time=replace(job.time, assigned_at=now))
    if isinstance(event, JobChanged) and event.after is JobStatus.META_SCHEDULED:
        return replace(job, status=event.after, time=replace(job.time, block_of_last_change=event.block))
    return job_after(job, event, now)


def bound_until(job: Job, now: float) -> float:
    """When a job that has a place ends at the latest (a timestamp); `math.inf` where its credits do not bound it."""
    seconds = max_duration_seconds(job.cost.max_cost, job.terms.price_per_minute)
    if seconds is None:
        return math.inf
    return (job.time.started_at.timestamp() if job.time.started_at else now) + seconds


def _bound(job: Job, now: datetime) -> BoundJob:
    until = bound_until(job, now.timestamp())
    return BoundJob(job.id, job.definition, moment(until))
