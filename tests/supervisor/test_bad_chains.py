"""A chain that goes away, and one that has decided otherwise meanwhile."""

from typing import Any

import pytest

from deepsquare.chain import ChainUnreachable
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.clusters.port import RunState
from deepsquare.model import WEI_PER_CREDIT, JobStatus
from tests.supervisor.stage import Stage


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
