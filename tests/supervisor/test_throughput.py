"""Many jobs at once: claims and reports travel together, and no job waits for another."""

from collections.abc import Iterable
from typing import Any

import pytest

from deepsquare.chain import Report
from deepsquare.clusters.port import RunState
from deepsquare.model import WEI_PER_CREDIT, Job, JobId, JobStatus
from deepsquare.supervisor.performing import batches
from tests.supervisor.stage import Stage
from tests.support.clock import START


async def nonce(s: Stage) -> int:
    return int(await s.grid.rpc.request("eth_getTransactionCount", [s.signer.address, "latest"]), 16)


async def test_many_jobs_need_few_transactions(s: Stage) -> None:
    job_ids = [await s.request(locked=WEI_PER_CREDIT) for _ in range(12)]
    await s.assign(job_ids)
    before = await nonce(s)
    await s.go()
    for job_id in job_ids:
        s.cluster.start(s.tag(job_id))
    await s.go()
    for job_id in job_ids:
        s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert {job.status for job in await s.grid.ledger.jobs(job_ids)} == {JobStatus.FINISHED}
    assert s.journal.entries == []
    assert await nonce(s) - before == 3, "one for all claims, one for all starts, one for all ends"


async def test_a_job_is_read_when_it_comes_and_when_it_starts(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[JobId] = []
    jobs = s.grid.ledger.jobs

    async def counted(ids: Iterable[JobId]) -> list[Job]:
        read.extend(wanted := list(ids))
        return await jobs(wanted)

    monkeypatch.setattr(s.grid.ledger, "jobs", counted)
    job_id = await s.running()
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert s.journal.entries == []
    assert read == [job_id, job_id]


async def test_a_job_whose_script_is_slow_holds_up_nobody(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = await s.job(), await s.job()
    fetch = s.gateway.fetch_script

    async def hangs(job_id: JobId, signer: Any) -> str:
        if job_id == slow:
            await s.clock.sleep(10_000)
        return await fetch(job_id, signer)

    monkeypatch.setattr(s.gateway, "fetch_script", hangs)
    # As many looks as it takes: the journal and the chain answer from threads of their own.
    while await s.status(quick) is not JobStatus.RUNNING:
        await s.rounds.look()
        if s.tag(quick) in s.cluster.tags():
            s.cluster.begin_queued()
    assert await s.status(slow) is JobStatus.SCHEDULED


def told(job_id: int, *texts: str) -> tuple[Report, ...]:
    return tuple(Report(JobId(job_id), JobStatus.FAILED, START, 1, text) for text in texts)


def test_the_reports_of_one_job_stay_together_and_in_order() -> None:
    tells = [told(number, "a", "b") for number in range(5)]
    made = list(batches(tells, most_reports=3))
    assert [[report.job_id for report in batch] for batch in made] == [[n, n] for n in range(5)]
    assert all([report.last_error for report in batch] == ["a", "b"] for batch in made)


def test_long_reasons_are_spread_over_transactions() -> None:
    tells = [told(number, "x" * 500) for number in range(40)]
    made = list(batches(tells, most_reports=50))
    assert sum(map(len, made)) == 40
    assert all(sum(len(report.last_error) for report in batch) <= 8_000 for batch in made)


def test_nothing_to_tell_is_no_transaction() -> None:
    assert list(batches([], most_reports=3)) == []
