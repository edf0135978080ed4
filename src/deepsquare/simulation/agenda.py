"""What is still to happen, and when. Equal moments come in the order in which they were planned."""

import heapq
import math
from collections.abc import Callable


class Agenda:
    """All that is planned."""

    def __init__(self) -> None:
        self._planned: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._count = 0

    @property
    def next_moment(self) -> float:
        """When the next thing happens; `math.inf` where nothing will."""
        return self._planned[0][0] if self._planned else math.inf

    def at(self, moment: float, action: Callable[..., None], *details: object) -> None:
        """Plan `action(moment, *details)`."""
        self._count += 1
        heapq.heappush(self._planned, (moment, self._count, action, details))

    def run_until(self, moment: float) -> None:
        """Do everything that is planned until `moment`, including what that plans."""
        while self._planned and self._planned[0][0] <= moment:
            at, _, action, details = heapq.heappop(self._planned)
            action(at, *details)
