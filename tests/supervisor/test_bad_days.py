"""Bad days: what goes wrong around a supervisor, and what it does about it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deepsquare.chain import ChainUnreachable, EventReader, JobReturned
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.clusters.port import ClusterNode, NodeState, RunState
from deepsquare.model import WEI_PER_CREDIT, JobId, JobStatus, Node
from tests.supervisor.stage import LOCKED, Stage, stage
from tests.supervisor.test_journal import fill_disk, free_disk


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as opened:
        yield opened


class Cable:
    """The way to the chain; a test may cut it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_cut = False
        for name in ("request", "batch"):
            monkeypatch.setattr(EmbeddedChain, name, self._through(getattr(EmbeddedChain, name)))

    def _through(self, call: Any) -> Any:
        async def through(*args: Any, **kwargs: Any) -> Any:
            if self.is_cut:
                raise ChainUnreachable("the cable is cut")
            return await call(*args, **kwargs)

        return through


@pytest.fixture
def cable(monkeypatch: pytest.MonkeyPatch) -> Cable:
    return Cable(monkeypatch)


# The script


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


# The cluster


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


# The customer


async def test_a_cancel_before_the_submit_wins(s: Stage) -> None:
    s.gateway.is_down = True
    job_id = await s.job()
    await s.go()
    await s.grid.customer_account.cancel(job_id)
    s.gateway.is_down = False
    s.advance(60)
    await s.go()
    assert s.cluster.submits == []
    assert (await s.assert_settled(job_id)).refunded == LOCKED


async def test_a_cancel_that_races_the_submit_ends_the_job(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await s.job()
    submit = s.cluster.submit

    async def raced(request: Any) -> Any:
        await s.grid.customer_account.cancel(job_id)
        return await submit(request)

    monkeypatch.setattr(s.cluster, "submit", raced)
    await s.go()
    assert s.cluster.cancels == ["1"]
    assert s.cluster.starts[s.tag(job_id)] == 0
    assert (await s.assert_settled(job_id)).refunded == LOCKED


async def test_a_cancel_during_a_long_fetch_wins(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await s.job()
    fetch = s.gateway.fetch_script

    async def slow(*args: Any) -> str:
        await s.grid.customer_account.cancel(job_id)
        s.advance(30)
        return await fetch(*args)

    monkeypatch.setattr(s.gateway, "fetch_script", slow)
    await s.go()
    assert s.cluster.submits == []
    await s.assert_settled(job_id)


async def test_a_running_job_is_cancelled_for_its_customer_who_pays_for_what_ran(s: Stage) -> None:
    job_id = await s.running()
    s.advance(60)
    await s.grid.customer_account.cancel(job_id)
    await s.go()
    assert await s.status(job_id) is JobStatus.CANCELLED
    settled = await s.assert_settled(job_id)
    assert settled.paid + settled.fee == WEI_PER_CREDIT


async def test_a_top_up_before_the_submit_is_in_the_time_limit(s: Stage) -> None:
    s.gateway.is_down = True
    job_id = await s.job()
    await s.go()
    await s.grid.customer_account.top_up(job_id, 5 * WEI_PER_CREDIT)
    s.gateway.is_down = False
    s.advance(60)
    await s.go()
    assert s.cluster.limit_minutes(s.tag(job_id)) == 15


async def test_a_top_up_while_it_runs_raises_the_absolute_limit(s: Stage) -> None:
    job_id = await s.running()
    s.advance(300)
    await s.grid.customer_account.top_up(job_id, 5 * WEI_PER_CREDIT)
    await s.go()
    assert s.cluster.limit_minutes(s.tag(job_id)) == 15


async def test_a_limit_that_may_not_be_raised_does_not_stop_the_job(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.may_raise_limits = False
    await s.grid.customer_account.top_up(job_id, 5 * WEI_PER_CREDIT)
    await s.go()
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert await s.status(job_id) is JobStatus.FINISHED


async def test_a_job_that_allows_it_lives_on_its_customers_allowance(s: Stage) -> None:
    job_id = await s.running(delegate=True)
    await s.go()
    job = await s.on_chain(job_id)
    assert job.cost.max_cost == 40 * WEI_PER_CREDIT
    assert s.cluster.limit_minutes(s.tag(job_id)) == 40


async def test_an_allowance_that_was_withdrawn_ends_the_topping_up_and_nothing_else(s: Stage) -> None:
    job_id = await s.job(delegate=True)
    await s.go()
    await s.grid.customer_account.allow(0)
    s.cluster.start(s.tag(job_id))
    await s.go()
    assert (await s.on_chain(job_id)).cost.max_cost == LOCKED
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert await s.status(job_id) is JobStatus.FINISHED


# The chain


async def test_while_the_chain_is_away_nothing_new_begins_and_what_runs_goes_on(s: Stage, cable: Cable) -> None:
    running, assigned = await s.running(), await s.request()
    await s.assign([assigned])
    cable.is_cut = True
    s.advance(30)
    await s.go()
    assert [request.tag for request in s.cluster.submits] == [s.tag(running)]
    assert s.cluster.cancels == []


async def test_what_ended_while_the_chain_was_away_is_reported_later(s: Stage, cable: Cable) -> None:
    job_id = await s.running()
    cable.is_cut = True
    s.advance(60)
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert (entry := s.entry(job_id)) is not None
    assert entry.end is not None
    s.cluster.lose(s.tag(job_id))
    await s.restart()
    s.advance(200)
    cable.is_cut = False
    await s.go()
    assert await s.status(job_id) is JobStatus.FINISHED
    settled = await s.assert_settled(job_id)
    assert settled.paid + settled.fee == WEI_PER_CREDIT


async def test_a_claimed_job_is_submitted_after_a_downtime_not_given_up(s: Stage) -> None:
    job_id = await s.job()
    await s.look()
    assert await s.status(job_id) is JobStatus.SCHEDULED
    await s.restart()
    s.advance(200)
    await s.go()
    assert len(s.cluster.submits) == 1


async def test_a_job_that_the_chain_gave_to_somebody_else_is_ended_here(s: Stage) -> None:
    job_id = await s.running(max_attempts=2)
    s.advance((await s.grid.ledger.settings()).lease_seconds + 1)
    await s.grid.scheduler_account.expire(job_id)
    await s.assign([job_id], provider=1)
    await s.go()
    assert s.cluster.cancels == ["1"]
    assert s.cluster.tags() == []
    assert s.journal.entries == []
    assert await s.status(job_id) is JobStatus.META_SCHEDULED


async def test_a_lease_that_ended_before_the_submit_ends_the_job_here(s: Stage) -> None:
    s.gateway.is_down = True
    job_id = await s.job()
    await s.go()
    s.advance((await s.grid.ledger.settings()).lease_seconds + 1)
    await s.grid.scheduler_account.expire(job_id)
    s.gateway.is_down = False
    await s.go()
    assert s.cluster.submits == []
    assert s.journal.entries == []


async def test_a_banned_provider_finishes_what_it_holds(s: Stage) -> None:
    running, claimed = await s.running(), await s.job()
    await s.go()
    await s.grid.admin_account.ban(s.signer.address)
    s.advance(60)
    s.cluster.start(s.tag(claimed))
    s.cluster.end(s.tag(running), RunState.COMPLETED, 0)
    await s.go()
    s.cluster.end(s.tag(claimed), RunState.COMPLETED, 0)
    await s.go()
    assert await s.status(running) is await s.status(claimed) is JobStatus.FINISHED
    assert (await s.assert_settled(running)).paid > 0


# The journal


async def test_with_a_full_disk_nothing_new_is_taken_and_nothing_is_lost(s: Stage) -> None:
    running = await s.running()
    fill_disk(s.journal)
    s.advance(60)
    s.cluster.write(s.tag(running), b"e" * 3_000)
    s.cluster.end(s.tag(running), RunState.FAILED, 9)
    waiting = [await s.job() for _ in range(3)]
    await s.go()
    assert not s.journal.is_writable
    assert await s.status(running) is JobStatus.RUNNING, "an end that is not on disk is not told"
    assert {await s.status(job_id) for job_id in waiting} == {JobStatus.META_SCHEDULED}

    free_disk(s.journal)
    s.advance(60)
    await s.go()
    job = await s.on_chain(running)
    assert (job.status, job.exit_code) == (JobStatus.FAILED, 9)
    assert {await s.status(job_id) for job_id in waiting} == {JobStatus.SCHEDULED}
    await s.assert_settled(running)


async def test_a_lost_journal_is_rebuilt_from_the_chain_and_the_cluster(s: Stage) -> None:
    running, claimed = await s.running(), await s.job()
    await s.go()
    await s.end()
    s.lose_journal()
    await s.begin()
    s.advance(60)
    await s.go()
    assert len(s.cluster.submits) == 2, "nothing is submitted twice"
    s.cluster.start(s.tag(claimed))
    await s.go()
    for job_id in (running, claimed):
        s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    for job_id in (running, claimed):
        assert await s.status(job_id) is JobStatus.FINISHED
        await s.assert_settled(job_id)


async def test_a_job_that_runs_although_chain_and_journal_know_nothing_is_ended(s: Stage) -> None:
    job_id = await s.running()
    await s.end()
    s.lose_journal()
    await s.grid.provider_account().panic(job_id, "by hand")
    await s.begin()
    await s.go()
    assert s.cluster.cancels == ["1"]
    await s.assert_settled(job_id)


async def test_the_jobs_of_another_supervisor_on_the_same_cluster_are_left_alone(s: Stage, tmp_path: Path) -> None:
    theirs = await s.running()
    other = Stage(s.grid, tmp_path / "other", provider=1)
    other.cluster, other.gateway = s.cluster, s.gateway
    await other.begin()
    await other.go()
    assert s.cluster.cancels == []
    assert await s.status(theirs) is JobStatus.RUNNING
    await other.end()


async def test_a_tag_that_a_user_made_up_is_nobodys_job(s: Stage) -> None:
    job_id = await s.running()
    job = s.cluster._jobs[s.tag(job_id)]
    made_up = s.tag(JobId(999_999))
    s.cluster._jobs[made_up] = replace(job, job=replace(job.job, tag=made_up))
    await s.go()
    assert s.cluster.cancels == []
    assert await s.status(job_id) is JobStatus.RUNNING


async def test_the_chain_is_not_told_twice_what_it_was_just_told(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await s.running()
    refresh = s.rounds._chain_view.refresh
    account, ledger, told = s.rounds._performer._ports.account, s.grid.ledger, 0
    report = account.report

    async def slow_report(reports: Any) -> Any:
        nonlocal told
        told += 1
        return await report(reports)

    monkeypatch.setattr(account, "report", slow_report)
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.rounds.look()

    async def read_before_the_report_counted(_: Any) -> None:
        before = await ledger.jobs([job_id])
        await s.rounds.tasks.settle()
        s.advance(5)
        s.rounds._chain_view._jobs[job_id] = before[0]

    monkeypatch.setattr(s.rounds._chain_view, "refresh", read_before_the_report_counted)
    await s.look()
    monkeypatch.setattr(s.rounds._chain_view, "refresh", refresh)
    await s.go()
    assert told == 1
    await s.assert_settled(job_id)
