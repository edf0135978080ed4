"""What is to be done about a job, as a table: from the chain, the journal and the cluster to the next actions."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.chain import Report
from deepsquare.clusters.port import ClusterJob, ClusterJobId, RunState
from deepsquare.model import (
    WEI_PER_CREDIT,
    Address,
    Job,
    JobCost,
    JobDefinition,
    JobId,
    JobStatus,
    JobTag,
    JobTerms,
    JobTime,
)
from deepsquare.supervisor.entry import End, Entry
from deepsquare.supervisor.lifecycle import (
    Absence,
    Action,
    Cancel,
    Claim,
    Forget,
    GiveBack,
    Relaunch,
    Rules,
    SetLimit,
    Submit,
    Tell,
    TopUp,
    Trouble,
    View,
    Wait,
    decide,
    limit_minutes,
    observe,
)

ME, OTHER, CUSTOMER = (Address("0x" + pair * 20) for pair in ("aa", "bb", "cc"))
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
ID = ClusterJobId("42")
TAG = JobTag(1, OTHER, JobId(7), 1)
RULES = Rules(
    provider=ME,
    claim_timeout_seconds=120,
    top_up_slice_seconds=1800,
    submit_settle_seconds=15,
    lost_after_looks=3,
    lost_grace_seconds=60,
    longest_job_minutes=10_000,
    refused_script_seconds=30,
    log_patience_seconds=600,
)
META, SCHEDULED, RUNNING = JobStatus.META_SCHEDULED, JobStatus.SCHEDULED, JobStatus.RUNNING


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def job(status: JobStatus, *, minutes_paid: int = 60, delegate: bool = False, **changes: Any) -> Job:
    started = ago(300) if status is RUNNING else None
    made = Job(
        id=JobId(7),
        status=status,
        customer=CUSTOMER,
        provider=ME,
        definition=JobDefinition(1, 1, 100, 0, "ab" * 32),
        cost=JobCost(max_cost=minutes_paid * WEI_PER_CREDIT, delegate_spending_authority=delegate),
        time=JobTime(submitted_at=ago(400), claimed_at=ago(350), started_at=started),
        name="test",
        terms=JobTerms(price_per_minute=WEI_PER_CREDIT, attempt=1),
    )
    return replace(made, **changes)


def run(state: RunState, **changes: Any) -> ClusterJob:
    started = None if state is RunState.QUEUED else ago(300)
    ended = ago(10) if state.is_over else None
    return replace(ClusterJob(ID, TAG, state, started_at=started, ended_at=ended, exit_code=None), **changes)


NEW = Entry(JobId(7), 1)
INTENDED = replace(NEW, submit_intended_at=ago(5))
SUBMITTED = replace(NEW, submit_intended_at=ago(340), cluster_id=ID, limit_minutes=60)
SHIPPED = replace(SUBMITTED, log_complete=True)
FINISHED = End(JobStatus.FINISHED, 0, ended_at=ago(10), started_at=ago(310))


def ended(end: End) -> Entry:
    return replace(SUBMITTED, end=end)


AWAY = Trouble("gateway away", ago(119))


def refused(seconds: float) -> Trouble:
    """A gateway that has refused the script for so long."""
    return Trouble("no such script", ago(seconds), is_refusal=True)


@dataclass(frozen=True)
class Case:
    promise: str
    view: View
    actions: tuple[Action, ...]


def waits(action: Action) -> Action:
    """A wait without its reason: the table is about what is done."""
    return Wait("") if isinstance(action, Wait) else action


WAIT = Wait("")

CASES = [
    # META_SCHEDULED
    Case("an assigned job is claimed", View(job(META), NEW), (Claim(),)),
    Case("nothing is claimed while no work may begin", View(job(META), NEW, may_start=False), (WAIT,)),
    Case(
        "a job that no machine could hold is given back",
        View(job(META), NEW, has_room=False),
        (GiveBack("no machine that is up here has room for this job"),),
    ),
    Case("a claim that the chain took back is claimed again", View(job(META), ended(FINISHED)), (Claim(),)),
    # SCHEDULED
    Case("a claimed job is submitted", View(job(SCHEDULED), NEW), (Submit(60, may_exist=False),)),
    Case(
        "a top-up before the submit is in the limit",
        View(job(SCHEDULED, minutes_paid=90), NEW),
        (Submit(90, may_exist=False),),
    ),
    Case("nothing is submitted while no work may begin", View(job(SCHEDULED), NEW, may_start=False), (WAIT,)),
    Case("nothing is submitted while the cluster is away", View(job(SCHEDULED), NEW, cluster_answers=False), (WAIT,)),
    Case("a submit whose answer was lost is waited for", View(job(SCHEDULED), INTENDED), (WAIT,)),
    Case(
        "and repeated only after asking for its tag",
        View(job(SCHEDULED), replace(NEW, submit_intended_at=ago(15))),
        (Submit(60, may_exist=True),),
    ),
    Case("a job that the cluster took is not submitted again", View(job(SCHEDULED), SUBMITTED), (WAIT,)),
    Case(
        "a script that cannot be fetched is tried again",
        View(job(SCHEDULED, time=JobTime(ago(100), claimed_at=ago(119))), NEW, trouble=AWAY),
        (Submit(60, may_exist=False),),
    ),
    Case(
        "and the job given back when the grid's patience is over",
        View(job(SCHEDULED, time=JobTime(ago(200), claimed_at=ago(120))), NEW, trouble=AWAY),
        (GiveBack("gateway away"),),
    ),
    Case(
        "a script that a gateway refuses is asked for again for a moment: it may have just been started",
        View(job(SCHEDULED, time=JobTime(ago(100), claimed_at=ago(60))), NEW, trouble=refused(29)),
        (Submit(60, may_exist=False),),
    ),
    Case(
        "and the job given back after that moment",
        View(job(SCHEDULED, time=JobTime(ago(100), claimed_at=ago(60))), NEW, trouble=refused(30)),
        (GiveBack("no such script"),),
    ),
    Case(
        "and in any case when the grid's patience is over",
        View(job(SCHEDULED, time=JobTime(ago(200), claimed_at=ago(120))), NEW, trouble=refused(1)),
        (GiveBack("no such script"),),
    ),
    Case(
        "a job that may be on the cluster is never given back",
        View(job(SCHEDULED), INTENDED, trouble=Trouble("answer lost", ago(9))),
        (WAIT,),
    ),
    Case("a queued job waits", View(job(SCHEDULED), SUBMITTED, run(RunState.QUEUED)), (WAIT,)),
    Case(
        "a queued job's limit follows a top-up",
        View(job(SCHEDULED, minutes_paid=90), SUBMITTED, run(RunState.QUEUED)),
        (SetLimit(ID, 90), WAIT),
    ),
    Case(
        "a started job is reported",
        View(job(SCHEDULED), SUBMITTED, run(RunState.RUNNING)),
        (Tell((Report(JobId(7), RUNNING, ago(300)),)),),
    ),
    Case(
        "an end that is not on disk is not told",
        View(job(SCHEDULED), SUBMITTED, run(RunState.COMPLETED)),
        (WAIT,),
    ),
    Case(
        "a job that ended before anybody looked is told with its start",
        View(job(SCHEDULED), ended(FINISHED), run(RunState.COMPLETED)),
        (
            Tell(
                (
                    Report(JobId(7), RUNNING, ago(310)),
                    Report(JobId(7), JobStatus.FINISHED, ago(10)),
                )
            ),
        ),
    ),
    Case(
        "a job that the cluster broke costs nothing, started or not",
        View(job(SCHEDULED), ended(End(JobStatus.PANICKED, 0, ago(10), ago(310), last_error="NODE_FAIL"))),
        (Tell((Report(JobId(7), JobStatus.PANICKED, ago(10), 0, "NODE_FAIL"),)),),
    ),
    Case(
        "a job that could not start fails without a bill",
        View(job(SCHEDULED), ended(End(JobStatus.FAILED, 1, ago(10), last_error="no start"))),
        (Tell((Report(JobId(7), JobStatus.FAILED, ago(10), 1, "no start"),)),),
    ),
    Case(
        "a job that no node could start is submitted once more, for nothing of it ran",
        View(job(SCHEDULED), SUBMITTED, run(RunState.UNSTARTED)),
        (Relaunch(ID),),
    ),
    Case(
        "but not while no work may begin",
        View(job(SCHEDULED), SUBMITTED, run(RunState.UNSTARTED), may_start=False),
        (WAIT,),
    ),
    Case(
        "and after three times another cluster gets it",
        View(job(SCHEDULED), SUBMITTED, run(RunState.UNSTARTED, detail="no disk"), failed_launches=2),
        (GiveBack("the cluster could not start this job, 3 times: no disk"),),
    ),
    # RUNNING
    Case("a running job runs", View(job(RUNNING), SUBMITTED, run(RunState.RUNNING)), (WAIT,)),
    Case("a suspended job is left alone", View(job(RUNNING), SUBMITTED, run(RunState.SUSPENDED)), (WAIT,)),
    Case("a job that the cluster requeued still runs", View(job(RUNNING), SUBMITTED, run(RunState.QUEUED)), (WAIT,)),
    Case("nobody is hurried while the cluster is away", View(job(RUNNING), SUBMITTED, cluster_answers=False), (WAIT,)),
    Case("a missing job is looked for", View(job(RUNNING), SUBMITTED), (WAIT,)),
    Case(
        "a customer's cancel is done",
        View(job(RUNNING, cancel_requested=True), SUBMITTED, run(RunState.RUNNING)),
        (Cancel(ID, "its customer asked for it"), WAIT),
    ),
    Case(
        "a running job's limit follows a top-up, as an absolute value",
        View(job(RUNNING, minutes_paid=61), SUBMITTED, run(RunState.RUNNING)),
        (SetLimit(ID, 61), WAIT),
    ),
    Case(
        "a limit that the journal does not know is set",
        View(job(RUNNING), replace(SUBMITTED, limit_minutes=None), run(RunState.RUNNING)),
        (SetLimit(ID, 60), WAIT),
    ),
    Case(
        "a job that allows it is topped up when a slice is left",
        View(job(RUNNING, minutes_paid=35, delegate=True), replace(SUBMITTED, limit_minutes=35), run(RunState.RUNNING)),
        (TopUp(35 * WEI_PER_CREDIT), WAIT),
    ),
    Case(
        "and not before",
        View(job(RUNNING, minutes_paid=36, delegate=True), replace(SUBMITTED, limit_minutes=36), run(RunState.RUNNING)),
        (WAIT,),
    ),
    Case(
        "and not after its end",
        View(job(RUNNING, minutes_paid=5, delegate=True), replace(SUBMITTED, limit_minutes=5), run(RunState.RUNNING)),
        (WAIT,),
    ),
    Case(
        "and not without being allowed to",
        View(job(RUNNING, minutes_paid=35), replace(SUBMITTED, limit_minutes=35), run(RunState.RUNNING)),
        (WAIT,),
    ),
    Case(
        "a job that is to be cancelled is not topped up",
        View(
            job(RUNNING, minutes_paid=35, delegate=True, cancel_requested=True),
            replace(SUBMITTED, limit_minutes=35),
            run(RunState.RUNNING),
        ),
        (Cancel(ID, "its customer asked for it"), WAIT),
    ),
    Case(
        "an end on disk is told",
        View(job(RUNNING), ended(FINISHED), run(RunState.COMPLETED)),
        (Tell((Report(JobId(7), JobStatus.FINISHED, ago(10)),)),),
    ),
    Case(
        "an end on disk is told although the cluster is away",
        View(job(RUNNING), ended(FINISHED), cluster_answers=False),
        (Tell((Report(JobId(7), JobStatus.FINISHED, ago(10)),)),),
    ),
    # Not ours any more
    *(
        Case(
            f"a job that is {status.name} and runs here is ended here",
            View(job(status, provider=provider, terms=JobTerms(WEI_PER_CREDIT, attempt=attempt)), SUBMITTED, state),
            (Cancel(ID, "the chain does not want it from here any more"),),
        )
        for status, provider, attempt in [
            (JobStatus.PENDING, None, 1),
            (META, OTHER, 2),
            (SCHEDULED, OTHER, 2),
            (RUNNING, OTHER, 2),
            (RUNNING, ME, 2),
            (JobStatus.CANCELLED, ME, 1),
            (JobStatus.PANICKED, ME, 1),
            (JobStatus.FINISHED, ME, 1),
        ]
        for state in (run(RunState.QUEUED), run(RunState.RUNNING), run(RunState.SUSPENDED))
    ),
    Case("what is cold waits for its log", View(job(JobStatus.FINISHED), SUBMITTED, run(RunState.COMPLETED)), (WAIT,)),
    Case(
        "but not for ever",
        View(job(JobStatus.FINISHED), replace(SUBMITTED, settled_at=ago(600)), run(RunState.COMPLETED)),
        (Forget(),),
    ),
    Case("what is over is forgotten", View(job(JobStatus.FINISHED), SHIPPED, run(RunState.COMPLETED)), (Forget(),)),
    Case("also where the cluster has forgotten it", View(job(JobStatus.FINISHED), SHIPPED), (Forget(),)),
    Case("a job cancelled before its submit is forgotten", View(job(JobStatus.CANCELLED), NEW), (Forget(),)),
    Case(
        "a cancelled job whose submit may still appear is waited for", View(job(JobStatus.CANCELLED), INTENDED), (WAIT,)
    ),
    Case(
        "nothing is forgotten while the cluster is away",
        View(job(JobStatus.FINISHED), SHIPPED, cluster_answers=False),
        (WAIT,),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.promise.replace(" ", "_"))
def test_the_table_of_decisions(case: Case) -> None:
    assert tuple(map(waits, decide(case.view, RULES, NOW))) == case.actions


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(1, 1), (59, 1), (60, 1), (119, 1), (120, 2), (3_599, 59), (3_600, 60), (10**9, 10_000)]
)
def test_the_limit_is_the_whole_minutes_within_the_paid_seconds(seconds: int, minutes: int) -> None:
    paid = job(SCHEDULED, cost=JobCost(max_cost=seconds), terms=JobTerms(price_per_minute=60, attempt=1))
    assert limit_minutes(paid, RULES) == minutes


def test_a_job_that_costs_nothing_has_the_sites_longest_limit() -> None:
    free = job(SCHEDULED, terms=JobTerms(price_per_minute=0, attempt=1))
    assert limit_minutes(free, RULES) == 10_000


def test_a_run_found_on_the_cluster_is_noted() -> None:
    noted = observe(View(job(SCHEDULED), INTENDED, run(RunState.RUNNING)), RULES, NOW)
    assert (noted.cluster_id, noted.started_at) == (ID, ago(300))


def test_a_requeued_job_keeps_the_start_it_had_until_it_has_a_new_one() -> None:
    entry = replace(SUBMITTED, started_at=ago(300))
    assert observe(View(job(RUNNING), entry, run(RunState.QUEUED)), RULES, NOW).started_at == ago(300)


def test_an_end_is_noted_once_and_never_changed() -> None:
    first = observe(View(job(RUNNING), SUBMITTED, run(RunState.COMPLETED)), RULES, NOW)
    again = observe(View(job(RUNNING), first, run(RunState.FAILED, exit_code=1)), RULES, NOW)
    assert again.end == first.end


def test_a_broken_node_is_no_end_where_the_cluster_has_requeued_the_job() -> None:
    broken = observe(View(job(RUNNING), SUBMITTED, run(RunState.LOST)), RULES, NOW)
    assert broken.end is not None
    assert observe(View(job(RUNNING), broken, run(RunState.QUEUED)), RULES, NOW).end is None


def test_a_job_that_no_node_could_start_has_neither_a_start_nor_an_end() -> None:
    seen = observe(View(job(SCHEDULED), SUBMITTED, run(RunState.UNSTARTED)), RULES, NOW)
    assert (seen.started_at, seen.end) == (None, None)


@pytest.mark.parametrize(
    "view",
    [
        View(job(RUNNING), SUBMITTED, run(RunState.UNSTARTED)),
        View(job(SCHEDULED), replace(SUBMITTED, started_at=ago(300)), run(RunState.UNSTARTED)),
        View(job(SCHEDULED, cancel_requested=True), SUBMITTED, run(RunState.UNSTARTED)),
    ],
)
def test_a_job_that_was_told_or_seen_to_run_or_is_to_end_panics_where_no_node_could_start_it(view: View) -> None:
    seen = observe(view, RULES, NOW)
    assert seen.end is not None
    assert seen.end.status is JobStatus.PANICKED


@pytest.mark.parametrize(
    ("looks", "seconds", "is_lost"), [(2, 600, False), (3, 59, False), (3, 60, True), (50, 3_600, True)]
)
def test_a_job_is_lost_only_after_several_looks_and_a_grace(looks: int, seconds: int, is_lost: bool) -> None:
    view = View(job(RUNNING), SUBMITTED, absence=Absence(looks, ago(seconds)))
    end = observe(view, RULES, NOW).end
    assert (end is not None) is is_lost
    assert end is None or end.status is JobStatus.PANICKED


def test_what_is_no_longer_ours_gets_no_end() -> None:
    settled = observe(View(job(JobStatus.PENDING, provider=None), SUBMITTED, run(RunState.CANCELLED)), RULES, NOW)
    assert (settled.end, settled.settled_at) == (None, NOW)


def test_the_moment_of_settling_is_kept() -> None:
    settled = replace(SUBMITTED, settled_at=ago(99))
    assert observe(View(job(JobStatus.FINISHED), settled), RULES, NOW).settled_at == ago(99)


def test_a_job_that_the_chain_took_back_into_life_is_served_again() -> None:
    settled = replace(SUBMITTED, settled_at=ago(99))
    assert observe(View(job(RUNNING), settled, run(RunState.RUNNING)), RULES, NOW).settled_at is None


_any_view = st.builds(
    View,
    job=st.builds(
        job,
        status=st.sampled_from(JobStatus),
        minutes_paid=st.integers(0, 120),
        delegate=st.booleans(),
        provider=st.sampled_from([ME, OTHER, None]),
        cancel_requested=st.booleans(),
    ),
    entry=st.sampled_from([NEW, INTENDED, SUBMITTED, SHIPPED, ended(FINISHED)]),
    run=st.none() | st.sampled_from(RunState).map(run),
    cluster_answers=st.booleans(),
    absence=st.none() | st.builds(Absence, st.integers(1, 9), st.integers(0, 200).map(ago)),
    has_room=st.booleans(),
    may_start=st.booleans(),
    trouble=st.none() | st.builds(Trouble, st.just("gateway away"), st.integers(0, 200).map(ago), st.booleans()),
)


@given(_any_view)
def test_nothing_is_submitted_where_something_may_run(view: View) -> None:
    view = replace(view, entry=observe(view, RULES, NOW))
    for action in decide(view, RULES, NOW):
        if isinstance(action, Submit):
            assert view.run is None
            assert view.entry.cluster_id is None
            assert view.entry.end is None
            assert view.cluster_answers
            assert view.may_start
            assert view.job.status is SCHEDULED


@given(_any_view)
def test_only_what_is_on_disk_is_told(view: View) -> None:
    for action in decide(view, RULES, NOW):
        if isinstance(action, Tell) and any(report.status.is_cold for report in action.reports):
            assert view.entry.end is not None


@given(_any_view)
def test_nothing_is_forgotten_that_the_chain_still_wants(view: View) -> None:
    view = replace(view, entry=observe(view, RULES, NOW))
    if Forget() in decide(view, RULES, NOW):
        assert view.entry.settled_at is not None
        assert not view.is_running_here
        assert view.cluster_answers


@given(_any_view)
def test_there_is_always_something_to_do_or_a_reason_to_wait(view: View) -> None:
    view = replace(view, entry=observe(view, RULES, NOW))
    actions = decide(view, RULES, NOW)
    assert actions
    assert all(action.reason for action in actions if isinstance(action, Wait))


@given(_any_view)
def test_looking_twice_changes_nothing(view: View) -> None:
    once = replace(view, entry=observe(view, RULES, NOW))
    assert observe(once, RULES, NOW) == once.entry
