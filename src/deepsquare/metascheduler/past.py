"""What a scheduler that begins must know of the time before: who used the grid lately, which providers made trouble.

Both fade, so only what counts still is read, and of a bounded number of jobs: a long history costs no more than a
short one. Events are noted as the history is read; for trouble the times of their blocks are asked for. What jobs
used only the contract says, job by job: that is read in parts, while the scheduler is at work already.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from deepsquare.chain import JobChanged, JobEvent, JobReturned, Ledger
from deepsquare.metascheduler.standing import Standing
from deepsquare.model import Address, Job, JobId, JobStatus
from deepsquare.scheduling import FairShare

USE_MEMORY = timedelta(days=7)
"""Use halves every day: what is older weighs less than a hundredth."""

TRUST_MEMORY = timedelta(hours=6)
"""Troubles halve every hour, and no pause is longer than one."""

MOST_JOBS = 2_000
"""Jobs whose use is recalled, and events of trouble: the newest."""

_PART = 100
"""So many jobs are read at a time: whoever waits for a place must not wait for this."""

_EXACT_BLOCKS = 200
"""Of so many of the newest blocks the times are read; those between sparser ones are put in between."""

_LOST_REASONS = frozenset({"claim timeout", "lease ended"})
"""What the contract itself says of a job that it took from a provider."""


class Past:
    """What the history said."""

    def __init__(self) -> None:
        self._used: dict[JobId, None] = {}
        self._deeds: deque[JobChanged | JobReturned] = deque(maxlen=MOST_JOBS)

    def note(self, event: JobEvent) -> None:
        """Remember what may still count."""
        if isinstance(event, JobReturned):
            self._deeds.append(event)
        elif isinstance(event, JobChanged) and event.provider is not None:
            if event.before is JobStatus.RUNNING:
                self._note_run(event.job_id)
            if event.after.is_cold:
                self._deeds.append(event)

    def _note_run(self, job: JobId) -> None:
        # A job that ran twice counts once: the chain knows its last run.
        self._used.pop(job, None)
        self._used[job] = None
        if len(self._used) > MOST_JOBS:
            del self._used[next(iter(self._used))]

    def charge_running(self, hot: Iterable[Job], usage: FairShare, now: datetime) -> None:
        """Charge every customer for what their jobs that are not over used until now; nothing is read for it."""
        for job in hot:
            self._used.pop(job.id, None)
            if job.status is JobStatus.RUNNING and job.time.started_at is not None:
                seconds = (now - job.time.started_at).total_seconds()
                usage.charge(job.customer, job.definition.cpus * seconds, now.timestamp())

    async def recall_use(self, ledger: Ledger, usage: FairShare, now: datetime) -> bool:
        """Charge every customer for some more of their jobs that are over, the newest first; False where none is left.

        Raises `ChainUnreachable`; the same jobs are next then.
        """
        part = list(self._used)[-_PART:]
        jobs = await ledger.jobs(part)
        for known in part:
            del self._used[known]
        ends = [job.time.ended_at for job in jobs if job.time.ended_at is not None]
        for job in jobs:
            if job.time.ended_at is not None and (seconds := _ran(job)):
                usage.charge(job.customer, job.definition.cpus * seconds, job.time.ended_at.timestamp())
        if ends and max(ends) < now - USE_MEMORY:
            self._used.clear()
        return bool(self._used)

    async def recall_standing(self, ledger: Ledger, standing: Standing, now: datetime) -> None:
        """Judge the providers by what they did lately. Raises `ChainUnreachable`."""
        deeds = self._deeds_that_count()
        times = await _times(ledger, sorted({deed.block for deed in deeds}))
        refused_by: defaultdict[JobId, list[Address]] = defaultdict(list)
        for deed in deeds:
            at = times[deed.block]
            if at < (now - TRUST_MEMORY).timestamp():
                continue
            if isinstance(deed, JobReturned):
                if deed.reason in _LOST_REASONS:
                    standing.lost(deed.provider, at)
                else:
                    refused_by[deed.job_id].append(deed.provider)
                continue
            if deed.before is JobStatus.RUNNING:
                for refuser in refused_by.pop(deed.job_id, ()):
                    standing.gave_back(refuser, deed.customer, at)
            if deed.provider is not None and deed.after is JobStatus.PANICKED:
                standing.lost(deed.provider, at)
            elif deed.provider is not None and deed.after.is_cold:
                standing.ended(deed.provider, at)

    def _deeds_that_count(self) -> list[JobChanged | JobReturned]:
        """Those of providers who made trouble, and what became of the jobs that they gave back."""
        trouble = [deed for deed in self._deeds if isinstance(deed, JobReturned) or deed.after is JobStatus.PANICKED]
        accused, returned = {deed.provider for deed in trouble}, {deed.job_id for deed in trouble}
        return [deed for deed in self._deeds if deed.provider in accused or deed.job_id in returned]


def _ran(job: Job) -> float:
    """Seconds of a job's run; 0 where it had none."""
    if job.time.started_at is None or job.time.ended_at is None:
        return 0.0
    return max(0.0, (job.time.ended_at - job.time.started_at).total_seconds())


async def _times(ledger: Ledger, blocks: Sequence[int]) -> dict[int, float]:
    """The timestamps of these blocks (sorted): those of the newest exactly, of the others by what is between."""
    older = blocks[:-_EXACT_BLOCKS]
    step = max(1, len(older) // _EXACT_BLOCKS)
    known = [*older[::step], *blocks[-_EXACT_BLOCKS:]]
    exact = [time.timestamp() for time in await ledger.block_times(known)]
    times = {}
    for block in blocks:
        after = bisect_left(known, block)
        if known[after] == block:
            times[block] = exact[after]
        else:
            part = (block - known[after - 1]) / (known[after] - known[after - 1])
            times[block] = exact[after - 1] + part * (exact[after] - exact[after - 1])
    return times
