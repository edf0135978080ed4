"""Conservative backfill: every waiting job is promised a place, and none is given what would delay a job before it.

A plan is made anew for each decision, from the first job of the queue to the last: what ends early moves all forward.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.packing import Shape, Share
from deepsquare.scheduling.profile import Profile


@dataclass(frozen=True, slots=True)
class Slot:
    """What is promised to one waiting job."""

    cluster: Cluster
    begin: float
    seconds: float
    shares: tuple[Share, ...]


class Plan:
    """What is free on the clusters from now on, beside what was promised so far."""

    def __init__(self, clusters: Iterable[Cluster], now: float) -> None:
        self._profiles = {cluster: Profile(cluster, now) for cluster in clusters}

    def promise(self, shape: Shape, seconds: Mapping[Cluster, float]) -> Slot | None:
        """Take the place where a job starts earliest, of equals the one named first; None where there is none.

        `seconds` says where the job may go, the best first, and how long it may run there.
        """
        slots = []
        for cluster, limit in seconds.items():
            found = self._profiles[cluster].earliest(shape, limit) if cluster in self._profiles else None
            if found is not None:
                slots.append(Slot(cluster, found[0], limit, found[1]))
        if not slots:
            return None
        slot = min(slots, key=lambda slot: slot.begin)
        self._profiles[slot.cluster].take(slot.begin, slot.seconds, slot.shares)
        return slot


def earliest_beside(slots: Iterable[Slot], cluster: Cluster, shape: Shape, seconds: float, now: float) -> float:
    """From when on a cluster has room for a job beside these slots; `math.inf` where there is no such moment."""
    profile = Profile(cluster, now)
    for slot in slots:
        if slot.cluster is cluster:
            profile.take(max(now, slot.begin), slot.seconds, slot.shares)
    found = profile.earliest(shape, seconds)
    return math.inf if found is None else found[0]
