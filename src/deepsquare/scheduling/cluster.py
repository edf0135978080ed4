"""A cluster as the scheduler sees it while it decides: what is free, what is held until when, what is promised.

Changes in place, one job at a time, so that a decision costs what it changes and not what the cluster holds.
Moments are seconds of the driver's clock; `math.inf` where nothing bounds a job.
"""

import heapq
import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from deepsquare.model import Address, JobId, Provider
from deepsquare.scheduling.packing import Room, Shape, Share, choose, crush, give_back, rooms_of, take

_ENDS_MEASURED, _FEWEST_ENDS = 64, 16
"""The rate at which jobs give back CPUs is that of so many ends: soon right for short jobs, and next to 0 for long."""
_SHORTEST_SPAN_SECONDS = 5.0
"""Jobs that end at the same moment are no rate."""

_MOST_STARTS = 100
"""Shapes of jobs of which a cluster remembers when they can start."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one job holds of a cluster."""

    shape: Shape
    since: float
    until: float
    """When it ends at the latest."""
    shares: tuple[Share, ...]
    number: int
    """Of all jobs that were held here, which one it is: keeps equal ends apart."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A waiting job starts here by `start`: nothing that starts meanwhile may break that."""

    job: JobId
    start: float
    spare: list[Room]
    """What is free at `start` beside the job itself; shrinks as jobs start that stay for longer."""


class Cluster:
    """One provider and what it holds."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.labels = {label.key: label.value for label in provider.labels}
        self.cpus = provider.hardware.cpus
        self.rooms: list[Room] = rooms_of(provider.hardware.nodes)
        """What is free, node by node."""
        self.free_cpus = self.cpus
        self.held: dict[JobId, Held] = {}
        self.ahead: dict[JobId, tuple[Shape, float]] = {}
        """Jobs that were bound before there was room for them, with their seconds: they start when there is."""
        self.promise: Promise | None = None
        self.closed_until = -math.inf
        """Before this moment nothing new is bound here; `math.inf`: until it is heard of again."""
        self.closed_why = ""
        self.is_drained = False
        """True where it is closed because it says itself that it takes no jobs."""
        self.down: set[int] = set()
        """Nodes that are dead: nothing starts there until they are back."""
        self.on_change: Callable[[Cluster], None] | None = None
        """Told whenever what is held changes, or until when."""
        self._empty = tuple(self.rooms)
        self._ends: list[tuple[float, int, JobId]] = []
        self._held_ever = 0
        self._misfits: set[Shape] = set()
        self._free_cpus_at: list[tuple[int, float]] | None = None
        self._bounds: dict[int, float] = {}
        self._starts: dict[Shape, tuple[float, list[Room]]] = {}
        self._lately: deque[tuple[float, int]] = deque(maxlen=_ENDS_MEASURED)

    def __repr__(self) -> str:
        return f"<cluster {self.address}>"

    @property
    def address(self) -> Address:
        """The provider's address."""
        return self.provider.address

    def can_hold(self, shape: Shape) -> bool:
        """Whether the job would fit if nothing else were here."""
        return shape.cpus <= self.cpus and choose(shape, self._empty) is not None

    def fits(self, shape: Shape) -> bool:
        """Whether the job fits beside what is held now, promises aside."""
        return self._choose(shape) is not None

    def shares_for(self, shape: Shape, until: float) -> tuple[Share, ...] | None:
        """What the job would hold if it started now and ended by `until`; None where it must not start.

        It must not where it does not fit, and where it would break the promise.
        """
        promise = self.promise
        if promise is None or until <= promise.start:
            return self._choose(shape)
        if shape.cpus > self.free_cpus or shape in self._misfits:
            return None
        return choose(shape, [_less(now, then) for now, then in zip(self.rooms, promise.spare, strict=True)])

    def start(
        self, job: JobId, shape: Shape, now: float, until: float, shares: tuple[Share, ...] | None = None
    ) -> None:
        """Hold the job; where it does not fit (the cluster shrank) it takes what it can."""
        shares = shares or choose(shape, self.rooms) or crush(shape, self.rooms)
        take(shares, self.rooms)
        self.free_cpus -= _cpus(shares)
        self._held_ever += 1
        self.held[job] = Held(shape, now, until, shares, self._held_ever)
        insort(self._ends, (until, self._held_ever, job))
        self._changed()
        if self.promise is not None and until > self.promise.start:
            take(shares, self.promise.spare)

    def end(self, job: JobId, now: float) -> Held:
        """The job holds nothing any more."""
        held = self.held.pop(job)
        give_back(held.shares, self.rooms)
        cpus = _cpus(held.shares)
        self.free_cpus += cpus
        self._lately.append((now, cpus))
        del self._ends[bisect_left(self._ends, (held.until, held.number))]
        self._misfits.clear()
        self._changed()
        return held

    def prolong(self, job: JobId, until: float) -> None:
        """The job ends by another moment than was thought."""
        held = self.held[job]
        if held.until == until:
            return
        del self._ends[bisect_left(self._ends, (held.until, held.number))]
        insort(self._ends, (until, held.number, job))
        self.held[job] = replace(held, until=until)
        self._changed()

    def lose_node(self, node: int) -> list[JobId]:
        """A node is dead; answers the jobs that hold a part of it, for whoever drives this to end.

        Raises `ValueError` for a node that is dead already.
        """
        if node in self.down:
            raise ValueError(f"node {node} of {self.address} is dead already; it must be back before it can die again")
        self.down.add(node)
        # Below 0 by what is still held there: that comes back as those jobs end.
        take(self._whole(node), self.rooms)
        self.free_cpus -= self._empty[node].cpus
        self._changed()
        return [job for job, held in self.held.items() if any(share.node == node for share in held.shares)]

    def regain_node(self, node: int) -> None:
        """A node that was dead is back. Raises `KeyError` for one that was not."""
        self.down.remove(node)
        give_back(self._whole(node), self.rooms)
        self.free_cpus += self._empty[node].cpus
        self._misfits.clear()
        self._changed()

    def _whole(self, node: int) -> tuple[Share]:
        return (Share(node, *self._empty[node]),)

    def release_rate(self, now: float) -> float:
        """CPUs per second that jobs gave back lately."""
        if len(self._lately) < _FEWEST_ENDS:
            return 0.0
        first, *later = self._lately
        return sum(cpus for _, cpus in later) / max(now - first[0], _SHORTEST_SPAN_SECONDS)

    def earliest_start(self, shape: Shape, now: float) -> tuple[float, list[Room]]:
        """When the job fits at the latest, as those that are here end, and what is free then.

        `math.inf` where that is not known. Promises to other jobs are not counted.
        """
        if self._choose(shape) is not None:
            return now, list(self.rooms)
        if self.ahead:
            return self._earliest_start(shape, now)
        # Where nobody waits here, an answer holds until something changes.
        known = self._starts.get(shape)
        if known is None:
            if len(self._starts) >= _MOST_STARTS:
                self._starts.clear()
            known = self._starts[shape] = self._earliest_start(shape, -math.inf)
        return max(now, known[0]), known[1]

    def _earliest_start(self, shape: Shape, now: float) -> tuple[float, list[Room]]:
        rooms = list(self.rooms)
        free_cpus = self.free_cpus
        ends = [(until, number, self.held[job].shares) for until, number, job in self._ends]
        ahead = list(self.ahead.values())
        while ends and ends[0][0] < math.inf:
            until, number, shares = heapq.heappop(ends)
            give_back(shares, rooms)
            free_cpus += _cpus(shares)
            if ends and ends[0][0] <= until:
                continue
            while ahead and (shares_ahead := choose(ahead[0][0], rooms)) is not None:
                take(shares_ahead, rooms)
                free_cpus -= _cpus(shares_ahead)
                heapq.heappush(ends, (max(until, now) + ahead.pop(0)[1], number, shares_ahead))
            if free_cpus >= shape.cpus and choose(shape, rooms) is not None:
                return max(until, now), rooms
        return math.inf, rooms

    def start_bound(self, cpus: int, now: float) -> float:
        """Never later than `earliest_start` of a job of so many CPUs, and quicker to know: nothing else is counted."""
        if cpus <= self.free_cpus:
            return now
        known = self._bounds.get(cpus)
        if known is None:
            known = self._bounds[cpus] = self._moment_of(cpus)
        return max(now, known)

    def _moment_of(self, cpus: int) -> float:
        """When so many CPUs are free at the latest."""
        if self._free_cpus_at is None:
            self._free_cpus_at = []
            free_cpus = self.free_cpus
            for until, _, job in self._ends:
                free_cpus += _cpus(self.held[job].shares)
                self._free_cpus_at.append((free_cpus, until))
        position = bisect_left(self._free_cpus_at, (cpus,))
        return self._free_cpus_at[position][1] if position < len(self._free_cpus_at) else math.inf

    def reserve(self, job: JobId, shape: Shape, start: float, rooms: list[Room]) -> None:
        """Promise the job its share of `rooms`, which are free at `start` (both of `earliest_start`)."""
        spare = list(rooms)
        take(choose(shape, spare) or (), spare)
        self.promise = Promise(job, start, spare)

    def _changed(self) -> None:
        self._free_cpus_at = None
        self._bounds.clear()
        self._starts.clear()
        if self.on_change is not None:
            self.on_change(self)

    def _choose(self, shape: Shape) -> tuple[Share, ...] | None:
        if shape.cpus > self.free_cpus or shape in self._misfits:
            return None
        shares = choose(shape, self.rooms)
        if shares is None:
            self._misfits.add(shape)
        return shares


def _cpus(shares: tuple[Share, ...]) -> int:
    return sum(share.cpus for share in shares)


def _less(one: Room, other: Room) -> Room:
    return Room(min(one.cpus, other.cpus), min(one.memory_mb, other.memory_mb), min(one.gpus, other.gpus))
