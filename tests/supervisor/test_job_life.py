"""The life of a job in the supervisor, from assigned to paid."""

from deepsquare.clusters.port import RunState
from deepsquare.model import WEI_PER_CREDIT, JobStatus
from tests.supervisor.stage import LOCKED, Stage


async def test_a_job_goes_from_assigned_to_finished_and_paid(s: Stage) -> None:
    job_id = await s.job("echo hello")
    await s.go()
    assert await s.status(job_id) is JobStatus.SCHEDULED
    assert s.cluster.submits[0].script == "echo hello"

    s.cluster.start(s.tag(job_id))
    await s.go()
    assert await s.status(job_id) is JobStatus.RUNNING

    s.advance(90)
    s.cluster.write(s.tag(job_id), b"hello\n")
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    job = await s.on_chain(job_id)
    assert job.status is JobStatus.FINISHED
    settled = await s.assert_settled(job_id)
    assert settled.paid + settled.fee == 3 * WEI_PER_CREDIT // 2
    assert settled.refunded == LOCKED - 3 * WEI_PER_CREDIT // 2
    assert bytes(s.gateway.logs[job_id, 1]) == b"hello\n"
    assert s.gateway.closed[job_id, 1] == 6
