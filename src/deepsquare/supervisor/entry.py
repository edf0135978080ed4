"""One attempt at one job, as the journal holds it: intents, written before the act; facts, before they are told."""

from dataclasses import dataclass
from datetime import datetime

from deepsquare.clusters.port import ClusterJobId
from deepsquare.model import JobId, JobStatus

AttemptKey = tuple[JobId, int]
"""A job and the number of the attempt at it."""


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended, as its process earned it; written before the chain is told."""

    status: JobStatus
    exit_code: int
    ended_at: datetime
    started_at: datetime | None = None
    """None: it never ran."""
    suspended_seconds: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """All that the journal knows about one attempt at one job."""

    job_id: JobId
    attempt: int
    submit_intended_at: datetime | None = None
    """Set before each submit: from then on the cluster may have a job of this tag."""
    cluster_id: ClusterJobId | None = None
    limit_minutes: int | None = None
    """The time limit that the cluster's job is known to have."""
    started_at: datetime | None = None
    """The start of its newest run."""
    end: End | None = None
    settled_at: datetime | None = None
    """When the chain was first seen to need nothing more from this attempt."""
    log_offset: int = 0
    """Bytes of the output that the gateway has."""
    log_complete: bool = False

    @property
    def key(self) -> AttemptKey:
        """What names this attempt."""
        return self.job_id, self.attempt
