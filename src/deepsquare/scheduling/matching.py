"""One job against one site: an offer, or the first rule that fails and what would help.

The rules stand in the order in which a person would check them: those that never change by waiting come
before the one that does (free resources), so that a job that can only wait is told apart from one that
must be changed.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

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
from deepsquare.scheduling.packing import tasks_that_fit
from deepsquare.scheduling.site import Site

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


class Rule(enum.StrEnum):
    """What a site must fulfil, in the order in which it is checked."""

    BANNED = "banned"
    AVOIDED = "avoided"
    UNREACHABLE = "unreachable"
    LABEL = "label"
    AFFINITY = "affinity"
    SIZE = "size"
    PRICE_CEILING = "price-ceiling"
    CREDITS = "credits"
    FREE_RESOURCES = "free-resources"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a site does not take a job now, and what would help."""

    provider: Address
    rule: Rule
    message: str
    help: str
    expected_start: datetime | None = None
    """When waiting alone helps, and by when at the latest; else None."""

    @property
    def is_temporary(self) -> bool:
        """True where the job need not be changed: it only has to wait."""
        return self.rule in (Rule.FREE_RESOURCES, Rule.UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Offer:
    """A site that can start the job now, and on what terms."""

    provider: Provider
    price_per_minute: int
    max_duration_seconds: int | None
    """Walltime that the locked credits buy here; None where the site is free of charge."""
    free: tuple[Node, ...]


def judge(job: JobRequest, site: Site, now: datetime) -> Offer | Rejection:
    """What `site` answers to `job` at the moment `now`."""
    for rule, check in _CHECKS:
        complaint = check(job, site, now)
        if complaint is not None:
            message, hint = complaint
            waits = rule is Rule.FREE_RESOURCES
            start = site.earliest_start(job.definition, now) if waits else None
            return Rejection(site.provider.address, rule, message, hint, start)
    price = price_per_minute(job.definition, site.provider.prices)
    return Offer(site.provider, price, max_duration_seconds(job.locked_credits, price), site.free)


_Complaint = tuple[str, str] | None
"""What is wrong and what would help; None where the rule holds."""


def _banned(_job: JobRequest, site: Site, _now: datetime) -> _Complaint:
    if site.provider.is_banned:
        return "the provider is banned", "nothing to do here; other providers may take the job"
    if not site.provider.is_approved:
        return "the provider waits for approval", "an admin approves it with: dps provider approve"
    return None


def _avoided(job: JobRequest, site: Site, _now: datetime) -> _Complaint:
    if site.provider.address in job.avoided:
        return "it gave this job back or lost it before", "submit the job again if it shall be tried there once more"
    return None


def _unreachable(_job: JobRequest, site: Site, now: datetime) -> _Complaint:
    if site.lease_end is not None and site.lease_end <= now:
        return (
            f"it was last heard of before {site.lease_end:%H:%M:%S} UTC",
            "it takes jobs again with its next heartbeat",
        )
    return None


def _label(job: JobRequest, site: Site, _now: datetime) -> _Complaint:
    use = unmet_use(job.definition.uses, site.labels)
    if use is None:
        return None
    return _label_complaint(str(use), use.key, site)


def _affinity(job: JobRequest, site: Site, _now: datetime) -> _Complaint:
    rule = unmet_affinity(job.definition.affinities, site.labels)
    if rule is None:
        return None
    return _label_complaint(str(rule), rule.label.key, site)


def _label_complaint(wanted: str, key: str, site: Site) -> tuple[str, str]:
    value = site.labels.get(key)
    has = f"has {key}={value}" if value is not None else f"has no label {key}"
    return f"needs {wanted}; {has}", "drop or loosen this rule of the job to run here"


def _size(job: JobRequest, site: Site, _now: datetime) -> _Complaint:
    definition, hardware = job.definition, site.provider.hardware
    if site.can_hold(definition):
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


def _price_ceiling(job: JobRequest, site: Site, _now: datetime) -> _Complaint:
    price = price_per_minute(job.definition, site.provider.prices)
    if job.max_price_per_minute == 0 or price <= job.max_price_per_minute:
        return None
    ceiling = format_credits(job.max_price_per_minute)
    return (
        f"costs {format_credits(price)} credits/min; the job's ceiling is {ceiling}",
        "raise the price ceiling of the job",
    )


def _credits(job: JobRequest, site: Site, _now: datetime) -> _Complaint:
    price = price_per_minute(job.definition, site.provider.prices)
    seconds = max_duration_seconds(job.locked_credits, price)
    if seconds is None or seconds >= SHORTEST_WALLTIME_SECONDS:
        return None
    return (
        f"{format_credits(job.locked_credits)} credits pay for {seconds} s here, and a job needs at least a minute",
        f"lock at least {format_credits(price)} credits",
    )


def _free_resources(job: JobRequest, site: Site, now: datetime) -> _Complaint:
    if site.can_start(job.definition):
        return None
    start = site.earliest_start(job.definition, now)
    when = "" if start is None else f", at the latest {start:%Y-%m-%d %H:%M:%S} UTC"
    ahead = len(site.bound)
    return (
        f"busy with {ahead} {'job' if ahead == 1 else 'jobs'}",
        f"it starts when enough of them have ended{when}",
    )


_CHECKS: tuple[tuple[Rule, Callable[[JobRequest, Site, datetime], _Complaint]], ...] = (
    (Rule.BANNED, _banned),
    (Rule.AVOIDED, _avoided),
    (Rule.UNREACHABLE, _unreachable),
    (Rule.LABEL, _label),
    (Rule.AFFINITY, _affinity),
    (Rule.SIZE, _size),
    (Rule.PRICE_CEILING, _price_ceiling),
    (Rule.CREDITS, _credits),
    (Rule.FREE_RESOURCES, _free_resources),
)
