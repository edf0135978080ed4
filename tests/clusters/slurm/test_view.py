"""One look at all jobs: what is told of those that are over, forgotten, or have no folder."""

import asyncio
import os
import pwd
from collections.abc import Mapping
from pathlib import Path

import pytest

from deepsquare.clusters.port import JobRequest, RunState
from deepsquare.clusters.slurm import SlurmCluster, SlurmSettings
from deepsquare.clusters.slurm.commands import Commands
from deepsquare.clusters.slurm.spool import Spool
from deepsquare.clusters.slurm.view import View
from deepsquare.model import JobTag
from tests.clusters.places import LocalPlace, job
from tests.clusters.slurm.rows import printed
from tests.support.clock import START, ManualClock

UID = os.geteuid()


class Queue(Commands):
    """A Slurm that says what it is told to say."""

    def __init__(self, settings: SlurmSettings) -> None:
        super().__init__(settings)
        self.lines: list[str] = []

    async def run(self, program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        assert (program, environment) == ("squeue", None), arguments
        return "\n".join(self.lines)


class Site:
    """A spool, a queue and the view of both."""

    def __init__(self, folder: Path) -> None:
        settings = SlurmSettings(spool=folder / "spool")
        self._place = LocalPlace(folder)
        self.spool = Spool(settings.spool, pwd.getpwuid(UID))
        self.spool.create()
        self.queue = Queue(settings)
        self.view = View(
            settings,
            commands=self.queue,
            spool=self.spool,
            contract=self._place.contract,
            uid=UID,
            clock=ManualClock(),
        )

    def request(self) -> JobRequest:
        """A new job of ours."""
        return job(self._place, "true")

    async def states(self) -> dict[JobTag, RunState]:
        """How all jobs stand."""
        return {tag: found.state for tag, found in (await self.view.look()).jobs.items()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def row(tag: JobTag | str, slurm_id: int, state: str) -> str:
    """What squeue says of a job of ours."""
    over = {} if state == "COMPLETED" else {"endtime": "N/A"}
    fields = {"jobid": str(slurm_id), "state": state, "comment": str(tag), "name": str(tag), **over}
    return printed(userid=str(UID), restartcnt="0", exit_code="0", reason="None", **fields)


async def test_a_job_that_lost_its_folder_is_known_by_its_tag(site: Site) -> None:
    first, second = site.request().tag, site.request().tag
    site.queue.lines = [row(first, 1, "RUNNING"), row(second, 2, "COMPLETED"), row("wrap", 3, "RUNNING")]

    assert await site.states() == {first: RunState.RUNNING, second: RunState.COMPLETED}


async def test_of_two_jobs_with_a_lost_tag_the_newest_is_meant(site: Site) -> None:
    tag = site.request().tag
    site.queue.lines = [row(tag, 10, "RUNNING"), row(tag, 9, "COMPLETED")]

    assert await site.states() == {tag: RunState.RUNNING}


async def test_a_forgotten_job_is_told_of_no_more_though_slurm_remembers_it(site: Site) -> None:
    tag = site.request().tag
    site.queue.lines = [row(tag, 1, "COMPLETED")]

    site.view.forget("1")

    assert await site.states() == {}
    assert await site.states() == {}


async def test_a_forgotten_job_that_slurm_runs_again_is_seen(site: Site) -> None:
    tag = site.request().tag
    site.view.forget("1")

    site.queue.lines = [row(tag, 1, "RUNNING")]
    assert await site.states() == {tag: RunState.RUNNING}

    site.queue.lines = [row(tag, 1, "COMPLETED")]
    assert await site.states() == {tag: RunState.COMPLETED}


async def test_what_is_written_of_a_job_after_a_look_is_seen_by_the_next_one(site: Site) -> None:
    request = site.request()
    spool = site.spool.job(request.tag)
    await asyncio.to_thread(spool.create, request, START.timestamp())
    site.queue.lines = [row("renamed", 1, "RUNNING")]
    assert await site.states() == {}

    spool.keep_id("1")
    assert await site.states() == {request.tag: RunState.RUNNING}

    assert spool.limit_minutes() == request.time_limit_minutes
    spool.keep_limit(99)
    assert spool.limit_minutes() == 99


@pytest.mark.programs
async def test_slurm_is_asked_only_of_what_was_not_over_when_it_is_to_be_forgotten(tmp_path: Path) -> None:
    place, asked, rows = LocalPlace(tmp_path), tmp_path / "asked", tmp_path / "rows"
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\necho once >>{asked}\ncat {rows}\n")
    squeue.chmod(0o755)
    settings = SlurmSettings(spool=tmp_path / "spool", bin_folder=tmp_path)
    cluster = SlurmCluster(settings, contract=place.contract)
    over, unseen = job(place, "true").tag, job(place, "true").tag
    rows.write_text(row(over, 1, "COMPLETED"))
    await cluster.jobs()

    await cluster.forget(over)
    assert asked.read_text().splitlines() == ["once"]

    await cluster.forget(unseen)
    assert asked.read_text().splitlines() == ["once", "once"]
