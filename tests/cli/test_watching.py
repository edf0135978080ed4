"""What is told of a watched job, and in which order, whatever arrives first."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from deepsquare.cli import watching
from deepsquare.cli.output import Output
from deepsquare.model import Address, Job, JobCost, JobDefinition, JobId, JobStatus, JobTime
from deepsquare.sdk.events import JobEvent
from deepsquare.sdk.job import AsyncJob

NOW = datetime(2030, 1, 1, tzinfo=UTC)
JOB = Job(
    JobId(1),
    JobStatus.SCHEDULED,
    Address("0x" + "1" * 40),
    Address("0x" + "2" * 40),
    JobDefinition(1, 1, 64, 0, "00" * 32),
    JobCost(10**18),
    JobTime(NOW),
    "job",
)


class Hurried:
    """A job whose output arrives at once, before the chain has said anything further."""

    id = JOB.id

    def __init__(self, states: Sequence[JobStatus]) -> None:
        self._states = states
        self._printed = asyncio.Event()

    async def read(self) -> Job:
        return JOB

    async def is_logged(self) -> bool:
        return True

    async def logs(self, *, follow: bool) -> AsyncIterator[bytes]:
        assert follow
        self._printed.set()
        yield b"hello\n"
        yield b"world\n"

    async def events(self) -> AsyncIterator[JobEvent]:
        for status in self._states:
            yield JobEvent(self.id, status, NOW, replace(JOB, status=status))
            await self._printed.wait()


async def told(job: Hurried, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The states and texts in the order in which a person sees them."""
    await watching.watch(cast(AsyncJob, job), Output(json=True, quiet=True))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [event.get("status") or event.get("text") for event in events if event["event"] in {"state", "output"}]


async def test_output_that_overtakes_the_news_of_its_job_is_shown_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    job = Hurried([JobStatus.SCHEDULED, JobStatus.RUNNING, JobStatus.FINISHED])
    assert await told(job, capsys) == ["SCHEDULED", "RUNNING", "hello\n", "world\n", "FINISHED"]


async def test_output_of_a_job_whose_end_comes_first_is_shown_above_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    job = Hurried([JobStatus.SCHEDULED, JobStatus.PANICKED])
    assert await told(job, capsys) == ["SCHEDULED", "hello\n", "world\n", "PANICKED"]


async def test_output_does_not_wait_for_a_chain_that_is_slow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "ORDER_SECONDS", 0.0)
    slow = Hurried([JobStatus.SCHEDULED])
    assert await told(slow, capsys) == ["SCHEDULED", "hello\n", "world\n"]
