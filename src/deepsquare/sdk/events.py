"""What happens to a job, as it happens."""

from dataclasses import dataclass
from datetime import datetime

from deepsquare.model import Address, JobId, JobStatus


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job came into a state."""

    job_id: JobId
    status: JobStatus
    at: datetime
    """The time of the block that says so."""
    provider: Address | None = None
    reason: str = ""
    """Why it came there, where somebody said why: a refusal, a failure."""
