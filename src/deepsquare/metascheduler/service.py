"""The meta-scheduler: it binds PENDING jobs to providers that can start them now.

One round: catch up with the chain, put overdue jobs back, place the queue, send the assignments as one
batch. A round starts when the chain moves, and now and then because deadlines pass without an event. It
keeps nothing on disk: after a restart, or beside a second instance, the chain says what is bound and who
was first.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from deepsquare.chain import ChainError, ContractRefused, EventReader, GridSettings, Ledger, SchedulerAccount
from deepsquare.chain.rounds import make_rounds
from deepsquare.clock import Clock
from deepsquare.metascheduler.board import Board
from deepsquare.metascheduler.past import Past
from deepsquare.metascheduler.settings import MetaSchedulerSettings
from deepsquare.metascheduler.standing import Standing
from deepsquare.metascheduler.status import ProviderStatus, Statuses
from deepsquare.metascheduler.view import GridView
from deepsquare.model import Address, Job, JobId, JobStatus
from deepsquare.scheduling import FairShare, Offer, Rejection, Start

_log = logging.getLogger(__name__)

_EXPIRED_AT_ONCE = 50
"""Jobs that are put back together: a cluster that dies with a thousand of them must not stop placement so long."""

_MOST_REASONS = 20
"""Jobs whose reasons to wait are logged in one round: a flood of jobs must not become a flood of lines."""


class MetaScheduler:
    """The service; `run` it until it is cancelled."""

    def __init__(
        self,
        ledger: Ledger,
        account: SchedulerAccount,
        reader: EventReader,
        clock: Clock,
        *,
        settings: MetaSchedulerSettings | None = None,
    ) -> None:
        self._ledger = ledger
        self._account = account
        self._reader = reader
        self._clock = clock
        self._settings = settings or MetaSchedulerSettings()
        self._past: Past | None = Past()
        self._view = GridView(ledger, reader, clock, past=self._past)
        self._usage = FairShare()
        self._limits: GridSettings | None = None
        self._board = Board(self._settings.policy(), self._usage, Standing())
        self._statuses = Statuses(self._settings.status_seconds)
        self._is_ready = False
        self._told: set[JobId] = set()

    async def run(self) -> None:
        """Schedule until cancelled. Whatever the chain answers, the next round starts from what it says then."""
        seconds = self._settings.retry_seconds
        await make_rounds(self._reader, self._turn, self._clock, what="scheduling", log=_log, retry_seconds=seconds)

    async def _turn(self) -> float:
        await self.round()
        return self._settings.idle_seconds

    async def round(self) -> list[Start]:
        """One look at the whole grid. Returns what was decided; raises `ChainError`."""
        await self._view.refresh()
        now = self._clock.now()
        await self._recall(now)
        await self._put_back_overdue(now)
        self._board.follow(self._view, self._statuses.fresh(now), now)
        self._is_ready = True
        starts = self._board.decide(now)
        self._tell_reasons(now)
        await self._assign(starts)
        await self._recall_more(now)
        return starts

    async def _recall(self, now: datetime) -> None:
        """In the first round: take in what happened before, as far as jobs that are over need not be read for it."""
        if self._is_ready or self._past is None:
            return
        standing, usage = Standing(), FairShare()
        await self._past.recall_standing(self._ledger, standing, now)
        self._past.charge_running(self._view.jobs, usage, now)
        self._usage = usage
        self._board = Board(self._settings.policy(), usage, standing)

    async def _recall_more(self, now: datetime) -> None:
        """After each round: learn a little more of what customers used before, until all is known."""
        if self._past is not None and not await self._past.recall_use(self._ledger, self._usage, now):
            self._past = None

    @property
    def is_ready(self) -> bool:
        """Whether the chain has been read."""
        return self._is_ready

    def is_provider(self, address: Address) -> bool:
        """Whether the chain has an approved provider of this address."""
        return address in self._view.providers

    def hear(self, status: ProviderStatus) -> None:
        """Take in what a provider says of itself; the next round goes by it. Raises `OutdatedStatus`."""
        self._statuses.hear(status, self._clock.now())

    def standing(self, job: JobId) -> tuple[JobStatus, Address | None] | None:
        """How a job stands that is not over, and who holds it."""
        found = self._view.job(job)
        return None if found is None else (found.status, found.provider)

    def place(self, job: JobId) -> int | None:
        """How many jobs are served before this one; None for one that does not wait."""
        return self._board.place(job)

    def why(self, job: JobId) -> list[Offer | Rejection]:
        """What each provider answers to a job that waits. Raises `KeyError` for one that does not."""
        return self._board.why(job, self._clock.now())

    async def _assign(self, starts: Sequence[Start]) -> None:
        if not starts:
            return
        try:
            skipped = await self._account.assign([(start.job, start.cluster.address) for start in starts])
        except ChainError:
            # Nobody can say what took effect.
            self._view.mark_changed(start.job for start in starts)
            raise
        self._view.mark_changed(skipped)
        for start in starts:
            refusal = skipped.get(start.job)
            if refusal is None:
                _log.info("job %d goes to %s", start.job, start.cluster.address)
            else:
                _log.info("job %d was not assigned: %s", start.job, refusal)

    async def _put_back_overdue(self, now: datetime) -> None:
        """Free jobs whose provider went away, so that they can run elsewhere; end those that are too late to start."""
        limits = self._limits or await self._ledger.settings()
        self._limits = limits
        overdue = [job for job in self._view.jobs if self._is_overdue(job, limits, now)]
        self._view.mark_changed(job.id for job in overdue)
        for begin in range(0, len(overdue), _EXPIRED_AT_ONCE):
            part = overdue[begin : begin + _EXPIRED_AT_ONCE]
            outcomes = await asyncio.gather(*map(self._put_back, part), return_exceptions=True)
            for outcome in outcomes:
                if outcome is not None:
                    raise outcome

    async def _put_back(self, job: Job) -> None:
        try:
            await self._account.expire(job.id)
        except ContractRefused as refusal:
            _log.info("job %d is not overdue after all: %s", job.id, refusal)
            return
        if job.status is JobStatus.PENDING:
            _log.info("job %d is over: it could not start in time", job.id)
        else:
            self._board.note_lost(job.id)
            _log.warning("job %d was taken from %s, which did not answer in time", job.id, job.provider)

    def _is_overdue(self, job: Job, limits: GridSettings, now: datetime) -> bool:
        if job.status is JobStatus.PENDING:
            latest_start = job.terms.latest_start
            return latest_start is not None and now > latest_start
        if job.provider is None:
            return False
        if job.status is JobStatus.META_SCHEDULED:
            assigned_at = job.time.assigned_at
            timeout = timedelta(seconds=limits.claim_timeout_seconds)
            return assigned_at is not None and now > assigned_at + timeout
        lease_end = self._view.leases.get(job.provider)
        return lease_end is not None and now > lease_end

    def _tell_reasons(self, now: datetime) -> None:
        """Log why a job waits, once."""
        waiting = self._board.waiting
        fresh = [job for job in waiting if job not in self._told]
        for job in fresh[:_MOST_REASONS]:
            reasons = [answer for answer in self._board.why(job, now) if isinstance(answer, Rejection)]
            why = "; ".join(f"{reason.provider}: {reason.message}" for reason in reasons)
            _log.info("job %d waits: %s", job, why or "there is no provider yet")
        if len(fresh) > _MOST_REASONS:
            _log.info("%d more jobs wait", len(fresh) - _MOST_REASONS)
        self._told = set(waiting)
