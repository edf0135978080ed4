"""A provider as a place for work, at one moment: its nodes, what is bound there, and until when at the latest."""

import math
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from deepsquare.model import JobDefinition, JobId, Node, Provider
from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.packing import nodes_of, shape_of


@dataclass(frozen=True, slots=True)
class BoundJob:
    """A job that a site holds: assigned, claimed or running."""

    id: JobId
    definition: JobDefinition
    until: datetime | None
    """When its credits end at the latest; None where they do not bound it."""


@dataclass(frozen=True)
class Site:
    """One provider and what it holds."""

    provider: Provider
    bound: tuple[BoundJob, ...] = ()
    lease_end: datetime | None = None
    """Until when the provider has proven to be alive; None where leases play no role."""

    @cached_property
    def free(self) -> tuple[Node, ...]:
        """What is free now, node by node."""
        return nodes_of(self.cluster(-math.inf).rooms)

    @cached_property
    def labels(self) -> dict[str, str]:
        """The provider's labels by key."""
        return {label.key: label.value for label in self.provider.labels}

    def cluster(self, now: float) -> Cluster:
        """The same for a scheduler to work on, closed where its lease is over at the moment `now`."""
        cluster = Cluster(self.provider)
        for job in self.bound:
            until = math.inf if job.until is None else job.until.timestamp()
            cluster.start(job.id, shape_of(job.definition), now, until)
        if self.lease_end is not None and self.lease_end.timestamp() <= now:
            cluster.closed_until = math.inf
            cluster.closed_why = f"it was last heard of before {self.lease_end:%H:%M:%S} UTC"
        return cluster
