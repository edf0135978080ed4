"""What the cluster says, one look at a time: its jobs of ours, its machines, and who is missing.

A job that the cluster should know and does not is only absent, until it was absent in several looks
over some time. Looks that failed do not count: an unreachable cluster has lost nothing.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

from deepsquare.clusters.port import Cluster, ClusterJob, ClusterJobId, NodeState
from deepsquare.model import JobDefinition, JobTag, Node
from deepsquare.scheduling.packing import pack
from deepsquare.supervisor.lifecycle import Absence


class ClusterView:
    """The newest answer of one cluster."""

    def __init__(self, cluster: Cluster, *, keep_nodes_seconds: float) -> None:
        self._cluster = cluster
        self._keep_nodes = timedelta(seconds=keep_nodes_seconds)
        self._runs: dict[JobTag, ClusterJob] = {}
        self._up: tuple[Node, ...] = ()
        self._nodes_read_at: datetime | None = None
        self._left_out: set[ClusterJobId] = set()
        self._absent: dict[JobTag, Absence] = {}
        self.answers = False
        """Whether the last look succeeded."""

    async def look(self, expected: Collection[JobTag], now: datetime) -> None:
        """Ask the cluster. `expected` are the jobs that it must know; those missing are asked for one by one.

        Raises `ClusterError`; then nothing is known, and nothing is missing.
        """
        self.answers = False
        jobs, _ = await asyncio.gather(self._cluster.jobs(), self._look_at_nodes(now))
        self._left_out.intersection_update([job.id for job in jobs])
        runs = {job.tag: job for job in jobs if job.id not in self._left_out}
        for tag in expected:
            if tag not in runs and (found := await self._cluster.find(tag)) is not None:
                runs[tag] = found
        self._runs = runs
        self._count_absent(expected, now)
        self.answers = True

    def leave_out(self, cluster_id: ClusterJobId) -> None:
        """Hear no more of this job, for another one takes its place; a cluster tells of what is over for a while."""
        self._left_out.add(cluster_id)
        self._runs = {tag: run for tag, run in self._runs.items() if run.id != cluster_id}

    def knows_all(self, expected: Collection[JobTag]) -> bool:
        """Whether the last look succeeded and found all of these jobs."""
        return self.answers and all(tag in self._runs for tag in expected)

    def run(self, tag: JobTag) -> ClusterJob | None:
        """The cluster's job of this tag in the last look; None while the cluster does not answer."""
        return self._runs.get(tag) if self.answers else None

    def runs(self) -> list[ClusterJob]:
        """Everything of our contract that the cluster knew in the last look."""
        return list(self._runs.values()) if self.answers else []

    @property
    def up(self) -> tuple[Node, ...]:
        """The machines that may be used, as they were last seen."""
        return self._up

    def absence(self, tag: JobTag) -> Absence | None:
        """Since when, and how often, the cluster did not know this job."""
        return self._absent.get(tag)

    def has_room(self, definition: JobDefinition) -> bool:
        """Whether the machines that are up could hold the job, were they empty."""
        return pack(definition, self._up) is not None

    async def _look_at_nodes(self, now: datetime) -> None:
        """Machines come and go seldom, and to ask for them costs as much as to ask for the jobs."""
        if self._nodes_read_at is None or now - self._nodes_read_at >= self._keep_nodes:
            nodes = await self._cluster.nodes()
            self._up = tuple(node.resources for node in nodes if node.state is NodeState.UP)
            self._nodes_read_at = now

    def _count_absent(self, expected: Collection[JobTag], now: datetime) -> None:
        absent = {}
        for tag in expected:
            if tag not in self._runs:
                before = self._absent.get(tag)
                absent[tag] = Absence(1, now) if before is None else Absence(before.looks + 1, before.since)
        self._absent = absent
