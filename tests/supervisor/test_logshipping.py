"""The way of a job's output to its owner."""

import asyncio
from pathlib import Path

import pytest

from deepsquare.clusters.port import RunState
from deepsquare.model import JobId, JobStatus
from tests.supervisor.stage import SETTINGS, Stage

CHUNK = SETTINGS.pace.log_chunk_bytes


def log(s: Stage, job_id: JobId) -> bytes:
    return bytes(s.gateway.logs[job_id, 1])


async def test_output_flows_while_the_job_runs(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.write(s.tag(job_id), b"one\n")
    await s.rounds.ship()
    assert log(s, job_id) == b"one\n"
    s.cluster.write(s.tag(job_id), b"two\n")
    await s.rounds.ship()
    assert log(s, job_id) == b"one\ntwo\n"
    assert s.gateway.closed == {}


async def test_without_a_log_to_send_no_thread_looks_for_one(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await s.job()
    monkeypatch.setattr(asyncio, "to_thread", None)

    await s.rounds.ship()


async def test_a_large_output_travels_in_bounded_pieces(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.write(s.tag(job_id), b"x" * (10 * CHUNK + 1))
    await s.rounds.ship()
    assert len(log(s, job_id)) == 10 * CHUNK + 1
    assert s.gateway.largest_append == CHUNK


async def test_a_log_is_declared_complete_when_the_chain_has_the_end(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.write(s.tag(job_id), b"last words")
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert s.gateway.closed == {(job_id, 1): 10}


async def test_the_last_piece_of_a_job_that_is_over_closes_its_log(s: Stage) -> None:
    job_id = await s.running()
    s.gateway.is_down = True
    s.cluster.write(s.tag(job_id), b"x" * (2 * CHUNK + 1))
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    s.gateway.is_down = False
    s.advance(60)
    await s.go()
    assert s.gateway.closed == {(job_id, 1): 2 * CHUNK + 1}
    assert (s.gateway.appends, s.gateway.closes) == (3, 0)


async def test_a_log_whose_last_piece_is_there_already_is_closed_alone(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.write(s.tag(job_id), b"last words")
    await s.rounds.ship()
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert s.gateway.closed == {(job_id, 1): 10}
    assert (s.gateway.appends, s.gateway.closes) == (1, 1)


async def test_after_a_restart_nothing_is_missing_and_nothing_stands_twice(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.write(s.tag(job_id), b"one\n")
    await s.go()
    await s.restart()
    s.cluster.write(s.tag(job_id), b"two\n")
    await s.go()
    assert log(s, job_id) == b"one\ntwo\n"


async def test_a_gateway_that_lost_its_log_gets_it_again(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.write(s.tag(job_id), b"one\n")
    await s.go()
    s.gateway.logs.clear()
    await s.go()
    s.cluster.write(s.tag(job_id), b"two\n")
    await s.go()
    assert log(s, job_id) == b"one\ntwo\n"


async def test_the_end_of_a_job_does_not_wait_for_its_log(s: Stage) -> None:
    job_id = await s.running()
    s.gateway.is_down = True
    s.cluster.write(s.tag(job_id), b"later\n")
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert await s.status(job_id) is JobStatus.FINISHED
    assert s.entry(job_id) is not None, "its output is kept"
    s.gateway.is_down = False
    s.advance(60)
    await s.go()
    assert log(s, job_id) == b"later\n"
    await s.assert_settled(job_id)


async def test_a_log_waits_for_a_dead_gateway_but_not_for_ever(s: Stage) -> None:
    job_id = await s.running()
    s.gateway.is_down = True
    s.cluster.write(s.tag(job_id), b"never\n")
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    s.advance(s.settings.limits.log_patience_seconds)
    await s.go()
    await s.assert_settled(job_id)


async def test_a_refused_log_of_a_job_that_is_ours_is_tried_again(s: Stage) -> None:
    job_id = await s.running()
    s.gateway.refuses_logs = "access_denied"
    s.cluster.write(s.tag(job_id), b"one\n")
    await s.go()
    s.gateway.refuses_logs = ""
    s.advance(60)
    await s.go()
    assert log(s, job_id) == b"one\n"


async def test_a_log_that_is_closed_takes_nothing_more_and_holds_nothing_up(s: Stage) -> None:
    job_id = await s.running()
    s.gateway.refuses_logs = "log_closed"
    s.cluster.write(s.tag(job_id), b"one\n")
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    await s.assert_settled(job_id)


async def test_a_link_in_place_of_the_output_is_not_followed(s: Stage, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the supervisor may read this, the job's user may not")
    job_id = await s.running()
    s.cluster.output_path(s.tag(job_id)).symlink_to(secret)
    s.cluster.end(s.tag(job_id), RunState.FAILED, 1)
    await s.go()
    assert log(s, job_id) == b""
    assert "may read" not in (await s.on_chain(job_id)).last_error
    await s.assert_settled(job_id)


async def test_a_job_without_output_leaves_no_log(s: Stage) -> None:
    job_id = await s.running()
    s.cluster.end(s.tag(job_id), RunState.COMPLETED, 0)
    await s.go()
    assert s.gateway.closed == {}
    await s.assert_settled(job_id)


async def test_a_job_that_prints_without_end_does_not_hold_up_the_others(s: Stage) -> None:
    loud, quiet = await s.running(), await s.running()
    s.cluster.write(s.tag(loud), b"x" * (100 * CHUNK))
    s.cluster.write(s.tag(quiet), b"hello\n")
    await s.rounds.ship()
    assert log(s, quiet) == b"hello\n"
    assert 0 < len(log(s, loud)) < 100 * CHUNK
    for _ in range(10):
        await s.rounds.ship()
    assert len(log(s, loud)) == 100 * CHUNK
