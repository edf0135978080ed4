"""For whose jobs places are kept: not for those of a customer who had one kept for a job that then never ran.

A place that is kept for a wide job stands half empty until it is whole, and who takes the job back then loses gas
alone. So a promise in vain costs its customer all others for several times as long as it stood. An account costs
nothing, either: one that used less of the grid lately than it had kept in vain is a stranger, and all strangers
are one customer here.
"""

import math

from deepsquare.model import Address, JobId
from deepsquare.scheduling.fairshare import FairShare
from deepsquare.scheduling.matching import JobRequest

REST_FACTOR = 4.0
"""For how many times as long as a promise stood in vain no other is made: at most a fifth of the time is lost so."""


class GoodFaith:
    """How long places were kept, and who is passed over and until when. Moments and times in seconds."""

    def __init__(self, usage: FairShare) -> None:
        self._usage = usage
        self._kept_seconds: dict[JobId, float] = {}
        self._noted_at = -math.inf
        self._until: dict[Address | None, float] = {}
        self._strangers_until = -math.inf
        self._most_kept_in_vain = 0.0

    def pass_time(self, promised: JobId | None, now: float) -> None:
        """Since this was called last a place has been kept for this job, or for none."""
        if promised is not None and now > self._noted_at:
            self._kept_seconds[promised] = self._kept_seconds.get(promised, 0.0) + now - self._noted_at
        self._noted_at = now

    def fulfilled(self, job: JobId) -> None:
        """The job runs, or is not over by its customer's wish: what was kept for it was not kept in vain."""
        self._kept_seconds.pop(job, None)

    def taken_back(self, job: JobId, request: JobRequest, now: float) -> None:
        """The job is over before it ran, as its customer wanted: cancelled, or past the latest start that it names."""
        seconds = self._kept_seconds.pop(job, 0.0)
        if not seconds:
            return
        customer, until = request.customer, now + REST_FACTOR * seconds
        kept = request.definition.cpus * seconds
        if self._usage.used(customer, now) >= kept:
            self._until = {who: rests for who, rests in self._until.items() if rests > now}
            self._until[customer] = max(until, self._until.get(customer, until))
            return
        before = self._most_kept_in_vain if self._strangers_until > now else 0.0
        self._most_kept_in_vain = max(kept, before)
        self._strangers_until = max(until, self._strangers_until)

    def passed_over_until(self, customer: Address | None, now: float) -> float:
        """Until when the customer is promised nothing; a moment that is over where places are kept for its jobs."""
        until = self._until.get(customer, -math.inf)
        if self._strangers_until > now and self._usage.used(customer, now) < self._most_kept_in_vain:
            until = max(until, self._strangers_until)
        return until
