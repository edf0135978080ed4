"""How a job stands, from all that is known about it: Slurm's own word first, then the job's record. Pure.

Slurm decides the state: only it knows of memory, limits, nodes and cancels. A record is a claim of the job's
account: it adds an exit code that Slurm forgot, finer times where they agree with Slurm's, and stands alone only
where Slurm has forgotten the job. A record can harm its own job, never earn it anything.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deepsquare.clusters.port import ClusterJob, ClusterJobId, RunState
from deepsquare.clusters.slurm.queue_text import Row
from deepsquare.clusters.slurm.spool import Claim
from deepsquare.model import JobTag

KILLED_EXIT_CODE = 137
HIGHEST_EXIT_CODE = 255
SLACK_SECONDS = 60.0
"""So far a record's times may lie from Slurm's (a prolog, an epilog) and from the file system's."""

STATES: Mapping[str, RunState] = {
    "PENDING": RunState.QUEUED,
    "CONFIGURING": RunState.QUEUED,
    "REQUEUED": RunState.QUEUED,
    "REQUEUE_FED": RunState.QUEUED,
    "REQUEUE_HOLD": RunState.QUEUED,
    "RESV_DEL_HOLD": RunState.QUEUED,
    "SPECIAL_EXIT": RunState.QUEUED,
    "RUNNING": RunState.RUNNING,
    "COMPLETING": RunState.RUNNING,
    "RESIZING": RunState.RUNNING,
    "SIGNALING": RunState.RUNNING,
    "STAGE_OUT": RunState.RUNNING,
    "SUSPENDED": RunState.SUSPENDED,
    "STOPPED": RunState.SUSPENDED,
    "COMPLETED": RunState.COMPLETED,
    "FAILED": RunState.FAILED,
    "OUT_OF_MEMORY": RunState.OUT_OF_MEMORY,
    "TIMEOUT": RunState.TIMEOUT,
    "DEADLINE": RunState.TIMEOUT,
    "CANCELLED": RunState.LOST,  # unless we, or the job's own account, asked for it
    "PREEMPTED": RunState.LOST,
    "NODE_FAIL": RunState.LOST,
    "BOOT_FAIL": RunState.LOST,
    "REVOKED": RunState.LOST,
}
"""Slurm's words (squeue and sacct, in full) and ours; docs/clusters.md shows the same table."""

_LAUNCH_SPAN = timedelta(seconds=5)
_LAUNCH_FAILURES = frozenset({"JobLaunchFailure", "launch_failed_requeued_held"})


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one job: Slurm may queue a job again and run it again under the same id."""

    slurm_id: str
    restarts: int

    def is_that_of(self, row: Row) -> bool:
        """True where Slurm speaks of this run."""
        return self.slurm_id == row.id and row.restarts in (None, self.restarts)


@dataclass(frozen=True, slots=True)
class EndRecord:
    """A job's own record of its end, checked for plausibility."""

    run: Run
    started_at: datetime
    ended_at: datetime
    exit_code: int
    terminated: bool
    """The wrapper saw a TERM: somebody wanted the job to end."""
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """Everything known about one job at one moment."""

    tag: JobTag
    now: datetime
    uid: int
    """The account that our jobs run as."""
    queue: Row | None = None
    history: Row | None = None
    begun: Run | None = None
    """The run whose wrapper said last that it begins."""
    end: EndRecord | None = None
    submitted_id: str | None = None
    submitted_at: float | None = None
    cancel_asked: bool = False
    limit_minutes: float | None = None
    settle_seconds: float = 60.0


def begun_run(claim: Claim | None) -> Run | None:
    """The run that a claim is of; None where it makes no sense."""
    return None if claim is None else _run(claim.values)


def _run(values: Mapping[str, Any]) -> Run | None:
    slurm_id, restarts = values.get("id"), _whole_number(values, "restarts")
    return None if not isinstance(slurm_id, str) or restarts is None else Run(slurm_id, restarts)


def end_record(claim: Claim | None, submitted_at: float | None) -> EndRecord | None:
    """The end record in a claim; None where it claims what cannot be."""
    if claim is None:
        return None
    run, exit_code = _run(claim.values), _whole_number(claim.values, "exit_code")
    started_at, ended_at = (_number(claim.values, key) for key in ("started_at", "ended_at"))
    if run is None or exit_code is None or not 0 <= exit_code <= HIGHEST_EXIT_CODE:
        return None
    if started_at is None or ended_at is None or not started_at <= ended_at:
        return None
    earliest = submitted_at if submitted_at is not None else 0.0
    if started_at < earliest - SLACK_SECONDS or abs(claim.written_at - ended_at) > SLACK_SECONDS:
        return None
    moments = (datetime.fromtimestamp(seconds, UTC) for seconds in (started_at, ended_at, claim.written_at))
    started, ended, written = moments
    return EndRecord(run, started, ended, exit_code, claim.values.get("terminated") is True, written)


def _number(values: Mapping[str, Any], key: str) -> float | None:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if abs(value) < 1e11 else None  # noqa: PLR2004 - year 5138: no time is later


def _whole_number(values: Mapping[str, Any], key: str) -> int | None:
    value = _number(values, key)
    return int(value) if value is not None and value == int(value) else None


def is_alive(row: Row) -> bool:
    """True where Slurm does not call the job over."""
    return not _state(row).is_over


def is_settled(known: Known) -> bool:
    """False where Slurm will say something new any moment: it has not yet noticed an end that is coming or past."""
    if known.queue is None or not is_alive(known.queue):
        return True
    return not known.cancel_asked and _record_of_this_run(known, known.queue) is None


def judge(known: Known) -> ClusterJob | None:
    """The job as the port tells it; None where nobody knows anything of it."""
    if known.queue is not None:
        return _judge_row(known, known.queue)
    if known.history is not None and _state(known.history).is_over:
        return _judge_ended_row(known, known.history)
    if known.end is not None and known.submitted_id in (None, known.end.run.slurm_id):
        return _judge_record(known, known.end)
    return None


def _judge_row(known: Known, row: Row) -> ClusterJob:
    state = _state(row)
    if state.is_over:
        return _judge_ended_row(known, row)
    record = _record_of_this_run(known, row)
    if record is not None and _record_overrules(known, state, record):
        return _judge_record(known, record)
    if state is RunState.QUEUED:
        return ClusterJob(ClusterJobId(row.id), known.tag, state, detail=row.reason or row.state)
    if state is RunState.RUNNING and _is_being_launched(known, row):
        return ClusterJob(ClusterJobId(row.id), known.tag, RunState.QUEUED, detail=f"{row.state}: a node starts it")
    return ClusterJob(ClusterJobId(row.id), known.tag, state, started_at=row.started_at, detail=row.state)


def _record_overrules(known: Known, state: RunState, record: EndRecord) -> bool:
    """Whether the record is believed against a Slurm that says the job is not over."""
    if state is RunState.QUEUED:  # a controller that lost its memory may queue an ended job again; so does a requeue
        return not record.terminated
    return (known.now - record.written_at).total_seconds() > known.settle_seconds


def _record_of_this_run(known: Known, row: Row) -> EndRecord | None:
    """The record, if it is of the run that Slurm speaks of (or, for a queued job, of any run before)."""
    record = known.end
    if record is None or record.run.slurm_id != row.id:
        return None
    return record if _state(row) is RunState.QUEUED or record.run.is_that_of(row) else None


def _judge_ended_row(known: Known, row: Row) -> ClusterJob:
    record = known.end if known.end is not None and known.end.run.is_that_of(row) else None
    state, detail = _ended_state(known, row)
    started_at, ended_at = _times(row, record)
    return ClusterJob(
        ClusterJobId(row.id),
        known.tag,
        state,
        started_at=started_at,
        ended_at=ended_at,
        suspended_seconds=_suspended_seconds(row),
        exit_code=_exit_code(state, row, record),
        detail=detail,
    )


def _ended_state(known: Known, row: Row) -> tuple[RunState, str]:
    state = _state(row)
    if row.state == "CANCELLED":
        if known.cancel_asked:
            return RunState.CANCELLED, row.state
        if known.history is not None and known.history.cancelled_by_uid == known.uid:
            return RunState.CANCELLED, "CANCELLED by the job's own account"
        return state, "CANCELLED by an administrator"
    if state is RunState.FAILED and _was_not_launched(known, row):
        has_run_before = known.begun is not None or known.end is not None  # and was queued again since
        failed = RunState.LOST if has_run_before else RunState.UNSTARTED
        return failed, f"{row.state} ({row.reason or 'launch failed'}): a node could not start the job"
    if state in (RunState.COMPLETED, RunState.FAILED) or not row.reason:
        return state, row.state
    return state, f"{row.state} ({row.reason})" if row.reason != "NonZeroExitCode" else row.state


def _is_being_launched(known: Known, row: Row) -> bool:
    """True for a moment after Slurm gave the job its nodes, until its wrapper says that it begins.

    A node may yet fail to start it. Where nothing is written for longer (a prolog, or a job that has deleted its
    records), Slurm's word counts.
    """
    if row.started_at is None or (known.begun is not None and known.begun.is_that_of(row)):
        return False
    return known.now - row.started_at <= _LAUNCH_SPAN


def _was_not_launched(known: Known, row: Row) -> bool:
    """True where the node's daemon, and not the job, failed: it could not reach the spool, for example.

    Slurm shows such a failure as an exit code like any other, but then the wrapper has written nothing. Neither has it
    where a job has deleted its records; so it counts only for a run that ended at once.
    """
    if row.reason in _LAUNCH_FAILURES:
        return True
    written = [known.begun, None if known.end is None else known.end.run]
    if any(run is not None and run.is_that_of(row) for run in written):
        return False
    return row.started_at is None or row.ended_at is None or row.ended_at - row.started_at <= _LAUNCH_SPAN


def _exit_code(state: RunState, row: Row, record: EndRecord | None) -> int | None:
    if state is RunState.COMPLETED:
        return 0
    if state is RunState.OUT_OF_MEMORY:
        return KILLED_EXIT_CODE
    if row.exit_code:
        return row.exit_code
    return None if record is None else record.exit_code


def _times(row: Row, record: EndRecord | None) -> tuple[datetime | None, datetime | None]:
    """Start and end: the record's where they lie in Slurm's span near its ends, else Slurm's.

    A restarted controller stamps jobs that ended meanwhile with its own start: there the record's end, which the file
    system has dated, is the better one however far they lie apart.
    """
    if row.started_at is None or record is None or row.ended_at is None:
        return row.started_at, row.ended_at
    second = timedelta(seconds=1)  # Slurm's times are whole seconds
    started_at, ended_at = row.started_at, row.ended_at
    if -second <= record.started_at - row.started_at <= timedelta(seconds=SLACK_SECONDS):
        started_at = record.started_at
    if started_at <= record.ended_at <= row.ended_at + second:
        ended_at = record.ended_at
    return started_at, max(started_at, ended_at)


def _suspended_seconds(row: Row) -> int:
    if row.started_at is None or row.ended_at is None or row.used is None:
        return 0
    seconds = round((row.ended_at - row.started_at - row.used).total_seconds())
    return seconds if seconds > 1 else 0  # one second is rounding


def _judge_record(known: Known, record: EndRecord) -> ClusterJob:
    """The job by its own record alone: its exit code, and why it was stopped as far as we know that ourselves."""
    ran_seconds = (record.ended_at - record.started_at).total_seconds()
    state = RunState.COMPLETED if record.exit_code == 0 else RunState.FAILED
    if record.terminated and known.cancel_asked:
        state = RunState.CANCELLED
    elif record.terminated and known.limit_minutes is not None and ran_seconds >= known.limit_minutes * 60:
        state = RunState.TIMEOUT
    return ClusterJob(
        ClusterJobId(record.run.slurm_id),
        known.tag,
        state,
        started_at=record.started_at,
        ended_at=record.ended_at,
        exit_code=record.exit_code,
        detail="by the job's own record; Slurm has forgotten it",
    )


def _state(row: Row) -> RunState:
    """Ours for Slurm's word; a word of a newer Slurm decides nothing: the job counts as running."""
    return STATES.get(row.state, RunState.RUNNING)
