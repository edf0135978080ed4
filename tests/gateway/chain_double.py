"""A chain in memory for the gateway's tests: jobs that stand as the test says, and the events of getting there.

The rules of the real contracts are not repeated here; tests with the real ones are in `test_real_chain.py`.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from deepsquare.chain.errors import ChainUnreachable, UnknownJob
from deepsquare.chain.events import GridEvent, JobChanged, JobRequested
from deepsquare.chain.grid import GridAddress
from deepsquare.chain.reader import EventPage
from deepsquare.clock import Clock
from deepsquare.model import Address, Job, JobCost, JobDefinition, JobId, JobStatus, JobTerms, JobTime

CONTRACT = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
CHAIN_ID = 179188


@dataclass
class ChainDouble:
    """What the gateway reads of a chain."""

    clock: Clock
    grid: GridAddress = field(default_factory=lambda: GridAddress(CHAIN_ID, CONTRACT, 1))
    is_reachable: bool = True
    reads: int = 0
    looks_in_vain: int = 0
    """For events, while it was not reachable."""
    _jobs: dict[JobId, Job] = field(default_factory=dict)
    _events: list[GridEvent] = field(default_factory=list)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while whoever follows the chain has worked in everything and waits for news."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def request(self, customer: Address, script_hash: str) -> JobId:
        """A customer asks for a job that names this script."""
        job_id = JobId(len(self._jobs) + 1)
        definition = JobDefinition(1, 1, 1, 0, script_hash)
        time = JobTime(self.clock.now())
        self._jobs[job_id] = Job(job_id, JobStatus.PENDING, customer, None, definition, JobCost(10**18), time, "test")
        self._happened(JobRequested(self._next_block, 0, job_id, customer))
        return job_id

    def assign(self, job_id: JobId, provider: Address) -> None:
        """The scheduler gives the job to a provider: its next attempt."""
        job = self._jobs[job_id]
        terms = JobTerms(attempt=job.terms.attempt + 1)
        self._jobs[job_id] = replace(job, provider=provider, terms=terms)
        self.put(job_id, JobStatus.META_SCHEDULED)

    def put(self, job_id: JobId, status: JobStatus) -> None:
        """The job goes to another state."""
        job = self._jobs[job_id]
        ended_at: datetime | None = self.clock.now() if status.is_cold else None
        self._jobs[job_id] = replace(job, status=status, time=replace(job.time, ended_at=ended_at))
        event = JobChanged(self._next_block, 0, job_id, job.provider, job.customer, job.status, status)
        self._happened(event)

    @property
    def _next_block(self) -> int:
        return self.grid.deployed_at_block + len(self._events)

    def _happened(self, event: GridEvent) -> None:
        self._events.append(event)
        self.idle.clear()
        self._news.set()

    async def job(self, job_id: JobId) -> Job:
        self.reads += 1
        if not self.is_reachable:
            raise ChainUnreachable("the node does not answer")
        if job_id not in self._jobs:
            raise UnknownJob(job_id)
        return self._jobs[job_id]

    async def jobs(self, ids: Iterable[JobId]) -> list[Job]:
        return [await self.job(job_id) for job_id in ids]

    async def read(self, from_block: int) -> EventPage:
        if not self.is_reachable:
            self.looks_in_vain += 1
            raise ChainUnreachable("the node does not answer")
        found = tuple(event for event in self._events if event.block >= from_block)
        return EventPage(found, max(from_block, self._next_block), reached_head=True)

    async def wake(self, timeout_seconds: float) -> None:  # noqa: ARG002 - only news wake here
        if not self._news.is_set():
            self.idle.set()
        await self._news.wait()
        self._news.clear()

    async def close(self) -> None:
        """Nothing is listened to."""
