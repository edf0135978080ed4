"""Jobs as the chain shows them: read now, or read a moment ago where a moment makes no difference.

Appends come many times a second for each running job; who runs a job changes at most a few times in its
life. So appends and followers take an answer that is at most two seconds old; whoever fetches a script or
begins to read a log is checked against the chain as it is.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from deepsquare.chain.errors import UnknownJob
from deepsquare.chain.events import JobEvent
from deepsquare.chain.hearsay import job_after
from deepsquare.clock import Clock
from deepsquare.model import Job, JobId

RECENT = timedelta(seconds=2)
REMEMBERED_JOBS = 10_000


class JobSource(Protocol):
    """Where jobs are read; `deepsquare.chain.Ledger` is one."""

    async def job(self, job_id: JobId, /) -> Job:
        """The job as it is now. Raises `UnknownJob`."""
        ...


@dataclass(frozen=True, slots=True)
class _Seen:
    job: Job | None
    at: datetime


class Jobs:
    """Looks jobs up, and remembers for a moment."""

    def __init__(self, source: JobSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._seen: OrderedDict[JobId, _Seen] = OrderedDict()

    async def fresh(self, job_id: JobId) -> Job | None:
        """The job as it is now; None where there is none. Raises `ChainError`."""
        now = self._clock.now()
        try:
            job = await self._source.job(job_id)
        except UnknownJob:
            job = None
        self._keep(job_id, _Seen(job, now))
        return job

    async def recent(self, job_id: JobId) -> Job | None:
        """The job as it was at most two seconds ago."""
        seen = self._seen.get(job_id)
        if seen is not None and self._clock.now() - seen.at <= RECENT:
            return seen.job
        return await self.fresh(job_id)

    def known(self, job_id: JobId) -> Job | None:
        """The job as it was last read and as events have told of it since; None where that is not known."""
        seen = self._seen.get(job_id)
        return None if seen is None else seen.job

    def keep(self, jobs: Iterable[Job], at: datetime) -> None:
        """Remember jobs that somebody has read, not before that moment."""
        for job in jobs:
            self._keep(job.id, _Seen(job, at))

    def hear(self, event: JobEvent) -> None:
        """Work in what happened to a job; where the event does not tell all, the next look reads the chain."""
        job, now = self.known(event.job_id), self._clock.now()
        changed = None if job is None else job_after(job, event, now)
        self._seen.pop(event.job_id, None)
        if changed is not None:
            self._keep(changed.id, _Seen(changed, now))

    def _keep(self, job_id: JobId, seen: _Seen) -> None:
        self._seen.pop(job_id, None)
        self._seen[job_id] = seen
        while len(self._seen) > REMEMBERED_JOBS:
            self._seen.popitem(last=False)
