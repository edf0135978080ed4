"""In which order jobs are served, and which of several clusters gets a job.

Pure: equal input gives equal answers. The default order is a number of seconds that a job keeps while it
waits, so that every job becomes the first one at last: what a job may lose to others (its size, its customer's
use of the grid) is a head start with a bound.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.matching import JobRequest
from deepsquare.scheduling.objective import Objective, objective_of

WATTS_LABEL, CARBON_LABEL = "energy.watts-per-cpu", "energy.carbon"
"""Labels of a provider: watts of one busy CPU, and grams of CO2 for a kWh of its power."""

MOST_DOUBLINGS = 40
"""Of an area: a CPU second doubled so often is more than any grid has."""

_UNKNOWN_WATTS, _UNKNOWN_CARBON = 10.0, 400.0
"""What a provider that does not say is taken for: a server's usual draw, the world's usual mix."""

_WEI_PER_CPU_SECOND = 10.0**14
"""To compare a job whose time its credits alone bound with one whose limit is known."""


class Order(StrEnum):
    """Which waiting job is served first."""

    FAIR = "fair"
    """The one submitted first, small jobs and customers who used little with a bounded head start."""
    FCFS = "fcfs"
    """First come, first served."""
    SJF = "sjf"
    """The shortest limit first; long jobs may starve."""
    SAF = "saf"
    """The smallest area (CPUs by limit) first; large jobs may starve."""


class Backfill(StrEnum):
    """Who may start before jobs that were to be served first."""

    NONE = "none"
    """Nobody: the first job that must wait holds up all others."""
    EASY = "easy"
    """Whoever does not delay the first job that must wait."""
    CONSERVATIVE = "conservative"
    """Whoever delays no job before it. Costs time with every waiting job: for comparison and small grids."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a grid decides."""

    order: Order = Order.FAIR
    backfill: Backfill = Backfill.EASY
    size_head_start_seconds: float = 8 * 3600.0
    """What a job gains for each halving of its area."""
    fair_head_start_seconds: float = 24 * 3600.0
    """What a customer who used nothing lately gains before one who used everything."""
    patience_seconds: float = 3600.0
    """How long a job with the objective cost or energy waits for a better place than those that are free."""
    latency_seconds: float = 5.0
    """How long it takes to hear of an end and to start another job: so much work is bound ahead; 0 binds none."""
    price_weight: float = 0.25
    """What being twice as dear as the cheapest weighs, where being as large as the largest cluster weighs 1."""

    def base(self, job: JobRequest) -> float:
        """The place of a job in the queue, lower first, but for the handicap of its customer."""
        if self.order is Order.FCFS:
            return job.submitted_at.timestamp()
        if self.order is Order.SJF:
            return area(job) / job.definition.cpus
        if self.order is Order.SAF:
            return area(job)
        doublings = min(MOST_DOUBLINGS, math.log2(max(area(job), 1.0)))
        return job.submitted_at.timestamp() + self.size_head_start_seconds * doublings

    def handicap(self, share: float) -> float:
        """What is added for a customer who had `share` of all recent use."""
        return self.fair_head_start_seconds * share if self.order is Order.FAIR else 0.0

    @property
    def longest_head_start_seconds(self) -> float:
        """A job that was submitted this long after another is never before it in the fair order."""
        return self.size_head_start_seconds * MOST_DOUBLINGS + self.fair_head_start_seconds

    def patience(self, job: JobRequest) -> float:
        """Seconds from its submission for which the job waits for a better place."""
        return self.patience_seconds if objective_of(job.definition.uses) in (Objective.COST, Objective.ENERGY) else 0.0

    def rank(self, job: JobRequest, cluster: Cluster, dearness: float, size: float) -> tuple[float, ...]:
        """How good a cluster is for a job that could start there: the lowest gets it.

        `dearness` is the price here over the cheapest price for this job (0 where it costs nothing), `size` the
        cluster's CPUs over those of the largest: what the narrow clusters can hold leaves the wide ones to the jobs
        that fit nowhere else.
        """
        objective = objective_of(job.definition.uses)
        if objective is Objective.COST:
            return (dearness, size)
        if objective is Objective.ENERGY:
            return (carbon_per_cpu(cluster), dearness, size)
        if objective is Objective.TIME:
            return (size, dearness)
        return (size + self.price_weight * dearness, dearness)


def area(job: JobRequest) -> float:
    """CPU seconds that the job may take at most; where its credits alone bound it, in proportion to these."""
    if job.max_seconds < math.inf:
        return job.max_seconds * job.definition.cpus
    return job.locked_credits / _WEI_PER_CPU_SECOND


def carbon_per_cpu(cluster: Cluster) -> float:
    """Grams of CO2 per hour of one busy CPU, from the provider's labels."""
    watts = _number(cluster.labels.get(WATTS_LABEL), _UNKNOWN_WATTS)
    return watts / 1000 * _number(cluster.labels.get(CARBON_LABEL), _UNKNOWN_CARBON)


def _number(text: str | None, otherwise: float) -> float:
    try:
        number = float(text or "")
    except ValueError:
        return otherwise
    return number if 0 <= number < math.inf else otherwise
