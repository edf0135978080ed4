"""A cluster whose jobs a test starts and ends by hand: the port, in memory, on a clock that stands still."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from deepsquare.clock import Clock
from deepsquare.clusters.port import (
    ClusterError,
    ClusterJob,
    ClusterJobId,
    ClusterNode,
    JobRequest,
    NodeState,
    RunState,
    SubmitRefused,
    UnknownClusterJob,
)
from deepsquare.model import JobTag, Label, Node

SIXTEEN_CPUS = ClusterNode("n1", Node(cpus=16, memory_mb=64_000, gpus=2), NodeState.UP)


@dataclass
class _Job:
    request: JobRequest
    job: ClusterJob
    limit_minutes: int


class ScriptedCluster:
    """Jobs are QUEUED until the test says otherwise."""

    def __init__(self, folder: Path, clock: Clock, nodes: Sequence[ClusterNode] = (SIXTEEN_CPUS,)) -> None:
        self._folder = folder
        self._clock = clock
        self._jobs: dict[JobTag, _Job] = {}
        self._changed = asyncio.Event()
        self.machines = list(nodes)
        self.detected: list[Label] = [Label("os", "debian")]
        self.missing: list[str] = []
        self.is_down = False
        self.refusal = ""
        self.loses_answers = False
        """True: a submit takes effect, and its answer is lost."""
        self.may_raise_limits = True
        self.submits: list[JobRequest] = []
        self._never_began: set[JobTag] = set()
        self.starts: Counter[JobTag] = Counter()
        """How often each job's process was started."""
        self.cancels: list[ClusterJobId] = []

    # What the test does.

    def start(self, tag: JobTag) -> None:
        """The job's process begins."""
        self.starts[tag] += 1
        self._set(tag, state=RunState.RUNNING, started_at=self._clock.now())

    def begin_queued(self) -> None:
        """Every job that waits in the cluster's queue begins."""
        for tag, job in self._jobs.items():
            if job.job.state is RunState.QUEUED:
                self.start(tag)

    def end(self, tag: JobTag, state: RunState, exit_code: int | None = None, detail: str = "") -> None:
        """The job is over."""
        if state is RunState.UNSTARTED:
            self._never_began.add(tag)
        self._set(tag, state=state, ended_at=self._clock.now(), exit_code=exit_code, detail=detail)

    def suspend(self, tag: JobTag) -> None:
        self._set(tag, state=RunState.SUSPENDED)

    def resume(self, tag: JobTag, suspended_seconds: int) -> None:
        self._set(tag, state=RunState.RUNNING, suspended_seconds=suspended_seconds)

    def requeue(self, tag: JobTag) -> None:
        """The cluster puts a job back into its own queue."""
        self._set(tag, state=RunState.QUEUED, started_at=None, ended_at=None)

    def lose(self, tag: JobTag) -> None:
        """The cluster forgets a job that nobody ended."""
        del self._jobs[tag]

    def write(self, tag: JobTag, data: bytes) -> None:
        """The job prints."""
        with self.output_path(tag).open("ab") as file:
            file.write(data)

    def tags(self) -> list[JobTag]:
        return sorted(self._jobs)

    def job(self, tag: JobTag) -> ClusterJob:
        return self._jobs[tag].job

    def limit_minutes(self, tag: JobTag) -> int:
        return self._jobs[tag].limit_minutes

    # The port.

    async def check(self) -> Sequence[str]:
        self._answer()
        return self.missing

    async def nodes(self) -> Sequence[ClusterNode]:
        self._answer()
        return self.machines

    async def labels(self) -> Sequence[Label]:
        self._answer()
        return self.detected

    async def submit(self, request: JobRequest) -> ClusterJobId:
        self._answer()
        if self.refusal:
            raise SubmitRefused(self.refusal)
        assert request.tag not in {earlier.tag for earlier in self.submits} - self._never_began, "submitted twice"
        self._never_began.discard(request.tag)
        cluster_id = ClusterJobId(str(len(self.submits) + 1))
        self.submits.append(request)
        self._jobs[request.tag] = _Job(
            request, ClusterJob(cluster_id, request.tag, RunState.QUEUED), request.time_limit_minutes
        )
        self.output_path(request.tag).parent.mkdir(parents=True, exist_ok=True)
        if self.loses_answers:
            raise ClusterError("the controller's answer was lost", transient=True)
        return cluster_id

    async def find(self, tag: JobTag) -> ClusterJob | None:
        self._answer()
        return self._jobs[tag].job if tag in self._jobs else None

    async def jobs(self) -> Sequence[ClusterJob]:
        self._answer()
        return [job.job for job in self._jobs.values()]

    async def cancel(self, job_id: ClusterJobId) -> None:
        self._answer()
        self.cancels.append(job_id)
        tag = self._tag_of(job_id)
        if not self._jobs[tag].job.state.is_over:
            self.end(tag, RunState.CANCELLED)

    async def set_time_limit(self, job_id: ClusterJobId, minutes: int) -> None:
        self._answer()
        if not self.may_raise_limits:
            raise ClusterError("only an operator may raise a limit", transient=False)
        self._jobs[self._tag_of(job_id)].limit_minutes = minutes

    def output_path(self, tag: JobTag) -> Path:
        return self._folder / str(tag) / "output"

    async def changed(self, timeout_seconds: float) -> None:  # noqa: ARG002 - a test moves time by hand
        self._answer()
        await self._changed.wait()
        self._changed.clear()

    async def forget(self, tag: JobTag) -> None:
        self._answer()
        self._jobs.pop(tag, None)
        self.output_path(tag).unlink(missing_ok=True)

    def run_out(self, tag: JobTag) -> None:
        """Move a running job to its time limit, where the cluster ends it."""
        job = self._jobs[tag].job
        assert job.started_at is not None
        ended_at = job.started_at + timedelta(minutes=self._jobs[tag].limit_minutes)
        self._set(tag, state=RunState.TIMEOUT, ended_at=ended_at)

    def _set(self, tag: JobTag, **changes: Any) -> None:
        job = self._jobs[tag]
        job.job = replace(job.job, **changes)
        self._changed.set()

    def _tag_of(self, job_id: ClusterJobId) -> JobTag:
        for tag, job in self._jobs.items():
            if job.job.id == job_id:
                return tag
        raise UnknownClusterJob(f"there is no job {job_id}")

    def _answer(self) -> None:
        if self.is_down:
            raise ClusterError("the controller does not answer; is slurmctld running?", transient=True)
