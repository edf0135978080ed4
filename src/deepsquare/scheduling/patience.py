"""Jobs that wait for a better place than those that are free: for a while, and only for one that is free in time."""

import math

from deepsquare.model import JobId
from deepsquare.scheduling.places import Places
from deepsquare.scheduling.policy import Policy
from deepsquare.scheduling.queue import Entry


class Patience:
    """Who is patient, and until when. Moments are seconds of the scheduler's clock."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._until: dict[JobId, float] = {}

    def __contains__(self, job: JobId) -> bool:
        return job in self._until

    def begin(self, entry: Entry) -> None:
        """The job waits; whether it is patient its objective says."""
        if seconds := self._policy.patience(entry.request):
            self._until[entry.job] = entry.request.submitted_at.timestamp() + seconds

    def forget(self, job: JobId) -> None:
        """The job waits no more."""
        self._until.pop(job, None)

    def take_ended(self, now: float) -> list[JobId]:
        """The jobs whose patience is over, each told once."""
        ended = [job for job, until in self._until.items() if until <= now]
        for job in ended:
            del self._until[job]
        return ended

    def next_end(self) -> float:
        """When the next job loses its patience; `math.inf` for never."""
        return min(self._until.values(), default=math.inf)

    def worst_rank(self, entry: Entry, places: Places, now: float) -> tuple[float, ...] | None:
        """The job takes no place with a higher rank: that of the best which may be free before its patience ends.

        None for a job that takes any.
        """
        deadline = self._until.get(entry.job)
        if deadline is None:
            return None
        cpus = entry.group.shape.cpus
        in_time = (
            places.ranks[cluster]
            for cluster in places.clusters
            if cluster.closed_until <= now and cluster.start_bound(cpus, now) <= deadline
        )
        return next(in_time, (math.inf,))
