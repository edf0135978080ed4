"""One look at all our jobs: the queue, the spool, and the history for those that the queue has forgotten."""

import asyncio
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from deepsquare.clock import Clock
from deepsquare.clusters.port import ClusterJob
from deepsquare.clusters.slurm.commands import Commands
from deepsquare.clusters.slurm.history import History
from deepsquare.clusters.slurm.queue_text import SQUEUE_FORMAT, Row, newest_by_tag_text, parse_squeue
from deepsquare.clusters.slurm.settings import SlurmSettings
from deepsquare.clusters.slurm.spool import Spool
from deepsquare.clusters.slurm.truth import Known, begun_run, end_record, is_alive, is_settled, judge
from deepsquare.model import Address, InvalidTag, JobTag

HISTORY_AFTER_SECONDS = 30.0
"""A job without a trace in the queue is looked up in the history only after so long: a submission takes a moment."""

_TEXTS_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Picture:
    """All our jobs at one moment."""

    jobs: Mapping[JobTag, ClusterJob]
    alive: Mapping[JobTag, str]
    """Slurm's ids of the jobs that Slurm itself does not call over."""
    unsettled: bool
    """Slurm is about to say something new about one of them."""

    def has_ended(self, tag: JobTag) -> bool:
        """Whether this job is over, by Slurm's own word, too."""
        job = self.jobs.get(tag)
        return job is not None and job.state.is_over and tag not in self.alive


class View:
    """Takes pictures; remembers only what Slurm was found to keep as history, and which jobs nobody asks for again."""

    def __init__(
        self, settings: SlurmSettings, *, commands: Commands, spool: Spool, contract: Address, uid: int, clock: Clock
    ) -> None:
        self._settings = settings
        self._commands = commands
        self._history = History(commands)
        self._spool = spool
        self._contract = contract
        self._uid = uid
        self._clock = clock
        self._forgotten: set[str] = set()

    def forget(self, slurm_id: str) -> None:
        """Leave out this job, which is over; Slurm tells of it for minutes. One that lives again is seen again."""
        self._forgotten.add(slurm_id)

    async def look(self) -> Picture:
        """Everything about all our jobs, now. Raises a transient `ClusterError` while Slurm does not answer."""
        output = await self._commands.run("squeue", "-h", "-a", "-t", "all", "-u", str(self._uid), "-O", SQUEUE_FORMAT)
        rows = self._remembered([row for row in parse_squeue(output) if row.uid == self._uid])
        known = await self._ask_history(await asyncio.to_thread(self._look_into_spool, rows))
        return Picture(
            {entry.tag: job for entry in known if (job := judge(entry)) is not None},
            {entry.tag: entry.queue.id for entry in known if entry.queue is not None and is_alive(entry.queue)},
            not all(is_settled(entry) for entry in known),
        )

    def _remembered(self, rows: Sequence[Row]) -> list[Row]:
        """These rows without those of jobs that are forgotten."""
        self._forgotten.intersection_update([row.id for row in rows if not is_alive(row)])
        return [row for row in rows if row.id not in self._forgotten]

    def _look_into_spool(self, rows: Sequence[Row]) -> list[Known]:
        """What queue and spool know about each of our jobs.

        A job whose id we know is known by its id. A job may rename itself to the tag of another: so a tag alone counts
        only on jobs that are nobody else's.
        """
        ids = {tag: self._spool.job(tag).submitted_id() for tag in self._spool.tags(self._contract)}
        claimed = set(ids.values())
        strays = newest_by_tag_text(row for row in rows if row.id not in claimed)
        by_id = _newest_by_id(rows)
        known = [self._known(tag, job_id, _row_of(strays, by_id, tag, job_id)) for tag, job_id in ids.items()]
        tags = dict.fromkeys(_tag_in(text, self._contract) for text in strays)
        without_folder = (tag for tag in tags if tag is not None and tag not in ids)
        return known + [self._known_by_queue(tag, strays.get(str(tag))) for tag in without_folder]

    def _known(self, tag: JobTag, submitted_id: str | None, row: Row | None) -> Known:
        """Everything about one job but its history."""
        spool = self._spool.job(tag)
        submitted_at = spool.submitted_at()
        claim = spool.claim()
        return Known(
            tag,
            self._clock.now(),
            self._uid,
            queue=row,
            begun=begun_run(claim),
            end=end_record(claim, submitted_at),
            submitted_id=submitted_id,
            submitted_at=submitted_at,
            cancel_asked=spool.cancel_asked(),
            limit_minutes=spool.limit_minutes(),
            settle_seconds=self._settings.settle_seconds,
        )

    def _known_by_queue(self, tag: JobTag, row: Row | None) -> Known:
        """Everything about a job that has no folder."""
        return Known(tag, self._clock.now(), self._uid, queue=row, settle_seconds=self._settings.settle_seconds)

    async def _ask_history(self, known: Sequence[Known]) -> list[Known]:
        """Add what the history says about jobs that the queue does not know, or does not know enough of."""
        wanted = [entry for entry in known if _needs_history(entry)]
        if not wanted:
            return list(known)
        oldest = min(entry.submitted_at or 0.0 for entry in wanted)
        age_seconds = self._clock.now().timestamp() - oldest
        rows = await self._history.rows([str(entry.tag) for entry in wanted], self._uid, age_seconds)
        by_id, by_text = _newest_by_id(rows), newest_by_tag_text(rows)
        return [
            replace(entry, history=_row_of(by_text, by_id, entry.tag, entry.submitted_id))
            if _needs_history(entry)
            else entry
            for entry in known
        ]


def _needs_history(entry: Known) -> bool:
    if entry.queue is None:
        return entry.submitted_at is None or entry.now.timestamp() - entry.submitted_at > HISTORY_AFTER_SECONDS
    return entry.queue.state == "CANCELLED" and not entry.cancel_asked  # only the history knows who it was


def _newest_by_id(rows: Sequence[Row]) -> Mapping[str, Row]:
    """The last row of each id: a look at many jobs must not search all rows for each of them."""
    return {row.id: row for row in rows}


def _row_of(by_text: Mapping[str, Row], by_id: Mapping[str, Row], tag: JobTag, submitted_id: str | None) -> Row | None:
    """The row with the id that sbatch gave us; by its tag only where that answer was lost."""
    return by_text.get(str(tag)) if submitted_id is None else by_id.get(submitted_id)


@functools.lru_cache(maxsize=_TEXTS_REMEMBERED)
def _tag_in(text: str, contract: Address) -> JobTag | None:
    """The tag that a job's comment or name is, if it is one of the contract's. Slurm says the same again and again."""
    try:
        return JobTag.parse(text, contract)
    except InvalidTag:
        return None
