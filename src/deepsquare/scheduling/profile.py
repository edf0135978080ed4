"""What will be free on a cluster, moment by moment, as those that are there end and promised jobs come and go."""

import math
from bisect import bisect_left

from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.packing import Room, Shape, Share, choose, give_back, take


class Profile:
    """The free rooms of one cluster from `now` on: constant from each moment to the next."""

    def __init__(self, cluster: Cluster, now: float) -> None:
        self._moments = [now]
        self._rooms = [list(cluster.rooms)]
        for held in sorted(cluster.held.values(), key=lambda held: (held.until, held.number)):
            if held.until == math.inf:
                break
            # A job that is overdue ends any moment now, but not before.
            position = self._at(max(held.until, math.nextafter(now, math.inf)))
            for rooms in self._rooms[position:]:
                give_back(held.shares, rooms)
        for shape, seconds in cluster.ahead.values():
            # They wait at the cluster itself, and are before whoever comes later.
            slot = self.earliest(shape, seconds)
            if slot is not None:
                self.take(slot[0], seconds, slot[1])

    def earliest(self, shape: Shape, seconds: float) -> tuple[float, tuple[Share, ...]] | None:
        """The first moment from which on the job fits for so long, and its shares; None where there is none."""
        for position, begin in enumerate(self._moments):
            shares = choose(shape, self._least(position, begin + seconds))
            if shares is not None:
                return begin, shares
        return None

    def take(self, begin: float, seconds: float, shares: tuple[Share, ...]) -> None:
        """Have `shares` in use for that time."""
        first, last = self._at(begin), self._at(begin + seconds) if seconds < math.inf else len(self._moments)
        for rooms in self._rooms[first:last]:
            take(shares, rooms)

    def _least(self, position: int, end: float) -> list[Room]:
        """What is free without a break from the moment at `position` until `end`."""
        least = self._rooms[position]
        for later in range(position + 1, len(self._moments)):
            if self._moments[later] >= end:
                break
            pairs = zip(least, self._rooms[later], strict=True)
            least = [Room(*map(min, one, other)) for one, other in pairs]
        return least

    def _at(self, moment: float) -> int:
        """The position of this moment; made, if it was none."""
        position = bisect_left(self._moments, moment)
        if position == len(self._moments) or self._moments[position] != moment:
            self._moments.insert(position, moment)
            self._rooms.insert(position, list(self._rooms[position - 1]))
        return position
