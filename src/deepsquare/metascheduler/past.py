"""What a scheduler that begins must know of the time before: who used the grid lately, which providers made trouble.

Both fade, so only what counts still is read: events are noted as the history is read, and of the newest ones
the jobs and the times of their blocks are asked for. Bounded, so that a long history costs seconds.
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

MOST_JOBS = 5_000
"""Jobs whose use is recalled, and events of trouble: the newest."""

_PAGE = 1_000
_EXACT_BLOCKS = 200
"""Of so many of the newest blocks the times are read; those between sparser ones are put in between."""

_LOST_REASONS = frozenset({"claim timeout", "lease ended"})
"""What the contract itself says of a job that it took from a provider."""


class Past:
    """What the history said."""

    def __init__(self) -> None:
        self._used: deque[JobId] = deque(maxlen=MOST_JOBS)
        self._deeds: deque[JobChanged | JobReturned] = deque(maxlen=MOST_JOBS)

    def note(self, event: JobEvent) -> None:
        """Remember what may still count."""
        if isinstance(event, JobReturned):
            self._deeds.append(event)
        elif isinstance(event, JobChanged) and event.provider is not None:
            if event.before is JobStatus.RUNNING:
                self._used.append(event.job_id)
            if event.after.is_cold:
                self._deeds.append(event)

    async def recall_use(self, ledger: Ledger, hot: Iterable[Job], usage: FairShare, now: datetime) -> None:
        """Charge every customer for what their jobs used until now. Raises `ChainUnreachable`."""
        found: list[tuple[datetime, Job, float]] = []
        # A job that ran twice stands here twice; the chain knows its last run.
        newest_first = list(dict.fromkeys(reversed(self._used)))
        for begin in range(0, len(newest_first), _PAGE):
            jobs = await ledger.jobs(newest_first[begin : begin + _PAGE])
            over = [(ended, job, seconds) for job in jobs if (ended := job.time.ended_at) and (seconds := _ran(job))]
            found += over
            if over and max(ended for ended, _, _ in over) < now - USE_MEMORY:
                break
        for ended, job, seconds in sorted(found, key=lambda entry: entry[0]):
            usage.charge(job.customer, job.definition.cpus * seconds, ended.timestamp())
        for job in hot:
            if job.status is JobStatus.RUNNING and job.time.started_at is not None:
                seconds = (now - job.time.started_at).total_seconds()
                usage.charge(job.customer, job.definition.cpus * seconds, now.timestamp())

    async def recall_standing(self, ledger: Ledger, standing: Standing, now: datetime) -> None:
        """Judge the providers by what they did lately. Raises `ChainUnreachable`."""
        times = await _times(ledger, sorted({deed.block for deed in self._deeds}))
        refused_by: defaultdict[JobId, list[Address]] = defaultdict(list)
        for deed in self._deeds:
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
