"""The meta-scheduler: it binds PENDING jobs to providers that can start them now.

One round: catch up with the chain, put overdue jobs back, place the queue, send the assignments as one
batch. A round starts when the chain moves, and now and then because deadlines pass without an event. It
keeps nothing on disk: after a restart, or beside a second instance, the chain says what is bound and who
was first.
"""

import logging
from datetime import datetime, timedelta

from deepsquare.chain import ChainError, ContractRefused, EventReader, GridSettings, Ledger, SchedulerAccount
from deepsquare.clock import Clock
from deepsquare.metascheduler.settings import MetaSchedulerSettings
from deepsquare.metascheduler.view import GridView
from deepsquare.model import Job, JobId, JobStatus
from deepsquare.scheduling import CheapestFirst, Plan, Policy, Rejection, place

_log = logging.getLogger(__name__)


class MetaScheduler:
    """The service; `run` it until it is cancelled."""

    def __init__(
        self,
        ledger: Ledger,
        account: SchedulerAccount,
        reader: EventReader,
        clock: Clock,
        *,
        policy: Policy | None = None,
        settings: MetaSchedulerSettings | None = None,
    ) -> None:
        self._ledger = ledger
        self._account = account
        self._reader = reader
        self._clock = clock
        self._policy = policy or CheapestFirst()
        self._settings = settings or MetaSchedulerSettings()
        self._view = GridView(ledger, reader, clock)
        self._limits: GridSettings | None = None
        self._waiting: dict[JobId, tuple[Rejection, ...]] = {}

    async def run(self) -> None:
        """Schedule until cancelled. Whatever the chain answers, the next round starts from what it says then."""
        while True:
            try:
                await self.round()
                await self._reader.wake(self._settings.idle_seconds)
            except ChainError as error:
                pause = self._settings.retry_seconds
                _log.warning("trying again in %g s: %s", pause, error)
                await self._clock.sleep(pause)

    async def round(self) -> Plan:
        """One look at the whole grid. Returns what was decided; raises `ChainError`."""
        await self._view.refresh()
        now = self._clock.now()
        await self._put_back_overdue(now)
        plan = place(self._view.queue(), self._view.sites(now), self._policy, now)
        self._tell_reasons(plan)
        await self._assign(plan)
        return plan

    async def _assign(self, plan: Plan) -> None:
        if not plan.assignments:
            return
        try:
            skipped = await self._account.assign([(a.job_id, a.provider) for a in plan.assignments])
        except ChainError:
            # Nobody can say what took effect.
            self._view.mark_changed(assignment.job_id for assignment in plan.assignments)
            raise
        self._view.mark_changed(skipped)
        for assignment in plan.assignments:
            refusal = skipped.get(assignment.job_id)
            if refusal is None:
                _log.info("job %d goes to %s", assignment.job_id, assignment.provider)
            else:
                _log.info("job %d was not assigned: %s", assignment.job_id, refusal)

    async def _put_back_overdue(self, now: datetime) -> None:
        """Free jobs whose provider went away, so that they can run elsewhere."""
        limits = self._limits or await self._ledger.settings()
        self._limits = limits
        for job in self._view.jobs:
            if not self._is_overdue(job, limits, now):
                continue
            self._view.mark_changed([job.id])
            try:
                await self._account.expire(job.id)
            except ContractRefused as refusal:
                _log.info("job %d is not overdue after all: %s", job.id, refusal)
            else:
                _log.warning("job %d was taken from %s, which did not answer in time", job.id, job.provider)

    def _is_overdue(self, job: Job, limits: GridSettings, now: datetime) -> bool:
        if job.provider is None or job.status is JobStatus.PENDING:
            return False
        if job.status is JobStatus.META_SCHEDULED:
            assigned_at = job.time.assigned_at
            timeout = timedelta(seconds=limits.claim_timeout_seconds)
            return assigned_at is not None and now > assigned_at + timeout
        lease_end = self._view.leases.get(job.provider)
        return lease_end is not None and now > lease_end

    def _tell_reasons(self, plan: Plan) -> None:
        """Log why a job waits, once per new reason."""
        for job_id, rejections in plan.waiting.items():
            rules = [(r.provider, r.rule) for r in rejections]
            if rules != [(r.provider, r.rule) for r in self._waiting.get(job_id, ())] or job_id not in self._waiting:
                why = "; ".join(f"{r.provider}: {r.message}" for r in rejections) or "there is no provider yet"
                _log.info("job %d waits: %s", job_id, why)
        self._waiting = plan.waiting
