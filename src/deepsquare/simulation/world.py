"""A whole grid as it would have been: jobs arrive, something decides where they go, clusters run and fail.

Two kinds of grids. `Grid` has one queue and the scheduler that the meta-scheduler runs; what it knows comes
over the chain, `latency_seconds` late in both directions. `Federation` has a queue at each cluster and sends a
job to one of them, or a copy to each. Deterministic: equal input gives equal output.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from deepsquare.model import Address, Hardware, JobDefinition, JobId, Label, Node, Prices, Provider
from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.matching import JobRequest
from deepsquare.scheduling.policy import CARBON_LABEL, WATTS_LABEL, Backfill, Order, Policy
from deepsquare.scheduling.scheduler import Scheduler
from deepsquare.simulation.agenda import Agenda
from deepsquare.simulation.failures import NodeFailure
from deepsquare.simulation.site import Site
from deepsquare.simulation.trace import TraceJob

_BEGIN = datetime.fromtimestamp(0, UTC)
_ENDLESS_CREDITS = 2**128


@dataclass(frozen=True, slots=True)
class Machine:
    """One cluster to simulate."""

    cpus: int
    nodes: int = 1
    price: int = 1
    """Wei per CPU and minute."""
    watts_per_cpu: float = 10.0
    carbon: float = 400.0
    """Grams of CO2 for a kWh."""

    def provider(self, number: int) -> Provider:
        """The same as a provider of the grid."""
        labels = (Label(WATTS_LABEL, f"{self.watts_per_cpu:g}"), Label(CARBON_LABEL, f"{self.carbon:g}"))
        node = Node(self.cpus // self.nodes, 0)
        hardware = Hardware((node,) * self.nodes)
        return Provider(Address(f"0x{number + 1:040x}"), hardware, Prices(0, self.price, 0), labels)


@dataclass(frozen=True, slots=True)
class Outage:
    """A cluster is dead for a while, or for ever; whatever runs there is lost."""

    site: int
    begin: float
    end: float = math.inf


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the world treats a grid."""

    latency_seconds: float = 0.0
    """From a decision to its cluster, and from a cluster's news to the decision."""
    report_seconds: float = 0.0
    """How old a federation's load reports may be."""
    lease_seconds: float = 120.0
    """After how long a dead cluster is known to be dead."""
    outages: tuple[Outage, ...] = ()
    node_failures: tuple[NodeFailure, ...] = ()
    """Those of one node one after another."""
    most_attempts: float = math.inf
    """How often a job starts before it is given up, where each attempt dies with its node or cluster."""


@dataclass(slots=True)
class Record:
    """What became of one job."""

    job: TraceJob
    start: float = math.nan
    """Of the attempt that ended well."""
    end: float = math.nan
    site: int = -1
    attempts: int = 0
    lost_seconds: float = 0.0
    """What attempts took that were lost."""
    is_running: bool = False


class World(ABC):
    """Time passes."""

    def __init__(
        self, jobs: Sequence[TraceJob], machines: Sequence[Machine], local: Policy, conditions: Conditions
    ) -> None:
        """`local` is the policy of each cluster's own queue."""
        self.conditions = conditions
        self.agenda = Agenda()
        self.records = [Record(job) for job in jobs]
        self.sites = [Site(m.provider(n), local, self.agenda, self._seconds) for n, m in enumerate(machines)]
        self.numbers = {site.address: number for number, site in enumerate(self.sites)}
        self._touched: set[int] = set()
        for site in self.sites:
            site.on_start, site.on_end = self._started, self._ended
        for outage in conditions.outages:
            self.agenda.at(outage.begin, self._die, self.sites[outage.site], outage)
        for failure in conditions.node_failures:
            self.agenda.at(failure.begin, self._lose_node, self.sites[failure.site], failure)

    def run(self) -> list[Record]:
        """Let all jobs arrive and end; what became of them, in the order in which they were given."""
        order = sorted(range(len(self.records)), key=lambda number: (self.records[number].job.submit, number))
        arrived = 0
        while True:
            next_arrival = self.records[order[arrived]].job.submit if arrived < len(order) else math.inf
            now = min(self.agenda.next_moment, next_arrival)
            if now == math.inf:
                return self.records
            self.agenda.run_until(now)
            while arrived < len(order) and self.records[order[arrived]].job.submit <= now:
                self.arrive(request_of(order[arrived], self.records[order[arrived]].job), now)
                arrived += 1
            self.settle(now)

    @abstractmethod
    def arrive(self, request: JobRequest, now: float) -> None:
        """A job is submitted."""

    @abstractmethod
    def settle(self, now: float) -> None:
        """Decide what is to be decided at this moment."""

    @abstractmethod
    def heard_of_end(self, site: Site, job: JobId, now: float) -> None:
        """A job ended well."""

    @abstractmethod
    def died(self, site: Site, outage: Outage, now: float) -> None:
        """A cluster died with all that is there."""

    @abstractmethod
    def node_died(self, site: Site, lost: Sequence[JobId], now: float) -> None:
        """A node died with these jobs."""

    @abstractmethod
    def node_rose(self, site: Site, now: float) -> None:
        """A node is there again."""

    def may_start(self, job: JobId) -> bool:
        """Whether the job has attempts left."""
        return self.records[job].attempts < self.conditions.most_attempts

    def touch(self, site: Site) -> None:
        """Have the cluster look at its queue before time goes on."""
        self._touched.add(self.numbers[site.address])

    def look_at_touched(self, now: float, delay: float = 0.0) -> bool:
        """Let the clusters that were touched look at their queues; whether there were any."""
        if not self._touched:
            return False
        while self._touched:
            number = min(self._touched)
            self._touched.discard(number)
            self.sites[number].look(now, delay)
        return True

    def _seconds(self, job: JobId) -> float:
        return self.records[job].job.run

    def _started(self, site: Site, job: JobId, now: float) -> None:
        record = self.records[job]
        if record.is_running:
            raise AssertionError(f"job {job} runs twice at once")
        record.start, record.site, record.is_running = now, self.numbers[site.address], True
        record.attempts += 1

    def _ended(self, site: Site, job: JobId, now: float) -> None:
        record = self.records[job]
        record.end, record.is_running = now, False
        self.touch(site)
        self.heard_of_end(site, job, now)

    def _die(self, now: float, site: Site, outage: Outage) -> None:
        for job in site.cluster.held:
            self._lose(job, now)
        site.die()
        self.died(site, outage, now)

    def _lose_node(self, now: float, site: Site, failure: NodeFailure) -> None:
        lost = site.lose_node(failure.node, now)
        for job in lost:
            self._lose(job, now)
        self.touch(site)
        self.node_died(site, lost, now)
        if failure.end < math.inf:
            self.agenda.at(failure.end, self._regain_node, site, failure.node)

    def _regain_node(self, now: float, site: Site, node: int) -> None:
        site.regain_node(node, now)
        self.touch(site)
        self.node_rose(site, now)

    def _lose(self, job: JobId, now: float) -> None:
        """What the attempt has done so far is lost."""
        record = self.records[job]
        if record.is_running:
            record.lost_seconds += max(0.0, now - record.start)
            record.is_running = False


class Federation(World):
    """A queue at each cluster; `route` says to which of them a job goes: to several, then the first to start wins."""

    def __init__(
        self,
        jobs: Sequence[TraceJob],
        machines: Sequence[Machine],
        order: Order,
        conditions: Conditions,
        route: Callable[["Federation", TraceJob, float], Sequence[int]],
        *,
        backfill: Backfill = Backfill.EASY,
        binds_at_start: bool = False,
    ) -> None:
        """`binds_at_start`: a job is queued at once, and claims its place over the chain when it starts."""
        super().__init__(jobs, machines, Policy(order=order, backfill=backfill), conditions)
        self._route = route
        self._delays = (0.0, conditions.latency_seconds) if binds_at_start else (conditions.latency_seconds, 0.0)
        self._copies: dict[JobId, Sequence[int]] = {}

    def arrive(self, request: JobRequest, now: float) -> None:
        """Send the job where the route says; nowhere where it fits nowhere."""
        job = _id(request)
        targets = self._route(self, self.records[job].job, now)
        if not targets:
            return
        self._copies[job] = targets
        if self._delays[0]:
            self.agenda.at(now + self._delays[0], self._reach, request, targets)
        else:
            self._reach(now, request, targets)

    def settle(self, now: float) -> None:
        """Let the clusters look, one after another: who is first recalls the other copies."""
        self.look_at_touched(now, self._delays[1])

    def heard_of_end(self, site: Site, job: JobId, now: float) -> None:
        """Nobody has to be told: the cluster serves its queue."""

    def died(self, site: Site, outage: Outage, now: float) -> None:  # noqa: ARG002 - a grid needs them
        """Raise `ValueError`: what is queued at a cluster dies with it, and nobody else knows of it."""
        raise ValueError("outages need the grid's one queue; at a federation the jobs would be lost")

    def node_died(self, site: Site, lost: Sequence[JobId], now: float) -> None:  # noqa: ARG002 - a grid needs it
        """Queue the jobs anew where they died, as a cluster does whose jobs may be tried again."""
        for job in filter(self.may_start, lost):
            self._copies[job] = ()
            site.send(request_of(job, self.records[job].job))

    def node_rose(self, site: Site, now: float) -> None:
        """Nobody has to be told: the cluster serves its queue."""

    def _reach(self, now: float, request: JobRequest, targets: Sequence[int]) -> None:  # noqa: ARG002 - an action
        for number in targets:
            self.sites[number].send(request)
            self.touch(self.sites[number])

    def _started(self, site: Site, job: JobId, now: float) -> None:
        super()._started(site, job, now)
        for number in self._copies.pop(job):
            if self.sites[number] is not site:
                self.sites[number].recall(job)
                self.touch(self.sites[number])


class Grid(World):
    """One queue for all clusters."""

    def __init__(
        self, jobs: Sequence[TraceJob], machines: Sequence[Machine], policy: Policy, conditions: Conditions
    ) -> None:
        super().__init__(jobs, machines, Policy(order=Order.FCFS), conditions)
        self.scheduler = Scheduler(policy)
        for site in self.sites:
            self.scheduler.join(Cluster(site.provider))
        self._bound: dict[JobId, tuple[JobRequest, Site]] = {}
        self._news = False
        self._next_look = math.inf

    def arrive(self, request: JobRequest, now: float) -> None:  # noqa: ARG002 - a world may need it
        """The job waits in the one queue."""
        self.scheduler.submit(request)
        self._news = True

    def settle(self, now: float) -> None:
        """Let the clusters look, then decide, until nothing moves any more."""
        while self.look_at_touched(now) or self._news:
            if self._news:
                self._news = False
                self._bind(now)

    def _bind(self, now: float) -> None:
        for start in self.scheduler.decide(now):
            site = self.sites[self.numbers[start.cluster.address]]
            binding = self._bound[start.job] = (start.request, site)
            self._after_latency(now, self._reach, binding)
        look = self.scheduler.next_look()
        if look < self._next_look:
            self._next_look = look
            self.agenda.at(look, self._look_again)

    def _look_again(self, now: float) -> None:  # noqa: ARG002 - an action
        self._next_look = math.inf
        self._news = True

    def _after_latency(self, now: float, action: Callable[..., None], *details: object) -> None:
        if self.conditions.latency_seconds:
            self.agenda.at(now + self.conditions.latency_seconds, action, *details)
        else:
            action(now, *details)

    def _reach(self, now: float, binding: tuple[JobRequest, Site]) -> None:  # noqa: ARG002 - an action
        request, site = binding
        # Not one that is over: the job may have been bound anew meanwhile, even to the same cluster.
        if self._bound.get(_id(request)) is binding:
            site.send(request)
            self.touch(site)

    def heard_of_end(self, site: Site, job: JobId, now: float) -> None:
        """The chain carries the news."""
        self._after_latency(now, self._know_end, site, job)

    def _know_end(self, now: float, site: Site, job: JobId) -> None:
        bound = self._bound.get(job)
        if bound is not None and bound[1] is site:
            del self._bound[job]
            self.scheduler.end(job, now)
            self._news = True

    def died(self, site: Site, outage: Outage, now: float) -> None:
        """Nobody knows yet: the lease has to run out, or the cluster to come back."""
        self.agenda.at(min(now + self.conditions.lease_seconds, outage.end), self._know_death, site)
        if outage.end < math.inf:
            self.agenda.at(outage.end, self._rise, site)

    def _know_death(self, now: float, site: Site) -> None:  # noqa: ARG002 - an action
        self.scheduler.leave(site.address)
        for job in [job for job, (_, where) in self._bound.items() if where is site]:
            request, _ = self._bound.pop(job)
            if not self.records[job].end >= self.records[job].start and self.may_start(job):
                self.scheduler.submit(request)
        self._news = True

    def _rise(self, now: float, site: Site) -> None:
        site.rise()
        self._picture(site, now)

    def node_died(self, site: Site, lost: Sequence[JobId], now: float) -> None:
        """The chain carries the news; what was lost is named by its binding, which may be over until it is known."""
        self._after_latency(now, self._know_lost, site, [(job, self._bound[job]) for job in lost if job in self._bound])

    def node_rose(self, site: Site, now: float) -> None:
        """The chain carries the news."""
        self._after_latency(now, self._know_lost, site, [])

    def _know_lost(self, now: float, site: Site, lost: Sequence[tuple[JobId, tuple[JobRequest, Site]]]) -> None:
        for job, binding in lost:
            if self._bound.get(job) is binding:
                del self._bound[job]
                self.scheduler.end(job, now)
                if self.may_start(job):
                    self.scheduler.submit(binding[0])
        if site.address in self.scheduler.clusters:
            self._picture(site, now)

    def _picture(self, site: Site, now: float) -> None:
        """Count on the nodes that are up, and on what is bound there: as the meta-scheduler does."""
        before = self.scheduler.clusters.get(site.address)
        up = tuple(node for n, node in enumerate(site.provider.hardware.nodes) if n not in site.cluster.down)
        self.scheduler.join(Cluster(replace(site.provider, hardware=Hardware(up))))
        if before is not None:
            ends = {job: held.until for job, held in before.held.items()}
            ends.update((job, now + seconds) for job, (_, seconds) in before.ahead.items())
            for job, end in ends.items():
                request, _ = self._bound[job]
                self.scheduler.hold(job, request, site.address, now, max(now, end), may_wait=True)
        self._news = True


def request_of(number: int, job: TraceJob) -> JobRequest:
    """A job of a trace as the grid sees it."""
    definition = JobDefinition(job.cpus, 1, 0, 0, "")
    user = Address(f"user-{job.user}")
    submitted = _BEGIN + timedelta(seconds=job.submit)
    return JobRequest(definition, _ENDLESS_CREDITS, submitted, JobId(number), customer=user, max_seconds=job.limit)


def _id(request: JobRequest) -> JobId:
    if request.id is None:
        raise ValueError("a simulated job has an id")
    return request.id
