"""The life of a job in the supervisor: from what is known of one attempt to what is to be done about it.

Pure, and level-triggered: `observe` turns what was seen into facts for the journal, `decide` turns
state into actions. Neither knows how that state came about, so a supervisor that starts after a crash
does what one that never stopped would have done. No event is ever needed to get a job further.

The order of the rules is the safety: a job that is no longer ours is ended before anything else, an
end that is on disk is told before anything new begins, and nothing is submitted where something of
the same tag may already run.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deepsquare.chain import Report
from deepsquare.clusters.port import ClusterJob, ClusterJobId, RunState
from deepsquare.model import Address, Job, JobStatus, max_duration_seconds
from deepsquare.supervisor import outcome
from deepsquare.supervisor.entry import End, Entry

_SECONDS_PER_MINUTE = 60
_MOST_LAUNCHES = 3
"""How often a cluster may fail to start a job before another one gets it."""
_OURS = (JobStatus.META_SCHEDULED, JobStatus.SCHEDULED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers that the decisions depend on: the grid's own and this site's."""

    provider: Address
    claim_timeout_seconds: int
    """The grid's patience with an assigned job; ours with a script that cannot be fetched."""
    top_up_slice_seconds: int
    submit_settle_seconds: float
    """A submit whose answer was lost may still arrive at the cluster for so long."""
    lost_after_looks: int
    lost_grace_seconds: float
    longest_job_minutes: int
    refused_script_seconds: float
    """How long a gateway that answers may refuse a script."""
    log_patience_seconds: float
    """How long the log of a job that is over may wait for the gateway."""


@dataclass(frozen=True, slots=True)
class Absence:
    """How often, and since when, a cluster that answers has not known a job that it should know."""

    looks: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a job could not be submitted, and since when it is so."""

    reason: str
    since: datetime
    is_refusal: bool = False
    """True where the gateway answered and refused the script: waiting helps only where it has just been started."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything known about one attempt at one moment."""

    job: Job
    entry: Entry
    run: ClusterJob | None = None
    """What the cluster says; None where it knows nothing or was not reached."""
    cluster_answers: bool = True
    absence: Absence | None = None
    has_room: bool = True
    """Whether the machines that are up now could ever hold the job; counts only until it is claimed."""
    may_start: bool = True
    """Whether new work may begin: the chain's word is fresh, the journal can be written, the cluster answers."""
    trouble: Trouble | None = None
    """Why the last try to submit failed; None where none did."""
    failed_launches: int = 0
    """How often this cluster could not start it and was asked once more."""

    @property
    def is_running_here(self) -> bool:
        """True while the cluster has something of this tag that is not over."""
        return self.run is not None and not self.run.state.is_over


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Tell the chain that this supervisor takes the job."""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Put the job back into the grid's queue: it cannot run here."""

    reason: str


@dataclass(frozen=True, slots=True)
class Submit:
    """Fetch the script, check it, hand it to the cluster."""

    limit_minutes: int
    may_exist: bool
    """True where an earlier submit's fate is unknown: then the cluster is asked for the tag once more."""


@dataclass(frozen=True, slots=True)
class Relaunch:
    """Forget what the cluster could not start, so that it is submitted once more."""

    cluster_id: ClusterJobId


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the job on the cluster."""

    cluster_id: ClusterJobId
    reason: str


@dataclass(frozen=True, slots=True)
class SetLimit:
    """Raise the cluster's absolute time limit to what the job has paid for."""

    cluster_id: ClusterJobId
    minutes: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the chain, in this order."""

    reports: tuple[Report, ...]


@dataclass(frozen=True, slots=True)
class TopUp:
    """Take one more slice of time from the customer's allowance, as the job allows."""

    max_cost: int
    """What is locked before it: a second try after a success is another action."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Nobody needs anything of this attempt any more: remove what is left of it."""


_UNWRITTEN_END = Wait("its end is not in the journal yet, so nobody is told")

Action = Wait | Claim | GiveBack | Submit | Relaunch | Cancel | SetLimit | Tell | TopUp | Forget


def is_ours(job: Job, entry: Entry, provider: Address) -> bool:
    """True while the chain wants this very attempt from this provider."""
    return job.status in _OURS and job.provider == provider and job.terms.attempt == entry.attempt


def limit_minutes(job: Job, rules: Rules) -> int:
    """The absolute time limit: the whole minutes within what is paid, at least one, at most the site's longest."""
    paid_seconds = max_duration_seconds(job.cost.max_cost, job.terms.price_per_minute)
    if paid_seconds is None:
        return rules.longest_job_minutes
    return max(1, min(paid_seconds // _SECONDS_PER_MINUTE, rules.longest_job_minutes))


def observe(view: View, rules: Rules, now: datetime, output: str = "") -> Entry:
    """The journal's entry after this look. `output` is the end of the job's output, needed where its run is over."""
    entry, run = view.entry, view.run
    if run is not None:
        entry = replace(entry, cluster_id=run.id, started_at=_known_start(run) or entry.started_at)
    if not is_ours(view.job, entry, rules.provider):
        return replace(entry, settled_at=entry.settled_at or now)
    entry = replace(entry, settled_at=None)
    return replace(entry, end=_end(view, entry, rules, now, output))


def _known_start(run: ClusterJob) -> datetime | None:
    """When the job began, as far as it did."""
    return None if run.state is RunState.UNSTARTED else run.started_at


def decide(view: View, rules: Rules, now: datetime) -> tuple[Action, ...]:
    """What to do about this attempt, most urgent first.

    The entry is what IS in the journal: facts of this look that could not be written are not acted on.
    """
    job, entry = view.job, view.entry
    if not is_ours(job, entry, rules.provider):
        return (_after_the_chain(view, rules, now),)
    if entry.end is not None and job.status is not JobStatus.META_SCHEDULED:
        return (Tell(_ending(job, entry.end)),)
    match job.status:
        case JobStatus.META_SCHEDULED:
            return (_assigned(view),)
        case JobStatus.SCHEDULED:
            return tuple(_claimed(view, rules, now))
        case _:
            return tuple(_running(view, rules, now))


def _end(view: View, entry: Entry, rules: Rules, now: datetime, output: str) -> End | None:
    run, end = view.run, entry.end
    if end is not None and not _is_revoked(end, run):
        return end
    if run is not None:
        if not run.state.is_over or _may_be_launched_again(view.job, entry, run):
            return None
        return outcome.judge(
            run,
            cancel_requested=view.job.cancel_requested,
            started_at=entry.started_at,
            now=now,
            output=output,
        )
    if _is_lost(view.absence, rules, now):
        return outcome.lost(started_at=entry.started_at, now=now)
    return None


def _is_revoked(end: End, run: ClusterJob | None) -> bool:
    """An end by the cluster's fault that nobody was told yet, of a job that the cluster has again (requeued)."""
    is_fault = run is None or run.state in (RunState.LOST, RunState.UNSTARTED)
    return end.status is JobStatus.PANICKED and not is_fault


def _may_be_launched_again(job: Job, entry: Entry, run: ClusterJob) -> bool:
    """Whether nothing of the job ever ran, and nobody was told or shown that it does: it need not end for that."""
    is_wanted = job.status is JobStatus.SCHEDULED and not job.cancel_requested
    return run.state is RunState.UNSTARTED and entry.started_at is None and is_wanted


def _is_lost(absence: Absence | None, rules: Rules, now: datetime) -> bool:
    return (
        absence is not None
        and absence.looks >= rules.lost_after_looks
        and now - absence.since >= timedelta(seconds=rules.lost_grace_seconds)
    )


def _assigned(view: View) -> Action:
    if not view.may_start:
        return Wait("no new work is taken now")
    if not view.has_room:
        return GiveBack("no machine that is up here has room for this job")
    return Claim()


def _claimed(view: View, rules: Rules, now: datetime) -> Iterator[Action]:
    job, entry, run = view.job, view.entry, view.run
    if run is None:
        yield _submission(view, rules, now)
    elif _may_be_launched_again(job, entry, run):
        yield _another_launch(view, run)
    elif run.state.is_over:
        yield _UNWRITTEN_END
    elif run.state is RunState.QUEUED or run.started_at is None:
        yield from _limit(job, entry, run, rules)
        yield Wait("it waits in the cluster's queue")
    else:
        yield Tell((Report(job.id, JobStatus.RUNNING, run.started_at),))


def _submission(view: View, rules: Rules, now: datetime) -> Action:
    job, entry = view.job, view.entry
    if not view.cluster_answers:
        return Wait("the cluster does not answer")
    if entry.cluster_id is not None:
        return Wait("the cluster does not know it at the moment; looking again")
    if _may_still_arrive(entry, rules, now):
        return Wait("the answer to its submit was lost; it may still appear on the cluster")
    if view.trouble is not None and now >= _patience_ends(job, view.trouble, rules):
        return GiveBack(view.trouble.reason)
    if not view.may_start:
        return Wait("no new work is begun now")
    return Submit(limit_minutes(job, rules), may_exist=entry.submit_intended_at is not None)


def _another_launch(view: View, run: ClusterJob) -> Action:
    if not view.may_start:
        return Wait("no new work is begun now")
    if view.failed_launches + 1 >= _MOST_LAUNCHES:
        return GiveBack(f"the cluster could not start this job, {_MOST_LAUNCHES} times: {run.detail}")
    return Relaunch(run.id)


def _patience_ends(job: Job, trouble: Trouble, rules: Rules) -> datetime:
    """When a job that cannot be submitted goes back to the queue."""
    claimed_at = job.time.claimed_at or job.time.submitted_at
    end = claimed_at + timedelta(seconds=rules.claim_timeout_seconds)
    if trouble.is_refusal:
        return min(end, trouble.since + timedelta(seconds=rules.refused_script_seconds))
    return end


def _running(view: View, rules: Rules, now: datetime) -> Iterator[Action]:
    job, run = view.job, view.run
    if not view.cluster_answers:
        yield Wait("the cluster does not answer")
    elif run is None:
        yield Wait("the cluster does not know it at the moment; looking again")
    elif run.state.is_over:
        yield _UNWRITTEN_END
    else:
        if job.cancel_requested:
            yield Cancel(run.id, "its customer asked for it")
        else:
            yield from _limit(job, view.entry, run, rules)
            yield from _slice(job, rules, now)
        yield Wait("it runs")


def _limit(job: Job, entry: Entry, run: ClusterJob, rules: Rules) -> Iterator[SetLimit]:
    wanted = limit_minutes(job, rules)
    if entry.limit_minutes is None or wanted > entry.limit_minutes:
        yield SetLimit(run.id, wanted)


def _slice(job: Job, rules: Rules, now: datetime) -> Iterator[TopUp]:
    paid_seconds = max_duration_seconds(job.cost.max_cost, job.terms.price_per_minute)
    if not job.cost.delegate_spending_authority or paid_seconds is None or job.time.started_at is None:
        return
    left_seconds = (job.time.started_at - now).total_seconds() + paid_seconds
    if 0 < left_seconds <= rules.top_up_slice_seconds:
        yield TopUp(job.cost.max_cost)


def _ending(job: Job, end: End) -> tuple[Report, ...]:
    """The end as the chain can take it: a bill needs a RUNNING before it."""
    if job.status is JobStatus.RUNNING:
        until = end.ended_at if job.time.started_at is None else outcome.billed_until(end, job.time.started_at)
        return (_end_report(job, end, until),)
    never_ran = end.started_at is None and end.status is JobStatus.FAILED
    if end.status is JobStatus.PANICKED or never_ran:
        return (_end_report(job, end, end.ended_at),)
    started_at = end.started_at or end.ended_at
    running = Report(job.id, JobStatus.RUNNING, started_at)
    return running, _end_report(job, end, outcome.billed_until(end, started_at))


def _end_report(job: Job, end: End, until: datetime) -> Report:
    return Report(job.id, end.status, until, end.exit_code, end.last_error)


def _after_the_chain(view: View, rules: Rules, now: datetime) -> Action:
    entry, run = view.entry, view.run
    if not view.cluster_answers:
        return Wait("the chain is done with it; the cluster does not answer")
    if run is not None and view.is_running_here:
        return Cancel(run.id, "the chain does not want it from here any more")
    if _may_still_arrive(entry, rules, now):
        return Wait("the chain is done with it; a submit whose answer was lost may still appear")
    if not entry.log_complete and entry.cluster_id is not None and not _log_is_overdue(entry, rules, now):
        return Wait("its log is still on the way to the gateway")
    return Forget()


def _may_still_arrive(entry: Entry, rules: Rules, now: datetime) -> bool:
    return (
        entry.cluster_id is None
        and entry.submit_intended_at is not None
        and now - entry.submit_intended_at < timedelta(seconds=rules.submit_settle_seconds)
    )


def _log_is_overdue(entry: Entry, rules: Rules, now: datetime) -> bool:
    return entry.settled_at is not None and now - entry.settled_at >= timedelta(seconds=rules.log_patience_seconds)
