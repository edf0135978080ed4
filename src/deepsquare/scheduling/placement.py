"""A queue against all sites: the jobs to bind now, and for every other job why it waits.

Late binding: a job is bound only to a site that can start it now. Until then it stays in the one global
queue, where it can still go anywhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deepsquare.model import Address, JobId
from deepsquare.scheduling.matching import JobRequest, Offer, Rejection, judge
from deepsquare.scheduling.policy import Policy
from deepsquare.scheduling.site import BoundJob, Site


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job to bind, and where."""

    job_id: JobId
    provider: Address


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now."""

    assignments: tuple[Assignment, ...]
    waiting: dict[JobId, tuple[Rejection, ...]]
    """For each job that stays in the queue: one rejection per site."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of the table that a customer sees before any money moves."""

    site: Site
    answer: Offer | Rejection
    is_chosen: bool


def place(queue: Iterable[JobRequest], sites: Sequence[Site], policy: Policy, now: datetime) -> Plan:
    """Bind as many jobs of `queue` as can start now, the oldest first.

    Every job in `queue` has an id. A job that cannot start does not hold up younger ones.
    """
    by_address = {site.provider.address: site for site in sites}
    assignments: list[Assignment] = []
    waiting: dict[JobId, tuple[Rejection, ...]] = {}
    for job in sorted(_identified(queue), key=lambda entry: (entry[1].submitted_at, entry[0])):
        job_id, request = job
        offers, rejections = _answers(request, by_address.values(), now)
        if not offers:
            waiting[job_id] = rejections
            continue
        chosen = policy.choose(request, offers)
        address = chosen.provider.address
        assignments.append(Assignment(job_id, address))
        by_address[address] = by_address[address].with_job(_bound(job_id, request, chosen, now))
    return Plan(tuple(assignments), waiting)


def candidates(job: JobRequest, sites: Sequence[Site], policy: Policy, now: datetime) -> list[Candidate]:
    """What each site would answer to `job`, the chosen one first, then other offers by price, then rejections."""
    answers = [(site, judge(job, site, now)) for site in sites]
    offers = [answer for _, answer in answers if isinstance(answer, Offer)]
    chosen = policy.choose(job, offers) if offers else None
    return sorted((Candidate(site, answer, answer is chosen) for site, answer in answers), key=_rank)


def _rank(row: Candidate) -> tuple[bool, bool, int, Address]:
    if isinstance(row.answer, Offer):
        return (not row.is_chosen, False, row.answer.price_per_minute, row.site.provider.address)
    return (True, True, 0, row.site.provider.address)


def _identified(queue: Iterable[JobRequest]) -> list[tuple[JobId, JobRequest]]:
    return [(job.id, job) for job in queue if job.id is not None]


def _answers(job: JobRequest, sites: Iterable[Site], now: datetime) -> tuple[tuple[Offer, ...], tuple[Rejection, ...]]:
    answers = [judge(job, site, now) for site in sites]
    offers = tuple(answer for answer in answers if isinstance(answer, Offer))
    rejections = tuple(answer for answer in answers if isinstance(answer, Rejection))
    return offers, rejections


def _bound(job_id: JobId, job: JobRequest, offer: Offer, now: datetime) -> BoundJob:
    seconds = offer.max_duration_seconds
    until = None if seconds is None else now + timedelta(seconds=seconds)
    return BoundJob(job_id, job.definition, until)
