"""What a cluster does to jobs: refusals, lost answers, failed nodes; and what the chain hears of it."""

from dataclasses import replace

import pytest

from deepsquare.clusters.port import ClusterJob, ClusterNode, NodeState, RunState
from deepsquare.model import WEI_PER_CREDIT, JobStatus, Node
from tests.supervisor.stage import LOCKED, Stage


async def test_a_job_that_the_cluster_refuses_goes_back_to_the_queue(s: Stage) -> None:
    s.cluster.refusal = "no partition has nodes with so many GPUs"
    job_id = await s.job()
    await s.go()
    assert await s.status(job_id) is JobStatus.PENDING
    s.advance(60)
    await s.go()
    assert s.journal.entries == []


async def test_a_job_that_no_machine_could_hold_now_goes_back_to_the_queue(s: Stage) -> None:
    s.cluster.machines = [
        replace(s.cluster.machines[0], state=NodeState.DRAINED),
        ClusterNode("n2", Node(cpus=2, memory_mb=64_000), NodeState.UP),
    ]
    small, large = await s.job(tasks=2), await s.job(tasks=3)
    await s.go()
    assert await s.status(small) is JobStatus.SCHEDULED
    assert await s.status(large) is JobStatus.PENDING


async def test_nothing_is_claimed_while_the_cluster_is_away(s: Stage) -> None:
    s.cluster.is_down = True
    job_id = await s.job()
    await s.go()
    assert await s.status(job_id) is JobStatus.META_SCHEDULED
    s.cluster.is_down = False
    await s.go()
    assert await s.status(job_id) is JobStatus.SCHEDULED


async def test_a_submit_whose_answer_was_lost_is_not_repeated(s: Stage) -> None:
    s.cluster.loses_answers = True
    job_id = await s.job()
    await s.go()
    s.cluster.loses_answers = False
    s.advance(60)
    await s.go()
    assert len(s.cluster.submits) == 1
    assert (entry := s.entry(job_id)) is not None
    assert entry.cluster_id == s.cluster.job(s.tag(job_id)).id


async def test_a_submit_that_never_arrived_is_repeated_after_a_while(s: Stage) -> None:
    job_id = await s.job()
    await s.look()
    await s.look()
    s.cluster.is_down = True
    entry = s.entry(job_id)
    assert entry is not None
    s.cluster.is_down = False
    await s.go()
    s.cluster.lose(s.tag(job_id))
    s.cluster.submits.clear()
    await s.journal.save([replace(entry, submit_intended_at=s.clock.now(), cluster_id=None)])
    await s.go()
    assert s.cluster.submits == []
    s.advance(15)
    await s.go()
    assert len(s.cluster.submits) == 1


async def test_no_job_is_lost_while_the_cluster_is_away(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.is_down = True
    for _ in range(20):
        s.advance(600)
        await s.grid.provider_account().heartbeat()
        await s.look()
    s.cluster.is_down = False
    await s.go()
    assert await s.status(job_id) is JobStatus.RUNNING
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert await s.status(job_id) is JobStatus.FINISHED


async def test_a_job_unknown_to_the_cluster_panics_after_several_looks_and_a_grace(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.lose(s.tag(job_id))
    await s.go()
    assert await s.status(job_id) is JobStatus.RUNNING
    s.advance(60)
    await s.go()
    job = await s.on_chain(job_id)
    assert job.status is JobStatus.PANICKED
    assert "lost this job" in job.last_error
    assert (await s.assert_settled(job_id)).refunded == LOCKED


async def test_a_job_that_turns_up_again_in_time_is_not_lost(s: Stage) -> None:
    job_id = await s.running()
    job = s.cluster._jobs.pop(s.tag(job_id))
    await s.go()
    s.cluster._jobs[s.tag(job_id)] = job
    await s.go()
    del s.cluster._jobs[s.tag(job_id)]
    s.advance(59)
    await s.go()
    assert await s.status(job_id) is JobStatus.RUNNING


async def test_a_failed_node_costs_the_customer_nothing(s: Stage) -> None:
    job_id = await s.running()
    s.advance(120)
    s.cluster.end(s.tag(job_id), RunState.LOST, detail="NODE_FAIL")
    await s.go()
    assert (await s.on_chain(job_id)).last_error.endswith("(NODE_FAIL)")
    assert (await s.assert_settled(job_id)).refunded == LOCKED


async def test_a_job_that_a_node_could_not_start_is_launched_again_and_ends_well(s: Stage) -> None:
    job_id = await s.job()
    await s.go()
    s.cluster.write(s.tag(job_id), b"slurmstepd: error: execve(): no such file\n")
    s.cluster.end(s.tag(job_id), RunState.UNSTARTED, 2, detail="FAILED (NonZeroExitCode)")
    await s.go()
    assert await s.status(job_id) is JobStatus.SCHEDULED
    assert len(s.cluster.submits) == 2
    s.advance(30)
    s.cluster.start(s.tag(job_id))
    await s.go()
    s.cluster.write(s.tag(job_id), b"hello\n")
    s.advance(60)
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert await s.status(job_id) is JobStatus.FINISHED
    assert bytes(s.gateway.logs[job_id, 1]) == b"hello\n"
    settled = await s.assert_settled(job_id)
    assert settled.paid + settled.fee == WEI_PER_CREDIT


async def test_a_cluster_that_tells_of_a_failed_launch_for_a_while_is_not_asked_to_start_it_for_each_time(
    s: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await s.job()
    await s.go()
    s.cluster.end(s.tag(job_id), RunState.UNSTARTED, 2)
    failed, jobs = s.cluster.job(s.tag(job_id)), s.cluster.jobs

    async def with_the_failed_one() -> list[ClusterJob]:
        told = await jobs()
        return [*told, *([] if failed in told else [failed])]

    monkeypatch.setattr(s.cluster, "jobs", with_the_failed_one)
    await s.go()
    assert len(s.cluster.submits) == 2
    s.cluster.start(s.tag(job_id))
    await s.go()
    assert await s.status(job_id) is JobStatus.RUNNING


async def test_a_job_that_a_cluster_cannot_start_three_times_goes_elsewhere(s: Stage) -> None:
    job_id = await s.job()
    for _ in range(3):
        await s.go()
        s.cluster.end(s.tag(job_id), RunState.UNSTARTED, 2, detail="no disk")
    await s.go()
    assert len(s.cluster.submits) == 3
    assert await s.status(job_id) is JobStatus.PENDING
    assert s.entry(job_id) is None
    await s.assign([job_id], provider=1)


async def test_only_the_run_that_counts_is_billed_when_the_cluster_requeues(s: Stage) -> None:
    job_id = await s.running()
    s.advance(240)
    s.cluster.requeue(s.tag(job_id))
    await s.go()
    assert await s.status(job_id) is JobStatus.RUNNING
    s.advance(60)
    s.cluster.start(s.tag(job_id))
    s.advance(60)
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    settled = await s.assert_settled(job_id)
    assert settled.paid + settled.fee == WEI_PER_CREDIT


async def test_suspended_time_is_not_billed(s: Stage) -> None:
    job_id = await s.running()
    s.advance(60)
    s.cluster.suspend(s.tag(job_id))
    await s.go()
    s.advance(180)
    s.cluster.resume(s.tag(job_id), suspended_seconds=180)
    s.advance(60)
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    settled = await s.assert_settled(job_id)
    assert settled.paid + settled.fee == 2 * WEI_PER_CREDIT


async def test_a_job_at_its_limit_is_out_of_credits_and_pays_all(s: Stage) -> None:
    job_id = await s.running()
    s.advance(600)
    s.cluster.run_out(s.tag(job_id))
    await s.go()
    assert await s.status(job_id) is JobStatus.OUT_OF_CREDITS
    assert (await s.assert_settled(job_id)).refunded == 0


async def test_a_failed_jobs_customer_reads_the_last_lines_without_secrets(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.write(s.tag(job_id), b"connecting with password=hunter2\nno route to host\n")
    s.cluster.end(s.tag(job_id), RunState.FAILED, 4)
    await s.go()
    job = await s.on_chain(job_id)
    assert job.exit_code == 4
    assert job.last_error.endswith("no route to host")
    assert "hunter2" not in job.last_error
    assert b"hunter2" in s.gateway.logs[job_id, 1], "the owner's own log is complete"
