"""One job against one cluster: an offer, or the first rule that fails and what would help.

The rules stand in the order in which a person would check them: those that never change by waiting come
before those that do (trust, free resources), so that a job that can only wait is told apart from one that
must be changed.
"""

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from deepsquare.model import (
    Address,
    JobDefinition,
    JobId,
    Node,
    Provider,
    format_credits,
    max_duration_seconds,
    price_per_minute,
)
from deepsquare.scheduling.affinity import unmet_affinity, unmet_use
from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.objective import OBJECTIVE_HINT, objective_complaint
from deepsquare.scheduling.packing import shape_of, tasks_that_fit

_LAST_SECOND = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()

SHORTEST_WALLTIME_SECONDS = 60
"""A job starts only where its credits pay for this long: a cluster's limits are whole minutes."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What placement needs to know of a job; `id` is None for one that is not on the chain yet."""

    definition: JobDefinition
    locked_credits: int
    """Wei that the customer locked, or would lock."""
    submitted_at: datetime
    id: JobId | None = None
    max_price_per_minute: int = 0
    latest_start: datetime | None = None
    avoided: frozenset[Address] = frozenset()
    customer: Address | None = None
    max_seconds: float = math.inf
    """How long it runs at most wherever it runs, where something else than the credits bounds it."""


class Rule(enum.StrEnum):
    """What a cluster must fulfil, in the order in which it is checked."""

    BANNED = "banned"
    AVOIDED = "avoided"
    LABEL = "label"
    AFFINITY = "affinity"
    SIZE = "size"
    PRICE_CEILING = "price-ceiling"
    CREDITS = "credits"
    LATEST_START = "latest-start"
    UNREACHABLE = "unreachable"
    DRAINED = "drained"
    DISTRUSTED = "distrusted"
    FREE_RESOURCES = "free-resources"
    PROMISED = "promised"

    @property
    def is_temporary(self) -> bool:
        """True where waiting alone helps."""
        return self in _TEMPORARY


_TEMPORARY = (Rule.UNREACHABLE, Rule.DRAINED, Rule.DISTRUSTED, Rule.FREE_RESOURCES, Rule.PROMISED)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a cluster does not take a job now, and what would help."""

    provider: Address
    rule: Rule
    message: str
    help: str
    expected_start: datetime | None = None
    """When waiting alone helps, and by when at the latest; else None."""

    @property
    def is_temporary(self) -> bool:
        """True where the job need not be changed: it only has to wait."""
        return self.rule.is_temporary


@dataclass(frozen=True, slots=True)
class Offer:
    """A cluster that can start the job now, and on what terms."""

    provider: Provider
    price_per_minute: int
    max_duration_seconds: int | None
    """Walltime that the locked credits buy here; None where the cluster is free of charge."""
    free: tuple[Node, ...]


def lasting_refusal(job: JobRequest, cluster: Cluster) -> Rejection | None:
    """The first rule that waiting will not heal; None where the cluster may run the job, now or later."""
    return demand_refusal(job, cluster) or _first((Rule.CREDITS, _credits), job=job, cluster=cluster)


def demand_refusal(job: JobRequest, cluster: Cluster) -> Rejection | None:
    """The first of these rules that has nothing to do with how many credits are locked."""
    return _first(*_DEMANDS, job=job, cluster=cluster)


def _first(*rules: "_Rule", job: JobRequest, cluster: Cluster) -> Rejection | None:
    for rule, check in rules:
        complaint = check(job, cluster)
        if complaint is not None:
            return Rejection(cluster.address, rule, *complaint)
    return None


def seconds_at(job: JobRequest, price: int) -> float:
    """How long the job may run at most where it costs `price` wei per minute; 0 where not even a minute is paid."""
    if price == 0:
        return job.max_seconds
    paid = job.locked_credits * 60 // price
    return min(job.max_seconds, paid) if paid >= SHORTEST_WALLTIME_SECONDS else 0.0


_Complaint = tuple[str, str] | None
"""What is wrong and what would help; None where the rule holds."""


def _banned(_job: JobRequest, cluster: Cluster) -> _Complaint:
    if cluster.provider.is_banned:
        return "the provider is banned", "nothing to do here; other providers may take the job"
    if not cluster.provider.is_approved:
        return "the provider waits for approval", "an admin approves it with: dps provider approve"
    return None


def _avoided(job: JobRequest, cluster: Cluster) -> _Complaint:
    if cluster.provider.address in job.avoided:
        return "it gave this job back or lost it before", "submit the job again if it shall be tried there once more"
    return None


def _label(job: JobRequest, cluster: Cluster) -> _Complaint:
    complaint = objective_complaint(job.definition.uses)
    if complaint is not None:
        return complaint, f"submit it again; {OBJECTIVE_HINT}"
    use = unmet_use(job.definition.uses, cluster.labels)
    if use is None:
        return None
    return _label_complaint(str(use), use.key, cluster)


def _affinity(job: JobRequest, cluster: Cluster) -> _Complaint:
    rule = unmet_affinity(job.definition.affinities, cluster.labels)
    if rule is None:
        return None
    return _label_complaint(str(rule), rule.label.key, cluster)


def _label_complaint(wanted: str, key: str, cluster: Cluster) -> tuple[str, str]:
    value = cluster.labels.get(key)
    has = f"has {key}={value}" if value is not None else f"has no label {key}"
    return f"needs {wanted}; {has}", "drop or loosen this rule of the job to run here"


def _size(job: JobRequest, cluster: Cluster) -> _Complaint:
    definition, hardware = job.definition, cluster.provider.hardware
    if cluster.can_hold(shape_of(definition)):
        return None
    if not any(tasks_that_fit(definition, node) for node in hardware.nodes):
        largest = max(hardware.nodes, key=lambda node: (node.cpus, node.memory_mb), default=Node(0, 0, 0))
        needs = f"needs {definition.cpus_per_task} CPUs and {definition.memory_per_task_mb} MB on one node for a task"
        has = f"largest has {largest.cpus} CPUs and {largest.memory_mb} MB"
        return f"{needs}; {has}", "ask for fewer CPUs or less memory per task"
    if definition.gpus > hardware.gpus:
        return f"needs {definition.gpus} GPUs; all nodes together have {hardware.gpus}", "ask for fewer GPUs"
    room = sum(tasks_that_fit(definition, node) for node in hardware.nodes)
    if definition.tasks > room:
        return f"needs {definition.tasks} tasks at once; all nodes together hold {room}", "ask for fewer tasks"
    return (
        f"{definition.gpus} GPUs cannot be reached with {definition.tasks} tasks on these nodes",
        "ask for fewer GPUs or for more tasks",
    )


def _price_ceiling(job: JobRequest, cluster: Cluster) -> _Complaint:
    price = price_per_minute(job.definition, cluster.provider.prices)
    if job.max_price_per_minute == 0 or price <= job.max_price_per_minute:
        return None
    ceiling = format_credits(job.max_price_per_minute)
    return (
        f"costs {format_credits(price)} credits/min; the job's ceiling is {ceiling}",
        "raise the price ceiling of the job",
    )


def _credits(job: JobRequest, cluster: Cluster) -> _Complaint:
    price = price_per_minute(job.definition, cluster.provider.prices)
    seconds = max_duration_seconds(job.locked_credits, price)
    if seconds is None or seconds >= SHORTEST_WALLTIME_SECONDS:
        return None
    return (
        f"{format_credits(job.locked_credits)} credits pay for {seconds} s here, and a job needs at least a minute",
        f"lock at least {format_credits(price)} credits",
    )


def latest_start_refusal(job: JobRequest, cluster: Cluster, now: float) -> Rejection | None:
    """A job whose latest start is over starts nowhere: anybody may cancel it."""
    if job.latest_start is None or now <= job.latest_start.timestamp():
        return None
    return Rejection(
        cluster.address,
        Rule.LATEST_START,
        f"the job's latest start, {_clock(job.latest_start)}, is over",
        "submit it again with a later one",
    )


def moment(seconds: float) -> datetime | None:
    """A moment of the scheduler as people write it; None where it is not known, or past all calendars.

    Credits for a hundred thousand years are nothing unusual where a minute costs next to nothing.
    """
    return datetime.fromtimestamp(seconds, UTC) if abs(seconds) <= _LAST_SECOND else None


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


_Rule = tuple[Rule, Callable[[JobRequest, Cluster], _Complaint]]

_DEMANDS: tuple[_Rule, ...] = (
    (Rule.BANNED, _banned),
    (Rule.AVOIDED, _avoided),
    (Rule.LABEL, _label),
    (Rule.AFFINITY, _affinity),
    (Rule.SIZE, _size),
    (Rule.PRICE_CEILING, _price_ceiling),
)
