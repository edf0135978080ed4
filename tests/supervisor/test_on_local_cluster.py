"""The supervisor on the embedded cluster, in real time: real contracts, real processes, nothing scripted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deepsquare.chain import EventReader
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.clock import SystemClock
from deepsquare.clusters.local import LocalCluster
from deepsquare.clusters.port import ClusterNode, NodeState
from deepsquare.model import WEI_PER_CREDIT, Hardware, Job, JobDefinition, JobId, JobStatus, Node
from deepsquare.supervisor.abilities import InstalledAbilities
from deepsquare.supervisor.journal import Journal
from deepsquare.supervisor.ports import Ports
from deepsquare.supervisor.service import Supervisor
from deepsquare.supervisor.settings import SupervisorSettings, VolumeSettings
from tests.supervisor.stage import CREDIT_PER_MINUTE, SETTINGS, script_hash
from tests.support.chain import CHAIN_ID, Grid, deploy_grid, funded, signer
from tests.support.memory_gateway import MemoryGateway

pytestmark = pytest.mark.system

_PATIENCE_SECONDS = 60
MINUTE_SECONDS = 2.0
"""The length of a minute of a time limit in this rehearsal."""


class Site:
    """One provider whose jobs are processes of this machine."""

    def __init__(self, grid: Grid, folder: Path) -> None:
        self.grid = grid
        self.gateway = MemoryGateway()
        self._folder = folder
        self._node = ClusterNode("n1", Node(4, 4_000), NodeState.UP)

    async def join(self) -> None:
        await self.grid.join(self.grid.providers[0], Hardware((self._node.resources,)), CREDIT_PER_MINUTE)
        await self.grid.customer_account.allow(100 * WEI_PER_CREDIT)

    @contextlib.asynccontextmanager
    async def supervisor(self) -> AsyncIterator[None]:
        """A supervisor with nothing but what is on disk; it ends without a word, as after kill -9."""
        provider = signer("provider one")
        contract = self.grid.address.meta_scheduler
        journal = Journal(self._folder / "journal", chain_id=CHAIN_ID, contract=contract, provider=provider.address)
        settings = SupervisorSettings(prices=SETTINGS.prices, volumes=VolumeSettings(shared_root=self._volumes))
        ports = Ports(
            chain=self.grid.ledger,
            events=EventReader(self.grid.ledger, provider=provider.address),
            account=self.grid.provider_account(),
            gateway=self.gateway,
            cluster=LocalCluster(
                self._folder / "cluster",
                [self._node],
                contract=contract,
                grace_seconds=1,
                minute_seconds=MINUTE_SECONDS,
            ),
            abilities=InstalledAbilities(settings),
            signer=provider,
            journal=journal,
            clock=SystemClock(),
        )
        task = asyncio.create_task(Supervisor(ports, settings).run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            journal.close()

    async def job(self, script: str, minutes: int = 10) -> JobId:
        text = f"#!/bin/sh\n{script}\n"
        definition = JobDefinition(1, 1, 100, 0, script_hash(text))
        job_id = (await self.grid.customer_account.request_job(definition, minutes * WEI_PER_CREDIT, "test")).job_id
        self.gateway.scripts[job_id] = text
        await self.grid.scheduler_account.assign([(job_id, self.grid.providers[0].address)])
        return job_id

    async def until(self, job_id: JobId, *statuses: JobStatus) -> Job:
        async with asyncio.timeout(_PATIENCE_SECONDS), EventReader(self.grid.ledger) as reader:
            while (job := await self.grid.ledger.job(job_id)).status not in statuses:
                await reader.wake(1)
        return job

    async def end_of(self, job_id: JobId) -> Job:
        return await self.until(job_id, *(status for status in JobStatus if status.is_cold))

    async def until_nothing_is_left(self) -> None:
        """Until the cluster has no folder of a job any more."""
        await _until(lambda: not list(self._jobs.iterdir()))

    async def until_a_process_has_ended(self) -> None:
        """Until the record of a job says that it is over; no supervisor is needed for that."""
        await _until(lambda: bool(list(self._jobs.glob("*/ended.json"))))

    def scratch_folders(self) -> list[Path]:
        """What the scripts of jobs have left."""
        return list(self._volumes.glob("job-*"))

    @property
    def _volumes(self) -> Path:
        return self._folder / "volumes"

    @property
    def _jobs(self) -> Path:
        return self._folder / "cluster" / "jobs"


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await asyncio.to_thread(holds):
            await SystemClock().sleep(0.05)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    chain = EmbeddedChain(":memory:", chain_id=CHAIN_ID, clock=SystemClock(), funded=funded())
    try:
        made = Site(await deploy_grid(chain, SystemClock()), tmp_path)
        await made.join()
        yield made
    finally:
        await chain.close()


async def test_jobs_end_as_their_processes_earned(site: Site) -> None:
    async with site.supervisor():
        good, bad, long = (
            await site.job("echo good"),
            await site.job("echo bad >&2; exit 3"),
            await site.job("sleep 60", 1),
        )
        assert (await site.end_of(good)).status is JobStatus.FINISHED
        failed = await site.end_of(bad)
        assert (failed.status, failed.exit_code) == (JobStatus.FAILED, 3)
        assert failed.last_error.endswith("bad")
        assert (await site.end_of(long)).status is JobStatus.OUT_OF_CREDITS
        await site.until_nothing_is_left()
    assert bytes(site.gateway.logs[good, 1]) == b"good\n"
    assert site.gateway.closed[good, 1] == 5


async def test_the_scratch_folder_of_a_killed_script_goes_with_its_job(site: Site) -> None:
    scratch = '"$DEEPSQUARE_SITE_SHARED_ROOT/job-$DEEPSQUARE_SITE_JOB-1"'
    async with site.supervisor():
        job_id = await site.job(f"mkdir -p {scratch}/input && ls -d {scratch} && kill -9 $$")
        killed = await site.end_of(job_id)
        await site.until_nothing_is_left()
    assert (killed.status, killed.exit_code) == (JobStatus.FAILED, 137)
    assert b"/volumes/job-1-1-" in site.gateway.logs[job_id, 1]
    assert site.scratch_folders() == []


async def test_a_running_job_is_cancelled_for_its_customer(site: Site) -> None:
    async with site.supervisor():
        job_id = await site.job("sleep 60")
        await site.until(job_id, JobStatus.RUNNING)
        await site.grid.customer_account.cancel(job_id)
        assert (await site.end_of(job_id)).status is JobStatus.CANCELLED
        await site.until_nothing_is_left()


async def test_a_job_outlives_its_supervisor_and_runs_once(site: Site, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    go_on = tmp_path / "go-on"
    async with site.supervisor():
        job_id = await site.job(f"echo ran >> {marks}; while [ ! -e {go_on} ]; do sleep 0.05; done; exit 7")
        await site.until(job_id, JobStatus.RUNNING)
    await asyncio.to_thread(go_on.touch)
    async with site.supervisor():
        job = await site.end_of(job_id)
        await site.until_nothing_is_left()
    assert (job.status, job.exit_code) == (JobStatus.FAILED, 7)
    assert await asyncio.to_thread(marks.read_text) == "ran\n"


async def test_a_job_that_ended_while_nobody_looked_is_told(site: Site, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    async with site.supervisor():
        job_id = await site.job(f"while [ ! -e {go_on} ]; do sleep 0.05; done; echo late")
        await site.until(job_id, JobStatus.RUNNING)
    await asyncio.to_thread(go_on.touch)
    await site.until_a_process_has_ended()
    async with site.supervisor():
        assert (await site.end_of(job_id)).status is JobStatus.FINISHED
        await site.until_nothing_is_left()
    assert bytes(site.gateway.logs[job_id, 1]) == b"late\n"
