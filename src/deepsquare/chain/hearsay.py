"""A job after an event, as far as the event tells: it spares whoever knows the job another look at the chain.

An event names states and sums, and no moments: these are taken from when the event was seen, later than they were,
so that no deadline is thought to be over too early.
"""

from dataclasses import replace
from datetime import datetime

from deepsquare.chain.events import JobCancelRequested, JobChanged, JobEvent, JobSettled, JobToppedUp
from deepsquare.model import Job, JobStatus


def job_after(job: Job, event: JobEvent, seen_at: datetime) -> Job | None:
    """The job after one of its events; None where it must be read again, as for everything about a new place.

    An event that the state known has in it already changes nothing. A job that is over lacks its bill, its exit code
    and its last words.
    """
    if event.block < job.time.block_of_last_change:
        return job
    if isinstance(event, JobChanged):
        return _in_state(job, event, seen_at)
    if isinstance(event, JobToppedUp):
        return replace(job, cost=replace(job.cost, max_cost=max(job.cost.max_cost, event.max_cost)))
    if isinstance(event, JobCancelRequested):
        if job.cancel_requested:
            return job
        return replace(job, cancel_requested=True, time=replace(job.time, cancel_requested_at=seen_at))
    return job if isinstance(event, JobSettled) else None


def _in_state(job: Job, event: JobChanged, seen_at: datetime) -> Job | None:
    if event.after is job.status:
        return job
    time = replace(job.time, block_of_last_change=event.block)
    if event.after is JobStatus.SCHEDULED:
        time = replace(time, claimed_at=seen_at)
    elif event.after is JobStatus.RUNNING:
        time = replace(time, started_at=seen_at)
    elif event.after.is_cold:
        time = replace(time, ended_at=seen_at)
    is_next = event.before is job.status and event.after not in (JobStatus.PENDING, JobStatus.META_SCHEDULED)
    return replace(job, status=event.after, time=time) if is_next else None
