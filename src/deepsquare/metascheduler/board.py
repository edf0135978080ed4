"""The scheduler's board, kept in step with what the view of the chain says.

Only what changed is moved: a round costs what happened since the last one. A place that was decided here is
held from that moment on; if the chain does not confirm it, the job comes back into the queue.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from deepsquare.metascheduler.standing import Standing
from deepsquare.metascheduler.status import ProviderStatus, usable
from deepsquare.metascheduler.view import GridView, bound_until, request_of
from deepsquare.model import Address, Job, JobId, JobStatus, Provider
from deepsquare.scheduling import Cluster, FairShare, Offer, Policy, Rejection, Scheduler, Start
from deepsquare.scheduling.reasons import judge

_log = logging.getLogger(__name__)


class Board:
    """Who waits, who holds what."""

    def __init__(self, policy: Policy, usage: FairShare, standing: Standing) -> None:
        """`usage` and `standing`: what is known of the time before."""
        self._scheduler = Scheduler(policy, usage)
        self._standing = standing
        self._providers: dict[Address, Provider] = {}
        # At providers that take part no more, too: they still have these jobs, and hold them should they come back.
        self._places: dict[JobId, Address] = {}
        self._unconfirmed: set[JobId] = set()
        self._lost: set[JobId] = set()
        self._refused_by: defaultdict[JobId, list[Address]] = defaultdict(list)

    def follow(self, view: GridView, statuses: Mapping[Address, ProviderStatus], now: datetime) -> None:
        """Take in what the view learnt since it was last followed, and what providers say of themselves now."""
        at = now.timestamp()
        self._follow_providers(view, statuses, at)
        for job_id in sorted(view.take_changes()):
            if view.was_cancelled(job_id):
                self._scheduler.give_up(job_id, at)
            self._follow_job(job_id, view.job(job_id), now)
        self._open_or_close(view, statuses, at)

    def note_lost(self, job: JobId) -> None:
        """The job comes back because its provider did not answer in time."""
        self._lost.add(job)

    def decide(self, now: datetime) -> list[Start]:
        """The jobs to bind now; their places are held until the chain says otherwise."""
        starts = self._scheduler.decide(now.timestamp())
        for start in starts:
            self._places[start.job] = start.cluster.address
            self._unconfirmed.add(start.job)
        return starts

    def place(self, job: JobId) -> int | None:
        """How many jobs are served before this one; None for one that does not wait."""
        if job not in self._scheduler.queue:
            return None
        return next((place for place, entry in enumerate(self._scheduler.queue) if entry.job == job), None)

    @property
    def waiting(self) -> list[JobId]:
        """The jobs that wait, the first to be served first."""
        return [entry.job for entry in self._scheduler.queue]

    def why(self, job: JobId, now: datetime) -> list[Offer | Rejection]:
        """What each cluster answers to a job that waits, if it is the job's turn: the best offer first."""
        request = self._scheduler.queue[job].request
        at, before = now.timestamp(), self.place(job) or 0
        clusters = self._scheduler.clusters.values()
        answers = [(judge(request, self._scheduler, each, at, before=before), each) for each in clusters]
        ranks = self._scheduler.ranks(request)
        offers = [(ranks[cluster], answer) for answer, cluster in answers if _offers(answer)]
        refusals = [answer for answer, _ in answers if not _offers(answer)]
        return [answer for _, answer in sorted(offers, key=lambda offer: offer[0])] + refusals

    def _follow_providers(self, view: GridView, statuses: Mapping[Address, ProviderStatus], at: float) -> None:
        for address in [address for address in self._providers if address not in view.providers]:
            self._scheduler.leave(address)
            del self._providers[address]
        for address, registered in view.providers.items():
            provider = usable(registered, statuses.get(address))
            if self._providers.get(address) is provider:
                continue
            if self._providers.get(address) != provider:
                self._scheduler.join(Cluster(provider))
                here = [job for job, where in self._places.items() if where == address]
                for job in here:
                    self._hold_anew(job, view.job(job), at)
            self._providers[address] = provider

    def _hold_anew(self, job_id: JobId, job: Job | None, at: float) -> None:
        """What a cluster held before it changed, it holds still."""
        del self._places[job_id]
        if job is not None and job.status is not JobStatus.PENDING and job.provider is not None:
            self._hold(job, job.provider, at)

    def _follow_job(self, job_id: JobId, job: Job | None, now: datetime) -> None:
        at = now.timestamp()
        if job is None:
            self._forget(job_id, at)
        elif job.status is JobStatus.PENDING:
            self._wait(job, at)
        elif job.provider is not None:
            self._hold(job, job.provider, at)

    def _forget(self, job_id: JobId, at: float) -> None:
        """A job is over."""
        if job_id in self._scheduler.queue:
            self._scheduler.withdraw(job_id)
        self._refused_by.pop(job_id, None)
        was_lost = job_id in self._lost
        self._lost.discard(job_id)
        where = self._release(job_id, at)
        if where is not None and was_lost:
            self._standing.lost(where, at)
        elif where is not None:
            self._standing.ended(where, at)

    def _wait(self, job: Job, at: float) -> None:
        """A job is in the queue: it is new, came back, or was not bound after all."""
        was_confirmed = job.id not in self._unconfirmed
        was_lost = job.id in self._lost
        self._lost.discard(job.id)
        where = self._release(job.id, at)
        if where is not None and was_lost:
            self._standing.lost(where, at)
        elif where is not None and was_confirmed:
            self._refused_by[job.id].append(where)
        if job.id in self._scheduler.queue:
            self._scheduler.withdraw(job.id)
        self._scheduler.submit(request_of(job))

    def _hold(self, job: Job, address: Address, at: float) -> None:
        """A job has a place, whoever gave it."""
        self._unconfirmed.discard(job.id)
        if job.id in self._scheduler.queue:
            self._scheduler.withdraw(job.id)
        if job.status is JobStatus.RUNNING:
            for refuser in self._refused_by.pop(job.id, ()):
                self._standing.gave_back(refuser, job.customer, at)
        if self._places.get(job.id) not in (None, address):
            self._release(job.id, at)
        self._places[job.id] = address
        if address in self._scheduler.clusters:
            until = bound_until(job, at)
            waits = job.status is not JobStatus.RUNNING
            self._scheduler.hold(job.id, request_of(job), address, at, until, may_wait=waits)

    def _release(self, job_id: JobId, at: float) -> Address | None:
        self._unconfirmed.discard(job_id)
        where = self._places.pop(job_id, None)
        if where in self._scheduler.clusters:
            self._scheduler.end(job_id, at)
        return where

    def _open_or_close(self, view: GridView, statuses: Mapping[Address, ProviderStatus], at: float) -> None:
        """Close each cluster that must get nothing now, and open those whose reason is gone."""
        leases = view.leases
        for address, cluster in self._scheduler.clusters.items():
            end, status = leases.get(address), statuses.get(address)
            distrusted_until = self._standing.closed_until(address, at)
            until, why, is_drained = -math.inf, "", False
            if end is not None and end.timestamp() <= at:
                until, why = math.inf, f"it was last heard of before {end:%H:%M:%S} UTC"
            elif status is not None and not status.takes_jobs:
                until, why, is_drained = math.inf, "it says that none of its machines takes jobs now", True
            elif distrusted_until is not None:
                until, why = distrusted_until, "it gave back or lost a job"
            if (cluster.closed_until, cluster.closed_why) != (until, why):
                self._scheduler.close(address, until, why)
                cluster.is_drained = is_drained
                if why:
                    _log.info("nothing goes to %s for now: %s", address, why)


def _offers(answer: Offer | Rejection) -> bool:
    return isinstance(answer, Offer)
