"""Which clusters have so many CPUs free now, or have them first: kept in order, so that not each must be asked.

Costs what changed since the last question of its kind. Only CPUs are counted: whether a job fits is for the
cluster to say.
"""

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator

from deepsquare.model import Address
from deepsquare.scheduling.cluster import Cluster

MOST_WIDTHS = 64
"""Widths of jobs for which the clusters are kept in the order of their openings."""

_REBUILD_FRACTION = 8
"""Where more than this part of the clusters changed, sorting all is cheaper than moving each."""


class Openings:
    """The clusters that take part."""

    def __init__(self) -> None:
        self._changes: dict[Cluster, int] = {}
        self._count = 0
        self._by_free = _Line(_minus_free)
        self._by_start: dict[int, _Line] = {}

    def join(self, cluster: Cluster) -> None:
        """A cluster takes part; it says itself when it changes."""
        cluster.on_change = self._note
        self._note(cluster)

    def leave(self, cluster: Cluster) -> None:
        """A cluster takes part no more."""
        cluster.on_change = None
        del self._changes[cluster]
        for line in (self._by_free, *self._by_start.values()):
            line.remove(cluster)

    def count_free(self, cpus: int) -> int:
        """At how many clusters so many CPUs are free."""
        return bisect_right(self._by_free.after(self._changes), float(-cpus), key=_value)

    def with_free(self, cpus: int) -> list[Cluster]:
        """The clusters where so many CPUs are free."""
        count = self.count_free(cpus)
        return [cluster for _, _, _, cluster in self._by_free.after(self._changes)[:count]]

    def by_start(self, cpus: int, now: float) -> Iterator[tuple[float, Cluster]]:
        """The clusters with their `start_bound` for a job of so many CPUs, the lowest first; not those without."""
        line = self._by_start.pop(cpus, None)
        if line is None:
            line = _Line(lambda cluster: cluster.start_bound(cpus, -math.inf))
            if len(self._by_start) >= MOST_WIDTHS:
                del self._by_start[next(iter(self._by_start))]
        # The width that was asked for last is the last to be forgotten.
        self._by_start[cpus] = line
        for bound, _, _, cluster in line.after(self._changes):
            if bound == math.inf:
                return
            yield max(bound, now), cluster

    def _note(self, cluster: Cluster) -> None:
        """The cluster changed: it is the last one of those that changed."""
        self._count += 1
        self._changes.pop(cluster, None)
        self._changes[cluster] = self._count


_Place = tuple[float, int, Address, Cluster]


class _Line:
    """Clusters in the order of one number, of equals the smallest first."""

    def __init__(self, number: Callable[[Cluster], float]) -> None:
        self._number = number
        self._order: list[_Place] = []
        self._places: dict[Cluster, _Place] = {}
        self._seen = 0

    def after(self, changes: dict[Cluster, int]) -> list[_Place]:
        """The order after all these changes, whose numbers grow from the first to the last."""
        changed = []
        for cluster, count in reversed(changes.items()):
            if count <= self._seen:
                break
            changed.append(cluster)
        if not changed:
            return self._order
        self._seen = changes[changed[0]]
        if len(changed) * _REBUILD_FRACTION > len(changes):
            self._places.update((cluster, self._place(cluster)) for cluster in changed)
            self._order = sorted(self._places.values())
            return self._order
        for cluster in changed:
            place = self._place(cluster)
            if self._places.get(cluster) != place:
                self.remove(cluster)
                self._places[cluster] = place
                insort(self._order, place)
        return self._order

    def remove(self, cluster: Cluster) -> None:
        """Forget a cluster, if it is known."""
        place = self._places.pop(cluster, None)
        if place is not None:
            del self._order[bisect_left(self._order, place)]

    def _place(self, cluster: Cluster) -> _Place:
        return self._number(cluster), cluster.cpus, cluster.address, cluster


def _minus_free(cluster: Cluster) -> float:
    return -cluster.free_cpus


def _value(place: _Place) -> float:
    return place[0]
