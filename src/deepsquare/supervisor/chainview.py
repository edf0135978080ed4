"""What the chain says about the jobs of one provider.

Events say WHICH job to read again; its state is then read from the contract, save for a claim and an end, of which
the event tells all that is needed. Every job is read again now and then whatever the events say. So an event that is
seen twice, late or never does no harm.
The cursor and the jobs that its events brought are written to the journal in one step, before anything
is done about them.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from deepsquare.chain import GridEvent, JobChanged, JobEvent, JobSettled, JobToppedUp, job_after
from deepsquare.model import Job, JobId, JobStatus
from deepsquare.supervisor.entry import Entry
from deepsquare.supervisor.lifecycle import is_ours
from deepsquare.supervisor.ports import Ports


class ChainView:
    """The jobs that this supervisor has to do with, as the chain has them."""

    def __init__(self, ports: Ports, *, reread_seconds: float) -> None:
        self._ports = ports
        self._reread = timedelta(seconds=reread_seconds)
        self._jobs: dict[JobId, Job] = {}
        self._read_at: dict[JobId, datetime] = {}
        self._changed: set[JobId] = set()

    def job(self, job_id: JobId) -> Job | None:
        """The job as last read; None where it was never read."""
        return self._jobs.get(job_id)

    def is_outdated(self, job_id: JobId) -> bool:
        """Whether the job is known to have changed since it was read."""
        return job_id in self._changed

    def mark_changed(self, job_ids: Iterable[JobId]) -> None:
        """Have the next `refresh` read these jobs again."""
        self._changed.update(job_ids)

    async def refresh(self, now: datetime) -> None:
        """Catch up with the chain. Raises `ChainUnreachable` or `JournalUnavailable`; nothing is lost then."""
        cursor = self._ports.journal.next_block
        next_block = cursor if cursor is not None else self._ports.chain.grid.deployed_at_block
        known = {entry.job_id for entry in self._ports.journal.entries}
        while True:
            page = await self._ports.events.read(next_block)
            for event in _concerned(page.events, known):
                self._hear(event, now)
            next_block = page.next_block
            if page.reached_head:
                break
        stale = {job_id for job_id in known if self._is_stale(job_id, now)}
        # What changes while this is read is read again next time.
        wanted, self._changed = self._changed | stale, set()
        try:
            await self._note(await self._read(wanted, now), next_block)
        except BaseException:
            self._changed |= wanted
            raise
        self._drop_strangers()

    async def read_again(self, job_id: JobId, now: datetime, *, not_older_than_seconds: float) -> Job:
        """The job, at most so old. Raises `ChainUnreachable`."""
        job, read_at = self._jobs.get(job_id), self._read_at.get(job_id)
        is_young = read_at is not None and now - read_at <= timedelta(seconds=not_older_than_seconds)
        if job is not None and is_young and not self.is_outdated(job_id):
            return job
        (job,) = await self._read({job_id}, now)
        return job

    def _hear(self, event: JobEvent, now: datetime) -> None:
        """Know the job's new state where the event tells all of it, else read it soon."""
        job = self._jobs.get(event.job_id)
        known = job_after(job, event, now) if job is not None and _tells_all(event) else None
        if known is None:
            self._changed.add(event.job_id)
            return
        self._jobs[known.id] = known
        self._read_at[known.id] = now
        # What this supervisor did to the job is heard of now. Nothing that must be read comes between the state known
        # and a claim, and what came before an end counts no more.
        self._changed.discard(known.id)

    async def _read(self, job_ids: Iterable[JobId], now: datetime) -> list[Job]:
        jobs = await self._ports.chain.jobs(sorted(job_ids))
        for job in jobs:
            self._jobs[job.id] = job
            self._read_at[job.id] = now
        return jobs

    async def _note(self, jobs: Iterable[Job], next_block: int) -> None:
        new = []
        for job in jobs:
            entry = Entry(job.id, job.terms.attempt)
            if is_ours(job, entry, self._ports.provider) and self._ports.journal.entry(entry.key) is None:
                new.append(entry)
        if new or next_block != self._ports.journal.next_block:
            await self._ports.journal.save(new, next_block=next_block)

    def _drop_strangers(self) -> None:
        known = {entry.job_id for entry in self._ports.journal.entries}
        for job_id in self._jobs.keys() - known:
            del self._jobs[job_id], self._read_at[job_id]

    def _is_stale(self, job_id: JobId, now: datetime) -> bool:
        read_at = self._read_at.get(job_id)
        return read_at is None or now - read_at >= self._reread


def _concerned(events: Iterable[GridEvent], known: Collection[JobId]) -> Iterator[JobEvent]:
    """What happened to our jobs. Top-ups name no provider: those of jobs that are not ours are nothing to us."""
    for event in events:
        if isinstance(event, JobEvent) and (not isinstance(event, JobToppedUp) or event.job_id in known):
            yield event


def _tells_all(event: JobEvent) -> bool:
    """Whether the event alone will do. What is paid for and until when, a start included, is always read."""
    if isinstance(event, JobChanged):
        return event.after is JobStatus.SCHEDULED or event.after.is_cold
    return isinstance(event, JobSettled)
