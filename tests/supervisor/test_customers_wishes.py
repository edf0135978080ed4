"""Cancels and top-ups, at whatever moment they come."""

from typing import Any

import pytest

from deepsquare.clusters.port import RunState
from deepsquare.model import WEI_PER_CREDIT, JobStatus
from tests.supervisor.stage import LOCKED, Stage


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
