"""The port to a cluster: what a supervisor needs of the place where jobs run, and nothing else.

Two adapters stand behind it: `clusters.slurm` (a real Slurm) and `clusters.local` (processes on this
machine). One contract-test suite holds for both. An adapter keeps no truth of its own: whatever it
answers it has read from the cluster or from the record that the job's wrapper left on disk.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NewType, Protocol

from deepsquare.model import JobTag, Label, Node

ClusterJobId = NewType("ClusterJobId", str)
"""How the cluster itself names a job (Slurm's job id as text)."""


class ClusterError(Exception):
    """Something about the cluster went wrong; the message says what, and what to do.

    `transient` is True where the same call may succeed later (the controller does not answer), False
    where it never will (no such partition).
    """

    def __init__(self, message: str, *, transient: bool) -> None:
        super().__init__(message)
        self.transient = transient


class SubmitRefused(ClusterError):
    """The cluster said no to this job and will say no again, for the reason in the message."""

    def __init__(self, message: str) -> None:
        super().__init__(message, transient=False)


class UnknownClusterJob(ClusterError):
    """The cluster knows no such job (any more)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, transient=False)


class RunState(enum.StrEnum):
    """How a cluster's job stands, in the words of `supervisor.md`; the supervisor maps them to the grid's."""

    QUEUED = "queued"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    OUT_OF_MEMORY = "out-of-memory"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    """Cancelled by us or by the job's own account."""
    LOST = "lost"
    """Ended by the cluster and not by the job: an admin's cancel, preemption, a failed node or boot."""
    UNSTARTED = "unstarted"
    """The cluster could not start it: nothing of it ever ran, so it may be submitted once more."""

    @property
    def is_over(self) -> bool:
        """True where nothing more will happen to the job."""
        return self not in (RunState.QUEUED, RunState.RUNNING, RunState.SUSPENDED)


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One job to run on the cluster. Everything here travels as arguments or as a file, never as shell text."""

    tag: JobTag
    name: str
    script: str
    tasks: int
    cpus_per_task: int
    memory_per_cpu_mb: int
    gpus: int
    time_limit_minutes: int
    """Whole minutes, at least 1."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the site (volume roots, tool paths) that the script reads; no secret belongs here."""


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """A job of ours, as the cluster (or the record of the job's wrapper) tells it."""

    id: ClusterJobId
    tag: JobTag
    state: RunState
    started_at: datetime | None = None
    ended_at: datetime | None = None
    suspended_seconds: int = 0
    exit_code: int | None = None
    """The script's exit code, 128+n for signal n; None while it runs or where nobody knows."""
    detail: str = ""
    """The cluster's own word for the state, for the log and the customer ("NODE_FAIL", "Priority")."""


class NodeState(enum.StrEnum):
    """Whether a node can take work."""

    UP = "up"
    DRAINED = "drained"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """One machine of the cluster: what it has and whether it may be used now."""

    name: str
    resources: Node
    state: NodeState


class Cluster(Protocol):
    """A place where jobs run."""

    async def check(self) -> Sequence[str]:
        """What is missing for this supervisor to work here, each with the command an admin must run; empty is good."""
        ...

    async def nodes(self) -> Sequence[ClusterNode]:
        """Every machine that jobs of ours may run on, whatever its state."""
        ...

    async def labels(self) -> Sequence[Label]:
        """What can be detected about the cluster (`os`, `arch`, `cpu`, `cpu.microarch`, `gpu`)."""
        ...

    async def submit(self, request: JobRequest) -> ClusterJobId:
        """Queue a job. Raises `SubmitRefused`, or a transient `ClusterError`: then the caller looks for the tag."""
        ...

    async def find(self, tag: JobTag) -> ClusterJob | None:
        """The newest job with this tag, running or over, from every source there is; None where there is none."""
        ...

    async def jobs(self) -> Sequence[ClusterJob]:
        """All jobs of our contract that the cluster or a wrapper's record still knows, in one sweep."""
        ...

    async def cancel(self, job_id: ClusterJobId) -> None:
        """TERM to every process, then KILL after the site's grace. Cancelling what is over does nothing."""
        ...

    async def set_time_limit(self, job_id: ClusterJobId, minutes: int) -> None:
        """Set the ABSOLUTE limit of a queued or running job. Raises `ClusterError` without the right to do so."""
        ...

    def output_path(self, tag: JobTag) -> Path:
        """Where the job's stdout and stderr are written as one stream, readable by the supervisor."""
        ...

    async def changed(self, timeout_seconds: float) -> None:
        """Return as soon as a job may have changed state, at the latest after `timeout_seconds`. Only a hint."""
        ...

    async def forget(self, tag: JobTag) -> None:
        """Remove what is left of an ended job (its record, its output, its folder)."""
        ...
