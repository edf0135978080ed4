"""The one global queue: waiting jobs in the order of their priority, and in groups of those that are alike.

Whether a job can start depends on its shape, its demands and about how long it may run. Jobs that agree in
these are one group: where the first of a group does not fit, none does, and none is looked at.
"""

import heapq
import math
from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from deepsquare.model import Address, JobId
from deepsquare.scheduling.matching import JobRequest
from deepsquare.scheduling.packing import Shape, shape_of


@dataclass(eq=False, slots=True)
class Entry:
    """One waiting job."""

    request: JobRequest
    base: float
    """Its priority without what depends on its customer."""
    rank: tuple[float, int]
    """Its place: lower goes first. The second number makes it unique and keeps equals in order of arrival."""
    group: "Group"
    job: JobId

    def __lt__(self, other: "Entry") -> bool:
        return self.rank < other.rank


@dataclass(eq=False, slots=True)
class Group:
    """Jobs that are alike for placement, in the order of their priority."""

    shape: Shape
    sample: JobRequest
    """Any of them: what holds for its shape and its demands holds for all."""
    entries: list[Entry] = field(default_factory=list)


class Queue:
    """All waiting jobs, ordered by the sum of a number that never changes and one that its customer's use gives."""

    def __init__(self, base: Callable[[JobRequest], float], handicap: Callable[[Address | None], float]) -> None:
        """Lower goes first. `handicap` of a customer may change; `rank_again` takes it into account."""
        self._base = base
        self._handicap = handicap
        self._handicaps: dict[Address | None, float] = {}
        self._entries: dict[JobId, Entry] = {}
        self._order: list[Entry] = []
        self._aside: list[Entry] = []
        self._groups: dict[Hashable, Group] = {}
        self._by_width: dict[int, dict[Group, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, job: JobId) -> bool:
        return job in self._entries

    def __iter__(self) -> Iterator[Entry]:
        """All jobs that can run somewhere, the first to be served first, then those that cannot."""
        yield from self._order
        yield from (entry for entry in self._aside if self._entries.get(entry.job) is entry)

    def __getitem__(self, job: JobId) -> Entry:
        return self._entries[job]

    def first(self, skipped: int = 0) -> Entry | None:
        """The first job after `skipped` others; None where there is none."""
        return self._order[skipped] if skipped < len(self._order) else None

    def groups(self, widest: int) -> Iterator[Group]:
        """All groups that have a job, of jobs of at most `widest` CPUs."""
        for width, groups in self._by_width.items():
            if width <= widest:
                yield from groups

    def add(self, request: JobRequest) -> Entry:
        """Queue a job. Raises `ValueError` for one without an id."""
        if request.id is None:
            raise ValueError("only a job with an id can be queued")
        return self._place(request)

    def remove(self, job: JobId) -> JobRequest:
        """Take a job out of the queue."""
        entry = self._entries.pop(job)
        self._remove_from_order(entry)
        return entry.request

    def _place(self, request: JobRequest) -> Entry:
        identity = group_identity(request)
        group = self._groups.get(identity)
        if group is None:
            group = self._groups[identity] = Group(shape_of(request.definition), request)
            self._by_width.setdefault(request.definition.cpus, {})[group] = None
        self._count += 1
        base = self._base(request)
        handicap = self._handicaps.setdefault(request.customer, self._handicap(request.customer))
        rank = (base + handicap, self._count)
        entry = Entry(request, base, rank, group, JobId(request.id or 0))
        self._entries[entry.job] = entry
        insort(self._order, entry)
        insort(group.entries, entry)
        return entry

    def _remove_from_order(self, entry: Entry) -> None:
        position = bisect_left(self._order, entry)
        if position == len(self._order) or self._order[position] is not entry:
            return
        del self._order[position]
        entries = entry.group.entries
        del entries[bisect_left(entries, entry)]
        if not entries:
            del self._groups[group_identity(entry.request)]
            width = entry.request.definition.cpus
            del self._by_width[width][entry.group]
            if not self._by_width[width]:
                del self._by_width[width]

    def set_aside(self, entry: Entry) -> None:
        """A job that can run nowhere waits, but holds up nobody and costs nothing."""
        self._remove_from_order(entry)
        self._aside.append(entry)

    def take_back(self) -> list[Group]:
        """Let all that were set aside take part again; answers their groups."""
        aside, self._aside = self._aside, []
        back = [entry for entry in aside if self._entries.get(entry.job) is entry]
        return [self._place(entry.request).group for entry in back]

    def rank_again(self, tolerance: float) -> None:
        """Give every job the place that its customer's handicap says now, if one has changed by more than that."""
        handicaps = {customer: self._handicap(customer) for customer in self._handicaps}
        if all(abs(handicap - self._handicaps[customer]) <= tolerance for customer, handicap in handicaps.items()):
            return
        self._handicaps = handicaps
        for entry in self._order:
            entry.rank = (entry.base + handicaps[entry.request.customer], entry.rank[1])
        by_rank = attrgetter("rank")
        self._order.sort(key=by_rank)
        for group in self._groups.values():
            group.entries.sort(key=by_rank)


class Walk:
    """The jobs of some groups in the order of their priority; a group can be left at any moment."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._heads = [(group.entries[0].rank, position, 0, group) for position, group in enumerate(groups)]
        heapq.heapify(self._heads)
        self._current: tuple[tuple[float, int], int, int, Group] | None = None

    def __iter__(self) -> "Walk":
        return self

    def __next__(self) -> Entry:
        if self._current is not None:
            _, position, index, group = self._current
            if index < len(group.entries):
                heapq.heappush(self._heads, (group.entries[index].rank, position, index, group))
        if not self._heads:
            raise StopIteration
        _, position, index, group = heapq.heappop(self._heads)
        self._current = (group.entries[index].rank, position, index + 1, group)
        return group.entries[index]

    def removed(self) -> None:
        """The job that was seen last is in the queue no more: the next one has taken its place."""
        if self._current is not None:
            rank, position, index, group = self._current
            self._current = (rank, position, index - 1, group)

    def leave_group(self) -> None:
        """See no more jobs of the group that was seen last."""
        self._current = None


def group_identity(request: JobRequest) -> Hashable:
    """Equal for jobs that can start at the same places and run for about as long."""
    return (*place_identity(request), _bucket(request))


def place_identity(request: JobRequest) -> tuple[Hashable, ...]:
    """Equal for jobs that may run at the same places, as far as their credits reach."""
    definition = request.definition
    return (
        definition.tasks,
        definition.cpus_per_task,
        definition.memory_per_cpu_mb,
        definition.gpus,
        definition.uses,
        definition.affinities,
        request.max_price_per_minute,
        request.avoided,
    )


def _bucket(request: JobRequest) -> int:
    """About how long the job may run: doublings of seconds, or of credits where these alone bound it."""
    if request.max_seconds != math.inf:
        return int(request.max_seconds).bit_length()
    return -request.locked_credits.bit_length()
