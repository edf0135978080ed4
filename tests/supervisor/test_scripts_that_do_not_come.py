"""Scripts that do not come, come late, or are not the ones that the chain names."""

from deepsquare.chain import EventReader, JobReturned
from deepsquare.model import JobStatus
from tests.supervisor.stage import LOCKED, Stage


async def test_a_script_with_another_hash_never_runs_and_its_customer_pays_nothing(s: Stage) -> None:
    job_id = await s.request("echo mine")
    s.gateway.scripts[job_id] = "echo theirs"
    await s.assign([job_id])
    await s.go()
    job = await s.on_chain(job_id)
    assert job.status is JobStatus.PANICKED
    assert "SHA-256" in job.last_error
    assert "submit the workflow again" in job.last_error
    assert s.cluster.submits == []
    assert (await s.assert_settled(job_id)).refunded == LOCKED


async def test_a_gateway_that_is_away_for_a_while_costs_only_time(s: Stage) -> None:
    s.gateway.is_down = True
    job_id = await s.job()
    await s.go()
    assert await s.status(job_id) is JobStatus.SCHEDULED
    s.gateway.is_down = False
    s.advance(1)
    await s.go()
    assert len(s.cluster.submits) == 1


async def test_a_gateway_that_is_away_is_asked_after_growing_pauses(s: Stage) -> None:
    job_id = await s.request()
    del s.gateway.scripts[job_id]
    await s.assign([job_id])
    for _ in range(29):
        await s.go(looks=2)
        s.advance(1)
    assert 4 <= s.gateway.fetches <= 6


async def test_a_gateway_that_was_just_started_may_not_know_a_script_yet(s: Stage) -> None:
    job_id = await s.request()
    script = s.gateway.scripts.pop(job_id)
    await s.assign([job_id])
    await s.go()
    s.advance(s.settings.limits.refused_script_seconds - 1)
    s.gateway.scripts[job_id] = script
    await s.go()
    assert len(s.cluster.submits) == 1


async def test_a_script_that_the_gateway_does_not_have_gives_the_job_back_soon_with_the_reason(s: Stage) -> None:
    job_id = await s.request()
    del s.gateway.scripts[job_id]
    await s.assign([job_id])
    await s.go()
    s.advance(s.settings.limits.refused_script_seconds)
    await s.go()
    job = await s.on_chain(job_id)
    assert s.settings.limits.refused_script_seconds < (await s.grid.ledger.settings()).claim_timeout_seconds
    assert job.status is JobStatus.PENDING
    page = await EventReader(s.grid.ledger, clock=s.clock).read(job.time.block_of_last_change)
    (returned,) = (event for event in page.events if isinstance(event, JobReturned))
    assert returned.reason == "the gateway refused: no such script"
    assert s.journal.entries == []


async def test_a_gateway_that_refuses_after_an_outage_has_its_moment_from_then_on(s: Stage) -> None:
    s.gateway.is_down = True
    job_id = await s.request()
    script = s.gateway.scripts.pop(job_id)
    await s.assign([job_id])
    await s.go()
    s.advance(s.settings.limits.refused_script_seconds)
    s.gateway.is_down = False
    await s.go()
    s.gateway.scripts[job_id] = script
    s.advance(10)
    await s.go()
    assert len(s.cluster.submits) == 1


async def test_a_job_without_a_script_goes_back_to_the_queue_in_time(s: Stage) -> None:
    s.gateway.is_down = True
    job_id = await s.job()
    await s.go()
    s.advance((await s.grid.ledger.settings()).claim_timeout_seconds)
    await s.go()
    job = await s.on_chain(job_id)
    assert job.status is JobStatus.PENDING
    assert s.signer.address in job.terms.avoided
    assert s.journal.entries == []
