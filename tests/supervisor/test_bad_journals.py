"""A journal that cannot be written, is lost, or has company; tags that are nobody's."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deepsquare.clusters.port import RunState
from deepsquare.model import JobId, JobStatus
from tests.supervisor.stage import Stage
from tests.supervisor.test_journal import fill_disk, free_disk


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
