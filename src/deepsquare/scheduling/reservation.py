"""The one place that is kept for a job which waits: at the cluster where it starts earliest.

More than one make every number worse: each holds another cluster half empty.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from deepsquare.model import JobId
from deepsquare.scheduling.cluster import Cluster, Promise
from deepsquare.scheduling.openings import Openings
from deepsquare.scheduling.packing import Room
from deepsquare.scheduling.queue import Entry


@dataclass(frozen=True, slots=True)
class Lifted:
    """A promise that was taken back."""

    cluster: Cluster
    promise: Promise

    @property
    def stands_still(self) -> bool:
        """Whether the cluster has promised the same to the same job since."""
        now = self.cluster.promise
        return now is not None and (now.job, now.start) == (self.promise.job, self.promise.start)


class Reservation:
    """What is promised to whom, if anything is."""

    def __init__(self, openings: Openings, on_lift: Callable[[Cluster], None]) -> None:
        """`on_lift` hears of each cluster where what was kept is free again."""
        self._openings = openings
        self._on_lift = on_lift
        self.cluster: Cluster | None = None
        """Where a place is kept."""

    @property
    def job(self) -> JobId | None:
        """The job for which a place is kept."""
        promise = None if self.cluster is None else self.cluster.promise
        return None if promise is None else promise.job

    def lift(self) -> Lifted | None:
        """Take back the promise: what was kept for it is free again."""
        cluster, self.cluster = self.cluster, None
        if cluster is None or cluster.promise is None:
            return None
        lifted, cluster.promise = Lifted(cluster, cluster.promise), None
        self._on_lift(cluster)
        return lifted

    def renew(self, entry: Entry, before: Lifted, touched: Collection[Cluster], now: float) -> bool:
        """Give the job again what it had, where that is as good as it was."""
        cluster, promise = before.cluster, before.promise
        if promise.job != entry.job or cluster in touched or promise.start <= now or cluster.closed_until > now:
            return False
        cluster.promise, self.cluster = promise, cluster
        return True

    def make(self, entry: Entry, now: float, is_wanted: Callable[[Cluster], bool]) -> bool:
        """Promise the job the place where it starts earliest; False where no start is known."""
        bounds = self._openings.by_start(entry.group.shape.cpus, now)
        return self._take_best(entry, now, _open_and_wanted(bounds, is_wanted, now), math.inf)

    def improve(
        self, entry: Entry, now: float, is_wanted: Callable[[Cluster], bool], among: Collection[Cluster]
    ) -> None:
        """Promise the job a place at one of these clusters where it starts earlier than it was promised."""
        cpus = entry.group.shape.cpus
        # In the order in which `make` sees them: of equals the smallest first.
        bounds = sorted(
            ((cluster.start_bound(cpus, now), cluster) for cluster in among),
            key=lambda bound: (bound[0], bound[1].cpus, bound[1].address),
        )
        promise = None if self.cluster is None else self.cluster.promise
        start = math.inf if promise is None else promise.start
        self._take_best(entry, now, _open_and_wanted(bounds, is_wanted, now), start)

    def _take_best(self, entry: Entry, now: float, bounds: Iterable[tuple[float, Cluster]], best_start: float) -> bool:
        """Promise the place with the earliest start before `best_start`; `bounds` come in their order."""
        shape = entry.group.shape
        best: Cluster | None = None
        best_rooms: list[Room] = []
        for bound, cluster in bounds:
            if bound >= best_start:
                break
            start, rooms = cluster.earliest_start(shape, now)
            if start < best_start:
                best, best_start, best_rooms = cluster, start, rooms
        if best is None:
            return False
        self.lift()
        best.reserve(entry.job, shape, best_start, best_rooms)
        self.cluster = best
        return True


def _open_and_wanted(
    bounds: Iterable[tuple[float, Cluster]], is_wanted: Callable[[Cluster], bool], now: float
) -> Iterator[tuple[float, Cluster]]:
    return ((bound, cluster) for bound, cluster in bounds if cluster.closed_until <= now and is_wanted(cluster))
