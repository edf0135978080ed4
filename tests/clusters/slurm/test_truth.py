"""How a job stands, from what Slurm says, what its own record claims, and what we did ourselves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deepsquare.clusters.port import ClusterJob, RunState
from deepsquare.clusters.slurm.queue_text import Row
from deepsquare.clusters.slurm.spool import Claim
from deepsquare.clusters.slurm.truth import STATES, EndRecord, Known, Run, begun_run, end_record, is_settled, judge
from deepsquare.model import Address, JobId, JobTag

NOW = datetime(2030, 1, 1, tzinfo=UTC)
START, END = NOW - timedelta(minutes=10), NOW - timedelta(minutes=5)
TAG = JobTag(1, Address("0x" + "ab" * 20), JobId(3), 1)
OUR_UID = 1000


def row(state: str, **changes: Any) -> Row:
    values: dict[str, Any] = {
        "id": "17",
        "uid": OUR_UID,
        "state": state,
        "exit_code": 0,
        "restarts": 0,
        "started_at": START,
        "ended_at": END,
        "used": END - START,
        "reason": "",
        "tag_texts": (str(TAG),),
        **changes,
    }
    return Row(**values)


def record(slurm_id: str = "17", restarts: int = 0, **changes: Any) -> EndRecord:
    values: dict[str, Any] = {
        "run": Run(slurm_id, restarts),
        "started_at": START,
        "ended_at": END,
        "exit_code": 4,
        "terminated": False,
        "written_at": END,
        **changes,
    }
    return EndRecord(**values)


def known(**changes: Any) -> Known:
    return replace(Known(TAG, NOW, OUR_UID, submitted_id="17"), **changes)


def judged(**changes: Any) -> ClusterJob:
    job = judge(known(**changes))
    assert job is not None
    return job


@pytest.mark.parametrize(
    ("word", "slurms_code", "state", "code"),
    [
        ("COMPLETED", 0, RunState.COMPLETED, 0),
        ("FAILED", 3, RunState.FAILED, 3),
        ("FAILED", 139, RunState.FAILED, 139),
        ("OUT_OF_MEMORY", 0, RunState.OUT_OF_MEMORY, 137),
        ("OUT_OF_MEMORY", 253, RunState.OUT_OF_MEMORY, 137),
        ("TIMEOUT", 0, RunState.TIMEOUT, None),
        ("DEADLINE", 0, RunState.TIMEOUT, None),
        ("PREEMPTED", 0, RunState.LOST, None),
        ("NODE_FAIL", 0, RunState.LOST, None),
        ("BOOT_FAIL", 0, RunState.LOST, None),
    ],
)
def test_the_end_of_a_job_is_what_slurm_says(word: str, slurms_code: int, state: RunState, code: int | None) -> None:
    job = judged(queue=row(word, exit_code=slurms_code))

    assert (job.state, job.exit_code) == (state, code)
    assert (job.started_at, job.ended_at) == (START, END)


def test_a_cancel_that_we_asked_for_is_a_cancel() -> None:
    assert judged(queue=row("CANCELLED"), cancel_asked=True).state is RunState.CANCELLED


def test_a_cancel_by_the_jobs_own_account_is_a_cancel() -> None:
    history = row("CANCELLED", cancelled_by_uid=OUR_UID)

    assert judged(queue=row("CANCELLED"), history=history).state is RunState.CANCELLED


@pytest.mark.parametrize("history", [None, row("CANCELLED", cancelled_by_uid=0), row("CANCELLED")])
def test_a_cancel_by_an_admin_is_the_clusters_fault(history: Row | None) -> None:
    job = judged(queue=row("CANCELLED"), history=history)

    assert job.state is RunState.LOST
    assert "administrator" in job.detail


def test_a_job_that_no_node_could_start_is_the_clusters_fault() -> None:
    assert judged(queue=row("FAILED", exit_code=1, reason="JobLaunchFailure")).state is RunState.UNSTARTED
    at_once = row("FAILED", exit_code=1, ended_at=START, restarts=1)

    assert judged(queue=at_once).state is RunState.UNSTARTED


def test_a_job_runs_once_its_wrapper_says_so_or_after_a_moment_in_which_no_node_has_failed_to_start_it() -> None:
    young = row("RUNNING", started_at=NOW - timedelta(seconds=5))
    launched = judged(queue=young)

    assert (launched.state, launched.started_at) == (RunState.QUEUED, None)
    assert judged(queue=young, begun=Run("17", 1)).state is RunState.QUEUED, "another run began"
    assert judged(queue=young, begun=Run("17", 0)).state is RunState.RUNNING
    assert judged(queue=row("RUNNING", started_at=NOW - timedelta(seconds=6))).state is RunState.RUNNING


def test_a_job_that_no_node_could_start_again_did_run_before() -> None:
    at_once = row("FAILED", exit_code=1, ended_at=START, restarts=1)

    assert judged(queue=at_once, begun=Run("17", 0)).state is RunState.LOST
    assert judged(queue=at_once, begun=Run("17", 0), end=record(restarts=0)).state is RunState.LOST


def test_a_job_that_fails_at_once_is_its_own_fault() -> None:
    at_once = row("FAILED", exit_code=1, ended_at=START)

    assert judged(queue=at_once, begun=Run("17", 0)).state is RunState.FAILED
    assert judged(history=replace(at_once, restarts=None), begun=Run("17", 2)).state is RunState.FAILED


def test_a_job_without_records_cannot_pose_as_one_that_no_node_could_start() -> None:
    assert judged(queue=row("FAILED", exit_code=181)).state is RunState.FAILED


@pytest.mark.parametrize("word", ["PENDING", "REQUEUED", "REQUEUE_HOLD", "CONFIGURING"])
def test_a_job_that_waits_has_not_started_and_says_why(word: str) -> None:
    job = judged(queue=row(word, reason="Priority"))

    assert (job.state, job.started_at, job.ended_at, job.detail) == (RunState.QUEUED, None, None, "Priority")


def test_a_running_job_has_a_start_and_no_end() -> None:
    job = judged(queue=row("RUNNING"))

    assert (job.state, job.started_at, job.ended_at, job.exit_code) == (RunState.RUNNING, START, None, None)


def test_a_word_of_a_newer_slurm_decides_nothing() -> None:
    assert judged(queue=row("QUANTUM")).state is RunState.RUNNING


def test_every_word_of_slurm_has_a_state() -> None:
    # Those two depend on who it was, and on whether it ever began.
    assert set(STATES.values()) == set(RunState) - {RunState.CANCELLED, RunState.UNSTARTED}


def test_while_slurm_has_not_noticed_the_end_it_has_time_to_do_so() -> None:
    fresh = record(ended_at=NOW, written_at=NOW - timedelta(seconds=1))

    assert judged(queue=row("COMPLETING"), end=fresh).state is RunState.RUNNING
    assert not is_settled(known(queue=row("COMPLETING"), end=fresh))


def test_when_slurm_does_not_notice_an_end_the_record_holds() -> None:
    job = judged(queue=row("RUNNING"), end=record())

    assert (job.state, job.exit_code, job.ended_at) == (RunState.FAILED, 4, END)


def test_an_end_before_a_requeue_does_not_count() -> None:
    again = judged(queue=row("RUNNING", restarts=1), end=record(restarts=0))

    assert again.state is RunState.RUNNING
    assert judged(queue=row("PENDING", restarts=1), end=record(terminated=True)).state is RunState.QUEUED


def test_a_controller_that_forgot_the_end_and_queues_the_job_again_is_not_believed() -> None:
    job = judged(queue=row("PENDING", reason="launch_failed_requeued_held"), end=record())

    assert (job.state, job.exit_code) == (RunState.FAILED, 4)


def test_what_the_queue_forgot_the_history_knows() -> None:
    assert judged(history=row("OUT_OF_MEMORY"), end=record(exit_code=0)).state is RunState.OUT_OF_MEMORY


def test_what_slurm_forgot_the_record_knows() -> None:
    assert judged(end=record(exit_code=0)).state is RunState.COMPLETED
    assert judged(end=record(exit_code=143, terminated=True), cancel_asked=True).state is RunState.CANCELLED
    assert judged(end=record(exit_code=143, terminated=True), limit_minutes=5).state is RunState.TIMEOUT
    assert judged(end=record(exit_code=143, terminated=True), limit_minutes=60).state is RunState.FAILED


def test_what_nobody_knows_is_unknown() -> None:
    assert judge(known()) is None
    assert judge(known(end=record(slurm_id="18"))) is None
    assert judge(known(history=row("RUNNING"))) is None


def test_a_jobs_own_times_are_finer_than_slurms_where_they_agree() -> None:
    own = record(started_at=START + timedelta(seconds=2), ended_at=END - timedelta(seconds=3))

    job = judged(queue=row("COMPLETED"), end=own)

    assert (job.started_at, job.ended_at) == (own.started_at, own.ended_at)


def test_a_restarted_controller_stamps_a_wrong_end_and_the_record_knows_better() -> None:
    job = judged(queue=row("COMPLETED", ended_at=NOW), end=record())

    assert job.ended_at == END


def test_a_record_cannot_shorten_a_jobs_bill_by_a_late_start_or_prolong_it() -> None:
    late = record(started_at=END - timedelta(seconds=1))
    beyond = record(ended_at=END + timedelta(hours=1))

    assert judged(queue=row("COMPLETED"), end=late).started_at == START
    assert judged(queue=row("COMPLETED"), end=beyond).ended_at == END


def test_suspended_time_is_told_apart() -> None:
    job = judged(queue=row("COMPLETED", used=END - START - timedelta(seconds=90)))

    assert job.suspended_seconds == 90


GOOD = {"id": "17", "restarts": 0, "started_at": 1000.5, "ended_at": 1010.25, "exit_code": 3, "terminated": False}


def test_a_plausible_claim_is_a_record() -> None:
    found = end_record(Claim(GOOD, written_at=1010.3), submitted_at=999.0)

    assert found is not None
    assert (found.run, found.exit_code, found.ended_at.timestamp()) == (Run("17", 0), 3, 1010.25)
    assert begun_run(Claim(GOOD, written_at=1010.3)) == found.run


@pytest.mark.parametrize(
    "change",
    [
        {"exit_code": 256},
        {"exit_code": -1},
        {"exit_code": 1.5},
        {"exit_code": True},
        {"exit_code": "0"},
        {"exit_code": None},
        {"id": 17},
        {"restarts": "x"},
        {"started_at": 2000.0},
        {"started_at": 100.0},
        {"ended_at": 5000.0},
        {"ended_at": float("nan")},
        {"ended_at": float("inf")},
        {"ended_at": 1e300},
        {"ended_at": [1]},
    ],
)
def test_a_claim_that_cannot_be_is_no_record(change: dict[str, Any]) -> None:
    assert end_record(Claim({**GOOD, **change}, written_at=1010.3), submitted_at=999.0) is None


def test_a_claim_that_lacks_something_is_no_record() -> None:
    for key in GOOD.keys() - {"terminated"}:
        assert end_record(Claim({name: GOOD[name] for name in GOOD if name != key}, 1010.3), 999.0) is None


def test_without_a_claim_there_is_no_record() -> None:
    assert end_record(None, 1.0) is None
