"""The truth table: what the cluster says, and what the grid says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.clusters.port import ClusterJob, ClusterJobId, RunState
from deepsquare.model import Address, JobId, JobStatus, JobTag
from deepsquare.supervisor.entry import End
from deepsquare.supervisor.outcome import billed_until, judge, lost

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
START = NOW - timedelta(minutes=10)
TAG = JobTag(1, Address("0x" + "ab" * 20), JobId(7), 1)


def run(state: RunState, exit_code: int | None = None, detail: str = "", suspended_seconds: int = 0) -> ClusterJob:
    return ClusterJob(
        ClusterJobId("9"),
        TAG,
        state,
        started_at=START,
        ended_at=NOW,
        suspended_seconds=suspended_seconds,
        exit_code=exit_code,
        detail=detail,
    )


def judged(job: ClusterJob, *, cancel_requested: bool = False, output: str = "") -> End:
    return judge(job, cancel_requested=cancel_requested, started_at=None, now=NOW, output=output)


@pytest.mark.parametrize(
    ("state", "exit_code", "cancel_requested", "status", "told_exit_code"),
    [
        (RunState.COMPLETED, 0, False, JobStatus.FINISHED, 0),
        (RunState.COMPLETED, 0, True, JobStatus.FINISHED, 0),
        (RunState.FAILED, 3, False, JobStatus.FAILED, 3),
        (RunState.FAILED, 128 + 11, False, JobStatus.FAILED, 139),
        (RunState.FAILED, None, False, JobStatus.FAILED, 1),
        (RunState.FAILED, 0, False, JobStatus.FAILED, 1),
        (RunState.OUT_OF_MEMORY, 0, False, JobStatus.FAILED, 137),
        (RunState.OUT_OF_MEMORY, 125, False, JobStatus.FAILED, 137),
        (RunState.TIMEOUT, None, False, JobStatus.OUT_OF_CREDITS, 143),
        (RunState.TIMEOUT, 124, True, JobStatus.OUT_OF_CREDITS, 124),
        (RunState.CANCELLED, None, True, JobStatus.CANCELLED, 143),
        (RunState.CANCELLED, 137, True, JobStatus.CANCELLED, 137),
        (RunState.CANCELLED, None, False, JobStatus.FAILED, 143),
        (RunState.LOST, None, False, JobStatus.PANICKED, 0),
        (RunState.LOST, 1, True, JobStatus.PANICKED, 0),
        (RunState.UNSTARTED, 1, False, JobStatus.PANICKED, 0),
    ],
)
def test_the_cluster_and_the_grid_tell_the_same_truth(
    state: RunState, exit_code: int | None, cancel_requested: bool, status: JobStatus, told_exit_code: int
) -> None:
    end = judged(run(state, exit_code), cancel_requested=cancel_requested)
    assert (end.status, end.exit_code) == (status, told_exit_code)


@pytest.mark.parametrize("state", [state for state in RunState if not state.is_over])
def test_a_job_that_is_not_over_is_not_judged(state: RunState) -> None:
    with pytest.raises(ValueError, match="not over"):
        judged(run(state))


def test_every_state_that_is_over_has_a_verdict() -> None:
    for state in RunState:
        if state.is_over:
            assert judged(run(state)).status.is_cold


def test_memory_is_named_as_the_reason_although_the_script_returned_zero() -> None:
    assert "used more memory than asked for" in judged(run(RunState.OUT_OF_MEMORY, 0)).last_error


def test_a_failed_jobs_last_lines_go_into_the_reason() -> None:
    end = judged(run(RunState.FAILED, 3), output="step 1\nno such file: input.dat\n")
    assert end.last_error == "the job ended with exit code 3\nstep 1\nno such file: input.dat"


def test_the_output_of_a_job_that_did_not_fail_stays_private() -> None:
    for state in (RunState.COMPLETED, RunState.TIMEOUT, RunState.LOST):
        assert "private" not in judged(run(state), output="private").last_error


def test_the_clusters_word_for_a_lost_node_is_passed_on() -> None:
    assert "NODE_FAIL" in judged(run(RunState.LOST, detail="NODE_FAIL")).last_error


def test_a_start_that_the_cluster_forgot_is_taken_from_the_journal() -> None:
    forgetful = ClusterJob(ClusterJobId("9"), TAG, RunState.COMPLETED, ended_at=NOW, exit_code=0)
    assert judge(forgetful, cancel_requested=False, started_at=START, now=NOW, output="").started_at == START


def test_an_end_before_its_start_bills_nothing() -> None:
    confused = ClusterJob(ClusterJobId("9"), TAG, RunState.COMPLETED, started_at=NOW, ended_at=START, exit_code=0)
    end = judged(confused)
    assert billed_until(end, NOW) == NOW


def test_a_lost_job_costs_its_customer_nothing() -> None:
    assert lost(started_at=START, now=NOW).status is JobStatus.PANICKED


def test_the_wait_in_a_suspension_is_not_billed() -> None:
    end = judged(run(RunState.COMPLETED, 0, suspended_seconds=240))
    assert billed_until(end, START) == START + timedelta(seconds=360)


def test_only_the_run_that_counts_is_billed_after_a_requeue() -> None:
    first_start = START - timedelta(hours=1)
    assert billed_until(judged(run(RunState.COMPLETED, 0)), first_start) == first_start + timedelta(minutes=10)


def test_time_that_the_chain_did_not_see_is_not_billed() -> None:
    clamped_start = START + timedelta(minutes=4)
    assert billed_until(judged(run(RunState.COMPLETED, 0)), clamped_start) == NOW


_moments = st.integers(min_value=-100_000, max_value=100_000).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(start=_moments, end=_moments, chain_start=_moments, suspended=st.integers(min_value=0, max_value=10_000))
def test_the_bill_is_never_longer_than_the_run(
    start: datetime, end: datetime, chain_start: datetime, suspended: int
) -> None:
    ended = max(start, end)
    record = End(JobStatus.FINISHED, 0, ended_at=ended, started_at=start, suspended_seconds=suspended)
    billed = billed_until(record, chain_start) - chain_start
    assert timedelta(0) <= billed <= max(timedelta(0), ended - start - timedelta(seconds=suspended))
