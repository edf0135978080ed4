"""What the grid says about a job that is over on the cluster: the truth table, and the billed time.

Pure. The state is what the job's process earned; who is to blame decides who pays:

* the job itself (an exit code, a signal, its memory, its own cancel): FAILED, and its time is billed;
* its credits (the time limit): OUT_OF_CREDITS;
* its customer, who asked for a cancel: CANCELLED;
* the cluster (an admin, a preemption, a node): PANICKED, and the customer pays nothing.

Billed is the walltime of the run that counts: no wait in a queue, no time suspended, no earlier run
that the cluster requeued.
"""

from datetime import datetime, timedelta

from deepsquare.clusters.port import ClusterJob, RunState
from deepsquare.model import JobStatus
from deepsquare.supervisor.entry import End
from deepsquare.supervisor.redaction import public_reason

OUT_OF_MEMORY_EXIT_CODE = 137
"""128 + SIGKILL: what the kernel does to a process over its memory."""

TERMINATED_EXIT_CODE = 143
"""128 + SIGTERM: how the cluster begins to end a job."""


def judge(run: ClusterJob, *, cancel_requested: bool, started_at: datetime | None, now: datetime, output: str) -> End:
    """The end of a run that is over.

    `cancel_requested` is the chain's word; `started_at` what the journal remembers, for a cluster that
    has forgotten it; `output` the last lines that the job wrote, shown only where the job failed.
    """
    status, exit_code, reason = _verdict(run, cancel_requested=cancel_requested)
    began = run.started_at or started_at
    ended = run.ended_at or now
    return End(
        status=status,
        exit_code=exit_code,
        started_at=began,
        ended_at=ended if began is None else max(began, ended),
        suspended_seconds=run.suspended_seconds,
        last_error=public_reason(reason, output if status is JobStatus.FAILED else "") if reason else "",
    )


def lost(*, started_at: datetime | None, now: datetime) -> End:
    """The end of a job that the cluster took and no longer knows, after every source was asked again and again."""
    return panicked(
        "the cluster lost this job: neither its queue, its accounting nor the job's own record knows it any more",
        started_at=started_at,
        now=now,
    )


def panicked(reason: str, *, started_at: datetime | None = None, now: datetime) -> End:
    """An end that is not the job's fault, for the `reason` that the customer sees."""
    return End(
        status=JobStatus.PANICKED, exit_code=0, started_at=started_at, ended_at=now, last_error=public_reason(reason)
    )


def billed_until(end: End, chain_started_at: datetime) -> datetime:
    """The end to report, so that chain start to this moment is at most the time that the run really ran.

    The chain may hold the start of an earlier run (requeued by the cluster), or a later start than the
    true one (its clamp against late reports): neither may lengthen the bill.
    """
    if end.started_at is None:
        return chain_started_at
    ran = end.ended_at - end.started_at - timedelta(seconds=end.suspended_seconds)
    until = min(chain_started_at + max(ran, timedelta(0)), end.ended_at)
    return max(until, chain_started_at)


def _verdict(run: ClusterJob, *, cancel_requested: bool) -> tuple[JobStatus, int, str]:
    match run.state:
        case RunState.COMPLETED:
            return JobStatus.FINISHED, 0, ""
        case RunState.FAILED:
            return _failure(run)
        case RunState.OUT_OF_MEMORY:
            # Whatever the script returned: a batch script may well return 0 after a step was killed.
            return JobStatus.FAILED, OUT_OF_MEMORY_EXIT_CODE, "the job used more memory than asked for"
        case RunState.TIMEOUT:
            return JobStatus.OUT_OF_CREDITS, _code(run), "the paid time is over"
        case RunState.CANCELLED:
            return _cancelled(run, cancel_requested=cancel_requested)
        case RunState.LOST | RunState.UNSTARTED:
            detail = f" ({run.detail})" if run.detail else ""
            return JobStatus.PANICKED, 0, f"the cluster ended this job, not the job itself{detail}"
        case RunState.QUEUED | RunState.RUNNING | RunState.SUSPENDED:
            raise ValueError(f"the job {run.tag} is {run.state}, not over")


def _cancelled(run: ClusterJob, *, cancel_requested: bool) -> tuple[JobStatus, int, str]:
    if cancel_requested:
        return JobStatus.CANCELLED, _code(run), ""
    # Not PANICKED: a job could cancel itself after its work and never pay.
    return JobStatus.FAILED, _code(run), "the job was cancelled from its own account"


def _failure(run: ClusterJob) -> tuple[JobStatus, int, str]:
    if run.exit_code is None:
        return JobStatus.FAILED, 1, f"the job failed; the cluster told no exit code ({run.detail or 'no detail'})"
    if run.exit_code == 0:
        # The cluster calls it failed although the script returned 0: 0 would read as success.
        return JobStatus.FAILED, 1, f"the job failed although its script returned 0 ({run.detail or 'no detail'})"
    return JobStatus.FAILED, run.exit_code, f"the job ended with exit code {run.exit_code}"


def _code(run: ClusterJob) -> int:
    return TERMINATED_EXIT_CODE if run.exit_code is None else run.exit_code
