"""A provider as a place for work: its nodes, what is bound there, and until when at the latest."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from deepsquare.model import JobDefinition, JobId, Node, Provider
from deepsquare.scheduling.packing import pack, pack_all


@dataclass(frozen=True, slots=True)
class BoundJob:
    """A job that a site holds: assigned, claimed or running."""

    id: JobId
    definition: JobDefinition
    until: datetime | None
    """When its credits end at the latest; None where they do not bound it."""


@dataclass(frozen=True)
class Site:
    """One provider and what it holds, at one moment."""

    provider: Provider
    bound: tuple[BoundJob, ...] = ()
    lease_end: datetime | None = None
    """Until when the provider has proven to be alive; None where leases play no role."""

    @cached_property
    def free(self) -> tuple[Node, ...]:
        """What is free now, node by node."""
        return pack_all((job.definition for job in self.bound), self.provider.hardware.nodes)

    @cached_property
    def labels(self) -> dict[str, str]:
        """The provider's labels by key."""
        return {label.key: label.value for label in self.provider.labels}

    def with_job(self, job: BoundJob) -> "Site":
        """The same site with one more job bound to it."""
        fuller = replace(self, bound=(*self.bound, job))
        # Packing is a fold over the bound jobs: going on from what is free spares packing all of them again.
        fuller.__dict__["free"] = pack_all((job.definition,), self.free)
        return fuller

    def can_hold(self, definition: JobDefinition) -> bool:
        """Whether the job would fit if nothing else were here."""
        return pack(definition, self.provider.hardware.nodes) is not None

    def can_start(self, definition: JobDefinition) -> bool:
        """Whether the job fits beside what is bound here."""
        return pack(definition, self.free) is not None

    def earliest_start(self, definition: JobDefinition, now: datetime) -> datetime | None:
        """When the job fits at the latest, as bound jobs run out of credits; None where that is not known."""
        if self.can_start(definition):
            return now
        ends = sorted({job.until for job in self.bound if job.until is not None})
        for end in ends:
            staying = (job.definition for job in self.bound if job.until is None or job.until > end)
            if pack(definition, pack_all(staying, self.provider.hardware.nodes)) is not None:
                return max(end, now)
        return None
