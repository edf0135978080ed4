"""Where a kind of job may run, at which price, and which of these places it likes best: worked out once per kind."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from deepsquare.model import Address, price_per_minute
from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.matching import JobRequest, demand_refusal
from deepsquare.scheduling.policy import Policy
from deepsquare.scheduling.queue import place_identity

_MOST_KINDS = 20_000
"""Kinds of jobs of which it is remembered where they may run."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the jobs of one kind may run, now or later, as far as their credits reach."""

    clusters: list[Cluster]
    """The best first."""
    prices: dict[Cluster, int]
    """Wei per minute."""
    ranks: dict[Cluster, tuple[float, ...]]
    """The lowest gets the job."""
    dearest: int

    def among(self, clusters: Iterable[Cluster]) -> list[Cluster]:
        """Those of `clusters` where the jobs may run, the best first."""
        return sorted((cluster for cluster in clusters if cluster in self.ranks), key=self._order)

    def _order(self, cluster: Cluster) -> tuple[tuple[float, ...], Address]:
        return self.ranks[cluster], cluster.address


class Atlas:
    """The places of all kinds of jobs among the clusters that take part."""

    def __init__(self, policy: Policy, clusters: Mapping[Address, Cluster]) -> None:
        """`clusters` may change; `forget` what was worked out then."""
        self._policy = policy
        self._clusters = clusters
        self._known: dict[Hashable, Places] = {}

    def places(self, request: JobRequest) -> Places:
        """The places of this job and all that are of its kind."""
        kind = place_identity(request)
        found = self._known.get(kind)
        if found is None:
            if len(self._known) >= _MOST_KINDS:
                self._known.clear()
            found = self._known[kind] = self._work_out(request)
        return found

    def forget(self) -> None:
        """A cluster came, went or changed."""
        self._known.clear()

    def _work_out(self, request: JobRequest) -> Places:
        able = [cluster for cluster in self._clusters.values() if demand_refusal(request, cluster) is None]
        prices = {cluster: price_per_minute(request.definition, cluster.provider.prices) for cluster in able}
        # Beside a place for nothing the others are still cheap or dear.
        least_paid = min(filter(None, prices.values()), default=1)
        largest = max((cluster.cpus for cluster in able), default=1)
        ranks = {
            cluster: self._policy.rank(request, cluster, price / least_paid, cluster.cpus / largest)
            for cluster, price in prices.items()
        }
        in_order = sorted(able, key=lambda cluster: (ranks[cluster], cluster.address))
        return Places(in_order, prices, ranks, max(prices.values(), default=0))
