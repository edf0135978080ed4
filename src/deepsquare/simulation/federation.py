"""What a grid does without one queue: each cluster has its own, and a job goes to one of them, or copies to all.

These are the baselines that placement is measured against. Who estimates does so from load reports that are up
to `report_seconds` old, and remembers what it has sent since.
"""

import heapq
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from deepsquare.simulation.site import Site
from deepsquare.simulation.trace import TraceJob
from deepsquare.simulation.world import Conditions, Federation


class Report:
    """What a cluster said of its load at one moment, and what was sent there since."""

    def __init__(self, site: Site, now: float) -> None:
        self.at = now
        cluster = site.cluster
        self.cpus = cluster.cpus
        self.free_cpus = cluster.free_cpus
        self._ends = [(held.until, held.shape.cpus) for held in cluster.held.values()]
        heapq.heapify(self._ends)
        self._free_then = cluster.free_cpus
        self._moment = now
        self.work = sum((until - now) * cpus for until, cpus in self._ends)
        for entry in site.local.queue:
            self.add(entry.group.shape.cpus, entry.request.max_seconds)

    def add(self, cpus: int, seconds: float) -> float:
        """One more job stands in the queue; answers when it starts if nobody overtakes anybody and estimates hold."""
        self.work += cpus * seconds
        self.free_cpus -= cpus
        self._moment = self.start(cpus)
        while self._ends and self._ends[0][0] <= self._moment:
            self._free_then += heapq.heappop(self._ends)[1]
        self._free_then -= cpus
        heapq.heappush(self._ends, (self._moment + seconds, cpus))
        return self._moment

    def start(self, cpus: int) -> float:
        """When a job of so many CPUs would start after all that is queued."""
        free = self._free_then
        moment = self._moment
        ends = list(self._ends)
        # Nodes that are dead are taken to be back by then: nobody knows when they will.
        while free < cpus and ends:
            end, given_back = heapq.heappop(ends)
            moment = max(moment, end)
            free += given_back
        return moment


class Route(ABC):
    """Where a federation sends a job."""

    def __init__(self, report_seconds: float) -> None:
        self._report_seconds = report_seconds
        self._reports: dict[int, Report] = {}

    def __call__(self, world: Federation, job: TraceJob, now: float) -> Sequence[int]:
        """The clusters that get the job."""
        able = [number for number, site in enumerate(world.sites) if site.cluster.cpus >= job.cpus]
        if not able:
            return []
        return self.choose(world, job, able, now)

    @abstractmethod
    def choose(self, world: Federation, job: TraceJob, able: Sequence[int], now: float) -> Sequence[int]:
        """Some of the clusters that are large enough."""

    def report(self, world: Federation, number: int, now: float) -> Report:
        """What is known of a cluster's load."""
        known = self._reports.get(number)
        if known is None or now - known.at >= self._report_seconds:
            known = self._reports[number] = Report(world.sites[number], now)
        return known

    def best(
        self, world: Federation, job: TraceJob, able: Sequence[int], now: float, key: Callable[[Report], float]
    ) -> Sequence[int]:
        """The cluster whose report has the lowest key; what is sent there is remembered."""
        chosen = min(able, key=lambda number: (key(self.report(world, number, now)), number))
        self.report(world, chosen, now).add(job.cpus, job.limit)
        return [chosen]


class Home(Route):
    """Every job stays where its user belongs; one that is too wide for that goes to the first that can hold it."""

    def choose(self, world: Federation, job: TraceJob, able: Sequence[int], now: float) -> Sequence[int]:  # noqa: ARG002
        return [job.home if job.home in able else able[0]]


class Copies(Route):
    """A copy at every cluster; the first to start wins: late binding without a queue in common."""

    def choose(self, world: Federation, job: TraceJob, able: Sequence[int], now: float) -> Sequence[int]:  # noqa: ARG002
        return able


class Random(Route):
    """Anywhere."""

    def __init__(self, report_seconds: float, seed: int) -> None:
        super().__init__(report_seconds)
        self._random = random.Random(seed)  # noqa: S311 - equal seeds shall give equal choices

    def choose(self, world: Federation, job: TraceJob, able: Sequence[int], now: float) -> Sequence[int]:  # noqa: ARG002
        return [self._random.choice(able)]


class RoundRobin(Route):
    """One after another."""

    def __init__(self, report_seconds: float) -> None:
        super().__init__(report_seconds)
        self._last = -1

    def choose(self, world: Federation, job: TraceJob, able: Sequence[int], now: float) -> Sequence[int]:  # noqa: ARG002
        self._last = min((number for number in able if number > self._last), default=able[0])
        return [self._last]


class LeastWork(Route):
    """Where the least work per CPU waits and runs, by its estimates."""

    def choose(self, world: Federation, job: TraceJob, able: Sequence[int], now: float) -> Sequence[int]:
        return self.best(world, job, able, now, lambda report: report.work / report.cpus)


class BestFit(Route):
    """Where the fewest CPUs stay free; where it fits nowhere, where the least work waits."""

    def choose(self, world: Federation, job: TraceJob, able: Sequence[int], now: float) -> Sequence[int]:
        def left(report: Report) -> float:
            free = report.free_cpus - job.cpus
            return free if free >= 0 else math.ldexp(1 + report.work / report.cpus, 40)

        return self.best(world, job, able, now, left)


class EarliestStart(Route):
    """Where the job would start first, by the estimates of those before it."""

    def choose(self, world: Federation, job: TraceJob, able: Sequence[int], now: float) -> Sequence[int]:
        return self.best(world, job, able, now, lambda report: report.start(job.cpus))


def route(name: str, conditions: Conditions, seed: int) -> Route:
    """The baseline of this name. Raises `KeyError`."""
    routes: dict[str, Callable[[], Route]] = {
        "home": lambda: Home(conditions.report_seconds),
        "copies": lambda: Copies(conditions.report_seconds),
        "random": lambda: Random(conditions.report_seconds, seed),
        "round-robin": lambda: RoundRobin(conditions.report_seconds),
        "least-work": lambda: LeastWork(conditions.report_seconds),
        "best-fit": lambda: BestFit(conditions.report_seconds),
        "earliest-start": lambda: EarliestStart(conditions.report_seconds),
    }
    return routes[name]()


ROUTES = ("home", "random", "round-robin", "least-work", "best-fit", "earliest-start", "copies")
