"""kill -9 at every call of every port: the job ends in the state that its process earned, and ran once.

The quick profile kills two lives after each call that changes what others see: there a supervisor that does not know
what it has done would do it twice, or never. The system suite kills all lives at every call, those of the journal and
those that only read among them, before and after it took effect.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from deepsquare.clusters.port import RunState
from deepsquare.model import JobId, JobStatus
from deepsquare.supervisor.pace import LONGEST_PAUSE_SECONDS
from tests.supervisor.fuse import Fuse, Killed
from tests.supervisor.stage import Stage, stage

_MOST_STEPS = 80
_LOOKS_A_STEP = 3
_MOST_CALLS = 500


@dataclass(frozen=True)
class Life:
    """What the world does to a job; how it must end."""

    name: str
    world: Callable[[Stage, JobId], Awaitable[None]]
    """One step of everything outside of the supervisor; called again and again."""
    status: JobStatus
    exit_code: int
    starts: int = 1
    log: bytes = b"hello\n"
    delegate: bool = False
    step_seconds: float = 10
    """What passes between two steps: a life that is mostly waiting would else be looks that are all alike."""


async def _ends_well(s: Stage, job_id: JobId) -> None:
    _begin_or_end(s, job_id, await s.status(job_id), RunState.COMPLETED, 0)


async def _cannot_be_started_at_first(s: Stage, job_id: JobId) -> None:
    tag = s.tag(job_id)
    if [request.tag for request in s.cluster.submits].count(tag) > 1:
        await _ends_well(s, job_id)
    elif tag in s.cluster.tags():
        s.cluster.end(tag, RunState.UNSTARTED, 2)


async def _fails(s: Stage, job_id: JobId) -> None:
    _begin_or_end(s, job_id, await s.status(job_id), RunState.FAILED, 3)


async def _ends_before_anybody_looks(s: Stage, job_id: JobId) -> None:
    tag = s.tag(job_id)
    if tag in s.cluster.tags() and s.cluster.job(tag).state is RunState.QUEUED:
        s.cluster.start(tag)
        s.cluster.write(tag, b"hello\n")
        s.cluster.end(tag, RunState.COMPLETED, 0)


async def _is_cancelled_while_it_runs(s: Stage, job_id: JobId) -> None:
    status = await s.status(job_id)
    if status is not JobStatus.RUNNING:
        _begin_or_end(s, job_id, status, RunState.COMPLETED, 0)
    elif not (await s.on_chain(job_id)).cancel_requested:
        await s.grid.customer_account.cancel(job_id)


async def _has_another_script(s: Stage, job_id: JobId) -> None:
    s.gateway.scripts[job_id] = "echo something else"


async def _has_no_script_and_is_given_back(s: Stage, job_id: JobId) -> None:
    s.gateway.is_down = True
    if await s.status(job_id) is JobStatus.PENDING:
        s.gateway.is_down = False
        await s.grid.customer_account.cancel(job_id)


def _begin_or_end(s: Stage, job_id: JobId, status: JobStatus, end: RunState, exit_code: int) -> None:
    tag = s.tag(job_id)
    if tag not in s.cluster.tags():
        return
    state = s.cluster.job(tag).state
    if state is RunState.QUEUED:
        s.cluster.start(tag)
        s.cluster.write(tag, b"hello\n")
    elif state is RunState.RUNNING and status is JobStatus.RUNNING:
        s.cluster.end(tag, end, exit_code)


LIVES = (
    Life("ends well", _ends_well, JobStatus.FINISHED, 0),
    Life("is cancelled while it runs", _is_cancelled_while_it_runs, JobStatus.CANCELLED, 143),
    Life("cannot be started at first", _cannot_be_started_at_first, JobStatus.FINISHED, 0),
    Life("ends before anybody looks", _ends_before_anybody_looks, JobStatus.FINISHED, 0),
    Life("fails", _fails, JobStatus.FAILED, 3),
    Life("lives on an allowance", _ends_well, JobStatus.FINISHED, 0, delegate=True),
    Life(
        "is given back",
        _has_no_script_and_is_given_back,
        JobStatus.CANCELLED,
        0,
        starts=0,
        log=b"",
        step_seconds=LONGEST_PAUSE_SECONDS,
    ),
    Life("has another script", _has_another_script, JobStatus.PANICKED, 0, starts=0, log=b""),
)


async def _live(s: Stage, life: Life, fuse: Fuse) -> JobId:
    """One whole life of a job with this fuse in the supervisor's calls."""
    await s.restart(fuse)
    job_id = await s.job(delegate=life.delegate)
    for _ in range(_MOST_STEPS):
        await life.world(s, job_id)
        try:
            await s.go(looks=_LOOKS_A_STEP)
        except Killed:
            await s.restart()
        if (await s.status(job_id)).is_cold and not s.journal.entries:
            return job_id
        s.advance(life.step_seconds)
    raise AssertionError(f"the job never ended: killed at {fuse.calls[-1]}, {await s.on_chain(job_id)}")


async def _check(s: Stage, life: Life, job_id: JobId) -> None:
    job = await s.on_chain(job_id)
    assert (job.status, job.exit_code) == (life.status, life.exit_code)
    assert s.cluster.starts[s.tag(job_id)] == life.starts
    assert bytes(s.gateway.logs[job_id, 1]) == life.log
    await s.assert_settled(job_id)


async def _survives(folder: Path, life: Life, *, after: bool, effects_only: bool) -> None:
    async with stage(folder) as s:
        for call in range(1, _MOST_CALLS):
            fuse = Fuse(call, after=after, effects_only=effects_only)
            job_id = await _live(s, life, fuse)
            await _check(s, life, job_id)
            if not fuse.is_blown:
                return
    raise AssertionError("the supervisor never stopped calling")


@pytest.mark.parametrize("life", LIVES[:2], ids=lambda life: life.name)
async def test_a_job_survives_a_kill_after_any_call_whose_effect_others_see(tmp_path: Path, life: Life) -> None:
    await _survives(tmp_path, life, after=True, effects_only=True)


@pytest.mark.system
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
async def test_a_job_survives_a_kill_at_any_call(tmp_path: Path, life: Life, *, after: bool) -> None:
    await _survives(tmp_path, life, after=after, effects_only=False)
