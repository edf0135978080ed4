"""How long a cluster that refused or lost a job gets no others, and how it is slowly trusted again.

Each trouble pauses the cluster, twice as long as the one before. What it did wrong is forgotten by halves: one
trouble after each job that ended well, and half of all with every half-life.
"""

import math

from deepsquare.model import Address

FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 3600.0
HALF_LIFE_SECONDS = 3600.0


class Trust:
    """The troubles of each cluster."""

    def __init__(self) -> None:
        self._troubles: dict[Address, tuple[float, float]] = {}

    def troubled(self, address: Address, now: float) -> float:
        """Note a refusal or a failure; answers until when the cluster gets no jobs."""
        troubles = self.troubles(address, now)
        self._troubles[address] = (troubles + 1, now)
        return now + min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * math.pow(2.0, troubles))

    def did_well(self, address: Address, now: float) -> None:
        """Note a job that ended as it should."""
        if address in self._troubles:
            left = self.troubles(address, now) - 1
            if left > 0:
                self._troubles[address] = (left, now)
            else:
                del self._troubles[address]

    def troubles(self, address: Address, now: float) -> float:
        """How many troubles still count."""
        troubles, at = self._troubles.get(address, (0.0, now))
        return troubles * math.pow(2.0, (at - now) / HALF_LIFE_SECONDS)
