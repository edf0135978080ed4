"""Why a job is where it is: what each cluster answers to it, and what would help."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from deepsquare.model import Address, max_duration_seconds, price_per_minute
from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.matching import (
    JobRequest,
    Offer,
    Rejection,
    Rule,
    lasting_refusal,
    latest_start_refusal,
    moment,
    seconds_at,
)
from deepsquare.scheduling.packing import nodes_of, shape_of
from deepsquare.scheduling.policy import Backfill, Policy
from deepsquare.scheduling.scheduler import Scheduler
from deepsquare.scheduling.site import Site


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of the table that a customer sees before any money moves."""

    site: Site
    answer: Offer | Rejection
    is_chosen: bool


def candidates(
    job: JobRequest,
    sites: Sequence[Site],
    now: datetime,
    *,
    queue: Iterable[JobRequest] = (),
    policy: Policy | None = None,
) -> list[Candidate]:
    """What each site answers to `job` once the jobs of `queue` that go before it have been served.

    The one that gets it first, then other offers by price, then rejections. The job may stand in the queue.
    """
    scheduler, at = Scheduler(policy), now.timestamp()
    for site in sites:
        scheduler.join(site.cluster(at))
    own = (scheduler.key(job), job.id or math.inf)
    for other in queue:
        if other.id is not None and (scheduler.key(other), other.id) < own:
            scheduler.submit(other)
    scheduler.decide(at)
    before = len(scheduler.queue)
    answers = {address: judge(job, scheduler, each, at, before=before) for address, each in scheduler.clusters.items()}
    offers = [scheduler.clusters[address] for address, answer in answers.items() if isinstance(answer, Offer)]
    chosen = min(offers, key=scheduler.ranks(job).__getitem__, default=None)
    rows = [
        Candidate(site, answers[site.provider.address], chosen is not None and site.provider.address == chosen.address)
        for site in sites
    ]
    return sorted(rows, key=_rank)


def judge(job: JobRequest, scheduler: Scheduler, cluster: Cluster, now: float, *, before: int = 0) -> Offer | Rejection:
    """What a cluster answers to a job at this moment, if it is the job's turn; so many wait before it."""
    refusal = lasting_refusal(job, cluster) or latest_start_refusal(job, cluster, now) or _closed(cluster, now)
    if refusal is not None:
        return refusal
    price = price_per_minute(job.definition, cluster.provider.prices)
    shape = shape_of(job.definition)
    if cluster.shares_for(shape, now + seconds_at(job, price)) is not None:
        if scheduler.policy.backfill is Backfill.CONSERVATIVE:
            start = scheduler.earliest_beside_slots(job, cluster, now)
            if start > now:
                return _promised_to_all_before(cluster, start)
        seconds = max_duration_seconds(job.locked_credits, price)
        return Offer(cluster.provider, price, seconds, nodes_of(cluster.rooms))
    if cluster.fits(shape):
        return _promised(cluster)
    start, _ = cluster.earliest_start(shape, now)
    no_promise_until = scheduler.passed_over_until(job, now)
    if no_promise_until > now:
        return Rejection(
            cluster.address,
            Rule.FREE_RESOURCES,
            f"busy with {_counted(len(cluster.held))}{_queued(before)}; nothing is kept free for it, for jobs of this"
            " customer or of new ones were cancelled while a place was kept for them",
            f"it starts when there is room; a place can be kept for it again{_by(no_promise_until, 'after')}",
            moment(start),
        )
    return Rejection(
        cluster.address,
        Rule.FREE_RESOURCES,
        f"busy with {_counted(len(cluster.held))}{_queued(before)}",
        f"it starts when enough of them have ended{_by(start)}",
        moment(start),
    )


def _closed(cluster: Cluster, now: float) -> Rejection | None:
    if cluster.closed_until <= now:
        return None
    if cluster.is_drained:
        hint = "it takes jobs again as soon as it says so, or says nothing any more but its heartbeats"
        return Rejection(cluster.address, Rule.DRAINED, cluster.closed_why, hint)
    if cluster.closed_until == math.inf:
        hint = "it takes jobs again with its next heartbeat"
        return Rejection(cluster.address, Rule.UNREACHABLE, cluster.closed_why, hint)
    hint = f"it is tried again{_by(cluster.closed_until, 'after')}"
    return Rejection(cluster.address, Rule.DISTRUSTED, cluster.closed_why, hint, moment(cluster.closed_until))


def _promised(cluster: Cluster) -> Rejection:
    promise = cluster.promise
    who, start = (promise.job, promise.start) if promise is not None else (0, math.inf)
    return Rejection(
        cluster.address,
        Rule.PROMISED,
        f"what is free is promised to job {who}, which is before it{_by(start)}; this one may run for longer",
        "lock fewer credits, so that it ends before that, or wait",
        moment(start),
    )


def _promised_to_all_before(cluster: Cluster, start: float) -> Rejection:
    return Rejection(
        cluster.address,
        Rule.PROMISED,
        "what is free is promised to jobs that are before it: one of them would start later because of it",
        f"lock fewer credits, so that it ends before they start, or wait: it has room here{_by(start)}",
        moment(start),
    )


def _queued(before: int) -> str:
    return f", and {_counted(before)} of the queue before it" if before else ""


def _counted(jobs: int) -> str:
    return f"{jobs} {'job' if jobs == 1 else 'jobs'}"


def _by(seconds: float, word: str = "at the latest") -> str:
    at = moment(seconds)
    return "" if at is None else f", {word} {at:%Y-%m-%d %H:%M:%S} UTC"


def _rank(row: Candidate) -> tuple[bool, bool, int, Address]:
    if isinstance(row.answer, Offer):
        return (not row.is_chosen, False, row.answer.price_per_minute, row.site.provider.address)
    return (True, True, 0, row.site.provider.address)
