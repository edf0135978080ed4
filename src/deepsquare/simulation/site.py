"""A cluster as it really is: its own queue, what runs there, and its failures.

The cluster's scheduler is the library's, with one cluster and the local policy: what is sent here starts when
it fits, narrow and short jobs around a wide one that waits.
"""

from collections.abc import Callable
from dataclasses import replace

from deepsquare.model import Address, JobId, Provider
from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.matching import JobRequest
from deepsquare.scheduling.policy import Policy
from deepsquare.scheduling.scheduler import Scheduler
from deepsquare.simulation.agenda import Agenda

Told = Callable[["Site", JobId, float], None]


class Site:
    """One real cluster."""

    def __init__(self, provider: Provider, policy: Policy, agenda: Agenda, seconds: Callable[[JobId], float]) -> None:
        """`policy` is that of its own queue; `seconds` tells how long a job runs, which no scheduler knows."""
        self.provider = provider
        self.is_up = True
        self.on_start: Told = _ignore
        self.on_end: Told = _ignore
        self._agenda = agenda
        self._seconds = seconds
        self._policy = replace(policy, latency_seconds=0.0)
        self._runs: dict[JobId, int] = {}
        self._started = 0
        self.local = self._empty()

    @property
    def address(self) -> Address:
        """The provider's address."""
        return self.provider.address

    @property
    def cluster(self) -> Cluster:
        """What is held and free."""
        return self.local.clusters[self.address]

    def send(self, request: JobRequest) -> None:
        """A job comes into the cluster's queue; one that comes to a dead cluster is lost."""
        if self.is_up:
            self.local.submit(request)

    def recall(self, job: JobId) -> None:
        """A job leaves the cluster's queue, if it is there."""
        if job in self.local.queue:
            self.local.withdraw(job)

    def look(self, now: float, delay: float = 0.0) -> None:
        """Start what can start; its work begins after `delay`."""
        for start in self.local.decide(now):
            self._started += 1
            run = self._runs[start.job] = self._started
            self.on_start(self, start.job, now + delay)
            self._agenda.at(now + delay + self._seconds(start.job), self._end, start.job, run)

    def die(self) -> None:
        """The cluster is gone, and all jobs that are there. Nodes that were dead before stay so."""
        self.is_up = False
        self._runs.clear()
        down = self.cluster.down
        self.local = self._empty()
        for node in down:
            self.cluster.lose_node(node)

    def rise(self) -> None:
        """The cluster is there again, empty."""
        self.is_up = True

    def lose_node(self, node: int, now: float) -> list[JobId]:
        """A node dies with the jobs that run on it, wholly or in part; answers these."""
        lost = self.local.lose_node(self.address, node, now)
        for job in lost:
            del self._runs[job]
        return lost

    def regain_node(self, node: int, now: float) -> None:
        """The node is there again, empty."""
        self.local.regain_node(self.address, node, now)

    def _end(self, now: float, job: JobId, run: int) -> None:
        if self._runs.get(job) == run:
            del self._runs[job]
            self.local.end(job, now)
            self.on_end(self, job, now)

    def _empty(self) -> Scheduler:
        scheduler = Scheduler(self._policy)
        scheduler.join(Cluster(self.provider))
        return scheduler


def _ignore(_site: Site, _job: JobId, _now: float) -> None:
    """Nobody is told."""
