"""What happens to a job, as it happens."""

from dataclasses import dataclass
from datetime import datetime

from deepsquare.model import Address, Job, JobId, JobStatus


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job came into a state."""

    job_id: JobId
    status: JobStatus
    at: datetime
    """When this program heard of it; of the state that it found first: since when the job is in it."""
    job: Job
    """The job as it was read then; it may be further already."""
    provider: Address | None = None
    reason: str = ""
    """Why it came there, where somebody said why: a refusal, a failure."""
