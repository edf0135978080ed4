"""A job that shows nothing says why, where its workflow is why."""

import asyncio
from typing import cast

import pytest

from deepsquare.cli import silence
from deepsquare.cli.silence import silence_explained
from deepsquare.model import JobId
from deepsquare.sdk.errors import GatewayUnreachable
from deepsquare.sdk.job import AsyncJob
from tests.cli.driver import dps
from tests.support.local_grid import HELLO, RunningGrid

SILENT = HELLO.replace("enableLogging: true", "enableLogging: false")
WHY = "workflow lacks `enableLogging: true`"


class Job:
    """A job whose gateway says this of it."""

    id = JobId(7)

    def __init__(self, is_kept: bool | Exception | None) -> None:
        self._is_kept = is_kept
        self.was_asked = asyncio.Event()

    async def is_logged(self) -> bool | None:
        self.was_asked.set()
        if isinstance(self._is_kept, Exception):
            raise self._is_kept
        return self._is_kept


async def told(job: Job, *, prints: bool = False) -> list[str]:
    """What is said of a job that ends at once."""
    said: list[str] = []
    async with silence_explained(cast(AsyncJob, job), said.append) as heard:
        if prints:
            heard()
    return said


async def test_output_that_is_not_kept_is_explained_with_what_to_do() -> None:
    (why,) = await told(Job(is_kept=False))
    assert WHY in why
    assert why.endswith("; set it and submit it again")


async def test_where_nobody_can_tell_any_more_what_may_be_the_reason_is_said() -> None:
    (why,) = await told(Job(is_kept=None))
    assert "no output of job 7 was kept" in why
    assert WHY in why
    assert why.endswith(", set it and submit it again")


async def test_where_the_output_could_not_be_read_nothing_is_explained() -> None:
    job, said = Job(is_kept=False), list[str]()
    with pytest.raises(GatewayUnreachable):
        async with silence_explained(cast(AsyncJob, job), said.append):
            raise GatewayUnreachable("away")
    assert not job.was_asked.is_set()
    assert said == []


async def test_a_job_that_had_nothing_to_print_is_let_be() -> None:
    assert await told(Job(is_kept=True)) == []


async def test_whoever_hears_something_is_told_nothing_and_nobody_is_asked() -> None:
    job = Job(is_kept=False)
    assert await told(job, prints=True) == []
    assert not job.was_asked.is_set()


async def test_a_gateway_that_does_not_answer_is_left_to_whoever_reads_the_output() -> None:
    assert await told(Job(GatewayUnreachable("away"))) == []


async def test_it_is_said_while_the_job_goes_on_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "PATIENCE_SECONDS", 0)
    job, said = Job(is_kept=False), asyncio.Queue[str]()
    async with silence_explained(cast(AsyncJob, job), said.put_nowait):
        assert WHY in await said.get()
    assert said.empty()


@pytest.fixture(scope="module")
def silent(grid: RunningGrid) -> str:
    """A job that has ended; its workflow keeps no output."""
    job = dps("submit", "-", "--json", environment=grid.environment, stdin=SILENT).json["job"]
    assert dps("job", "watch", job, "--quiet", environment=grid.environment).exit_code == 0
    return str(job)


@pytest.mark.parametrize("how", [(), ("--follow",)])
def test_the_output_of_a_workflow_that_keeps_none_is_explained_beside_an_empty_stdout(
    grid: RunningGrid, silent: str, how: tuple[str, ...]
) -> None:
    answer = dps("job", "logs", silent, *how, environment=grid.environment)
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert answer.stderr.count(WHY) == 1


def test_whoever_watches_such_a_job_is_told_so(grid: RunningGrid) -> None:
    answer = dps("submit", "-", "--watch", environment=grid.environment, stdin=SILENT)
    assert answer.stderr.count(WHY) == 1
