"""A cluster as the contract tests see it: opened as often as they like, jobs by the number, waits with a deadline."""

import asyncio
import itertools
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from deepsquare.clusters.local import LocalCluster
from deepsquare.clusters.port import Cluster, ClusterError, ClusterJob, ClusterNode, JobRequest, NodeState, RunState
from deepsquare.clusters.slurm import SlurmCluster, SlurmSettings
from deepsquare.clusters.watch import Watch
from deepsquare.model import Address, JobId, JobTag, Node
from tests.support.slurm import CPUS_PER_NODE, GPUS_OF_FIRST_NODE, JOB_ACCOUNT, MEMORY_PER_NODE_MB, SlurmLab

PATIENCE_SECONDS = 60.0
OUTPUT_LIMIT_BYTES = 1 << 20

_job_numbers = itertools.count(1)


def new_contract() -> Address:
    """A contract of this test alone: labs are shared."""
    return Address(f"0x{uuid.uuid4().hex}{uuid.uuid4().hex[:8]}")


class Place(Protocol):
    """One cluster behind the port, and what tests must know about it."""

    contract: Address
    minute_seconds: float
    nodes: tuple[ClusterNode, ...]

    def open(self) -> Cluster:
        """A new adapter on the same cluster, as after a restart of the supervisor."""
        ...

    async def submit_and_lose_the_answer(self, request: JobRequest) -> None:
        """The job is accepted, and the supervisor never hears of it."""
        ...


class LocalPlace:
    """The embedded cluster: two nodes, quick minutes, short patience with those who ignore TERM."""

    minute_seconds = 1.5
    nodes: tuple[ClusterNode, ...] = (
        ClusterNode("alpha", Node(cpus=4, memory_mb=1000, gpus=2), NodeState.UP),
        ClusterNode("beta", Node(cpus=4, memory_mb=1000), NodeState.UP),
    )

    def __init__(self, root: Path) -> None:
        self.root = root
        self.contract = new_contract()

    def open(self) -> LocalCluster:
        return LocalCluster(
            self.root,
            self.nodes,
            contract=self.contract,
            output_limit_bytes=OUTPUT_LIMIT_BYTES,
            grace_seconds=0.5,
            minute_seconds=self.minute_seconds,
        )

    async def submit_and_lose_the_answer(self, request: JobRequest) -> None:
        await self.open().submit(request)


class SlurmPlace:
    """A lab's Slurm."""

    minute_seconds = 60.0

    def __init__(self, lab: SlurmLab) -> None:
        self.lab = lab
        self.contract = new_contract()
        self.spool = lab.folder / "spools" / self.contract
        self.nodes = tuple(
            ClusterNode(
                name,
                Node(CPUS_PER_NODE, MEMORY_PER_NODE_MB, GPUS_OF_FIRST_NODE if index == 0 else 0),
                NodeState.UP,
            )
            for index, name in enumerate(lab.nodes)
        )

    def open(self, **settings: object) -> SlurmCluster:
        site: Mapping[str, object] = {
            "spool": self.spool,
            "user": JOB_ACCOUNT,
            "conf": self.lab.conf,
            "output_limit_bytes": OUTPUT_LIMIT_BYTES,
            **settings,
        }
        return SlurmCluster(SlurmSettings.model_validate(site), contract=self.contract)

    async def submit_and_lose_the_answer(self, request: JobRequest) -> None:
        """Let `sbatch` do its work and then fail as if the controller's answer had been lost."""
        commands = self.lab.folder / "commands" / uuid.uuid4().hex
        commands.mkdir(parents=True)
        for name in ("squeue", "scontrol", "sacct", "scancel"):
            (commands / name).symlink_to(Path("/usr/bin") / name)
        forgetful = commands / "sbatch"
        forgetful.write_text('#!/bin/sh\n/usr/bin/sbatch "$@" >/dev/null\necho "Socket timed out" >&2\nexit 1\n')
        forgetful.chmod(0o755)
        with pytest.raises(ClusterError) as failure:
            await self.open(bin_folder=commands).submit(request)
        assert failure.value.transient


def job(place: Place, script: str, *, interpreter: str = "#!/bin/bash", **changes: Any) -> JobRequest:
    """A small job that runs `script` in bash."""
    tag = JobTag(chain_id=7, contract=place.contract, job_id=JobId(next(_job_numbers)), attempt=1)
    values: dict[str, Any] = {
        "tag": tag,
        "name": "test",
        "script": f"{interpreter}\n{script}\n",
        "tasks": 1,
        "cpus_per_task": 1,
        "memory_per_cpu_mb": 50,
        "gpus": 0,
        "time_limit_minutes": 60,
        **changes,
    }
    return JobRequest(**values)


async def until(cluster: Cluster, tag: JobTag, *states: RunState) -> ClusterJob:
    """The job once it stands in one of these states (any end, if none is named).

    It looks only when the cluster says that something changed, so a missing wake-up fails the test.
    """
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await cluster.find(tag)
            if found is not None and (found.state in states if states else found.state.is_over):
                return found
            assert found is None or not found.state.is_over, f"{found} will not become {states}"
            await cluster.changed(2 * PATIENCE_SECONDS)


async def printed(cluster: Cluster, request: JobRequest, text: str) -> None:
    """Return once the job has printed `text`."""
    output = cluster.output_path(request.tag)
    watch = Watch()
    watch.add(output)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while text not in output.read_text():
            await watch.wait(2 * PATIENCE_SECONDS)


async def run(cluster: Cluster, request: JobRequest) -> tuple[ClusterJob, str]:
    """Submit, wait for the end; the job and its output."""
    await cluster.submit(request)
    ended = await until(cluster, request.tag)
    return ended, cluster.output_path(request.tag).read_text()
