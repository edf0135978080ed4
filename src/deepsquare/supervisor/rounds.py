"""One look at everything, and what follows from it for each job.

A look reads the chain and the cluster, writes what is new to the journal, decides (`lifecycle`) and
performs (`performing`). The look after a crash is the same look: all that counts is state, so there is
no separate recovery that could be wrong. A job has at most one action under way; different jobs do not
wait for each other, and their claims and reports travel together.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from deepsquare.chain import GridSettings, Report, UnknownJob
from deepsquare.clusters.port import RunState
from deepsquare.gateway.errors import GatewayError
from deepsquare.model import JobId, JobStatus, JobTag
from deepsquare.supervisor import output
from deepsquare.supervisor.chainview import ChainView
from deepsquare.supervisor.clusterview import ClusterView
from deepsquare.supervisor.entry import AttemptKey, Entry
from deepsquare.supervisor.intake import Intake, tag_of
from deepsquare.supervisor.jobtasks import JobTasks
from deepsquare.supervisor.lifecycle import (
    Action,
    Claim,
    Forget,
    GiveBack,
    Relaunch,
    Rules,
    Submit,
    Tell,
    TopUp,
    Trouble,
    View,
    Wait,
    decide,
    is_ours,
    observe,
)
from deepsquare.supervisor.logshipping import LogShipper, Source
from deepsquare.supervisor.pace import Pace
from deepsquare.supervisor.performing import Performer, SingleAction, batches
from deepsquare.supervisor.ports import Ports
from deepsquare.supervisor.settings import SupervisorSettings
from deepsquare.supervisor.trouble import EXPECTED_TROUBLE, Troubles

_log = logging.getLogger(__name__)

_TAIL_BYTES = 4096
_SHOW_OUTPUT_OF = (RunState.FAILED, RunState.OUT_OF_MEMORY, RunState.CANCELLED)


class Rounds:
    """Looks, for one supervisor, under the numbers that its grid was set to."""

    def __init__(self, ports: Ports, settings: SupervisorSettings, limits: GridSettings) -> None:
        pace = settings.pace
        self._ports = ports
        self._settings = settings
        self._rules = _rules(ports, settings, limits)
        self._chain_view = ChainView(ports, reread_seconds=pace.reread_seconds)
        self._cluster_view = ClusterView(ports.cluster, keep_nodes_seconds=pace.look_seconds)
        intake = Intake(ports, self._chain_view, settings)
        self._performer = Performer(ports, self._chain_view, intake, settings.volumes.shared_root)
        self._shipper = LogShipper(ports, chunk_bytes=pace.log_chunk_bytes, at_once=pace.logs_at_once)
        self._pace = Pace()
        self._standing = Troubles()
        self._troubles: dict[JobId, Trouble] = {}
        self._failed_launches: Counter[AttemptKey] = Counter()
        self._strangers: set[JobTag] = set()
        self._is_claiming = False
        self._is_telling = False
        self.tasks = JobTasks()
        """What is under way; its `changed` says that another look is worth it."""

    async def look(self, *, cluster_has_news: bool = True) -> None:
        """Look at everything once, and begin what is to be done. `settle` waits for it.

        A cluster without news is asked only for what is missing in its last answer.
        """
        self.tasks.raise_defect()
        now = self._ports.clock.now()
        if not self._ports.journal.is_writable:
            await self._standing.survives("journal", self._ports.journal.probe)
        chain_is_fresh, _ = await asyncio.gather(
            self._standing.survives("chain", lambda: self._chain_view.refresh(now)),
            self._look_at_cluster(now, has_news=cluster_has_news),
        )
        if chain_is_fresh:
            await self._standing.survives("strays", self._adopt_strays)
        may_start = chain_is_fresh and self._cluster_view.answers and self._ports.journal.is_writable
        views = self._views(may_start=may_start)
        outputs = await self._outputs(views)
        views = await self._record([view for view in views if not self.tasks.is_busy(view.job.id)], outputs)
        self._begin(views)

    async def tell_scheduler(self) -> None:
        """Say how the cluster stands, as it was last seen; nothing while it does not answer."""
        if self._ports.scheduler is None or not self._cluster_view.answers:
            return
        states = Counter(run.state for run in self._cluster_view.runs())
        running = states[RunState.RUNNING] + states[RunState.SUSPENDED]
        await self._ports.scheduler.tell(running=running, queued=states[RunState.QUEUED], nodes=self._cluster_view.up)

    async def ship(self) -> None:
        """Send what is new in the outputs of jobs."""
        if await self._shipper.ship(self._sources()):
            self.tasks.changed.set()

    def next_due(self, now: datetime) -> datetime | None:
        """When something that failed may be tried again."""
        return self._pace.next_due(now)

    async def _look_at_cluster(self, now: datetime, *, has_news: bool) -> None:
        expected = [self._tag(entry) for entry in self._ports.journal.entries if self._is_expected(entry)]
        if not has_news and self._cluster_view.knows_all(expected):
            return
        await self._standing.survives("cluster", lambda: self._cluster_view.look(expected, now))

    def _is_expected(self, entry: Entry) -> bool:
        """Whether the cluster must know this attempt: it took it, or the chain has it running."""
        job = self._chain_view.job(entry.job_id)
        if job is None or entry.end is not None or not is_ours(job, entry, self._ports.provider):
            return False
        if self.tasks.is_busy(entry.job_id):
            return False
        return entry.cluster_id is not None or job.status is JobStatus.RUNNING

    async def _adopt_strays(self) -> None:
        """Take in jobs that run here for us and that the journal does not know: it was lost.

        What the chain gave to another provider is not touched: two of them may share one cluster.
        """
        journal = self._ports.journal
        for run in self._cluster_view.runs():
            tag = run.tag
            if run.state.is_over or tag in self._strangers or journal.entry((tag.job_id, tag.attempt)) is not None:
                continue
            try:
                job = await self._chain_view.read_again(tag.job_id, self._ports.clock.now(), not_older_than_seconds=0)
            except UnknownJob:
                # Somebody wrote a tag of their own: it names nothing.
                self._strangers.add(tag)
                continue
            if job.provider == self._ports.provider and job.terms.attempt == tag.attempt:
                _log.warning("job %d: it runs here, but the journal does not know it; taking it in", tag.job_id)
                await journal.save([Entry(tag.job_id, tag.attempt, cluster_id=run.id)])
            else:
                self._strangers.add(tag)

    def _views(self, *, may_start: bool) -> list[View]:
        views = []
        for entry in self._ports.journal.entries:
            job = self._chain_view.job(entry.job_id)
            if job is None or self.tasks.is_busy(entry.job_id):
                continue
            tag = self._tag(entry)
            views.append(
                View(
                    job=job,
                    entry=entry,
                    run=self._cluster_view.run(tag),
                    cluster_answers=self._cluster_view.answers,
                    absence=self._cluster_view.absence(tag),
                    has_room=job.status is not JobStatus.META_SCHEDULED or self._cluster_view.has_room(job.definition),
                    may_start=may_start,
                    trouble=self._troubles.get(entry.job_id),
                    failed_launches=self._failed_launches[entry.key],
                )
            )
        return views

    async def _outputs(self, views: Iterable[View]) -> dict[AttemptKey, str]:
        """The last output of jobs that just failed."""
        return {
            view.entry.key: await asyncio.to_thread(
                output.tail, self._ports.cluster.output_path(view.run.tag), _TAIL_BYTES
            )
            for view in views
            if view.entry.end is None and view.run is not None and view.run.state in _SHOW_OUTPUT_OF
        }

    async def _record(self, views: Sequence[View], outputs: Mapping[AttemptKey, str]) -> list[View]:
        """Write what is new to the journal; the views with what is on disk then."""
        rules, now, journal = self._rules, self._ports.clock.now(), self._ports.journal
        news: dict[AttemptKey, Callable[[Entry], Entry]] = {}
        for view in views:
            learn = partial(_learn, view, rules, now, outputs.get(view.entry.key, ""))
            if learn(view.entry) != view.entry:
                news[view.entry.key] = learn
        # What cannot be written is not acted on: nobody is told, and nothing new begins.
        is_written = not news or await self._standing.survives("journal", lambda: journal.amend(news))
        return [
            replace(view, entry=entry, may_start=view.may_start and is_written)
            for view in views
            if (entry := journal.entry(view.entry.key)) is not None
        ]

    def _begin(self, views: Iterable[View]) -> None:
        """Start the most urgent action of each job that is due."""
        rules, now = self._rules, self._ports.clock.now()
        claims: list[tuple[AttemptKey, Claim]] = []
        tells: list[tuple[AttemptKey, Tell]] = []
        for view in views:
            is_outdated = self._chain_view.is_outdated(view.job.id)
            match self._next_action(view, rules, now):
                case None | Wait():
                    pass
                case Claim() | Tell() | GiveBack() | TopUp() if is_outdated:
                    # The chain was just told something about this job: first see what it says now.
                    pass
                case Claim() as action:
                    claims.append((view.entry.key, action))
                case Tell() as action:
                    tells.append((view.entry.key, action))
                case action:
                    self._pace.tried(view.entry.key, action, now)
                    self.tasks.start([view.job.id], self._perform(view, action, rules))
        # What comes while a transaction is under way waits for the next one, which is the fuller for it.
        if claims and not self._is_claiming:
            self._start_together(claims, self._claim([key[0] for key, _ in claims]), now)
        if tells and not self._is_telling:
            self._start_together(tells, self._tell([action.reports for _, action in tells]), now)

    def _next_action(self, view: View, rules: Rules, now: datetime) -> Action | None:
        key = view.entry.key
        actions = decide(view, rules, now)
        self._pace.keep(key, actions)
        for action in actions:
            if isinstance(action, Wait) or self._pace.is_due(key, action, now):
                return action
        return None

    def _start_together(
        self, actions: Sequence[tuple[AttemptKey, Action]], work: Coroutine[None, None, None], now: datetime
    ) -> None:
        for key, action in actions:
            self._pace.tried(key, action, now)
        self.tasks.start([key[0] for key, _ in actions], work)

    async def _claim(self, job_ids: Sequence[JobId]) -> None:
        self._is_claiming = True
        try:
            for start in range(0, len(job_ids), self._settings.pace.claim_batch):
                await self._performer.claim(job_ids[start : start + self._settings.pace.claim_batch])
        except EXPECTED_TROUBLE as error:
            _log.warning("claiming %d jobs failed, trying again: %s", len(job_ids), error)
        finally:
            self._is_claiming = False

    async def _tell(self, tells: Sequence[tuple[Report, ...]]) -> None:
        self._is_telling = True
        try:
            for batch in batches(tells, most_reports=self._settings.pace.report_batch):
                await self._performer.tell(batch)
        except EXPECTED_TROUBLE as error:
            _log.warning("reports of %d jobs wait, telling again: %s", len(tells), error)
        finally:
            self._is_telling = False

    async def _perform(self, view: View, action: SingleAction, rules: Rules) -> None:
        job_id = view.job.id
        try:
            await self._performer.perform(view, action, rules)
        except EXPECTED_TROUBLE as error:
            _log.warning("job %d: %s failed, trying again: %s", job_id, type(action).__name__, error)
            if isinstance(action, Submit):
                self._troubles[job_id] = self._trouble(job_id, error)
            return
        self._troubles.pop(job_id, None)
        match action:
            case Relaunch(cluster_id):
                self._failed_launches[view.entry.key] += 1
                self._cluster_view.leave_out(cluster_id)
            case Forget():
                self._pace.keep(view.entry.key, ())
                self._shipper.forget(view.entry.key)
                del self._failed_launches[view.entry.key]

    def _trouble(self, job_id: JobId, error: Exception) -> Trouble:
        """The failed submit, dated from the first of its kind in a row."""
        is_refusal = isinstance(error, GatewayError) and not error.transient
        known = self._troubles.get(job_id)
        since = known.since if known is not None and known.is_refusal == is_refusal else self._ports.clock.now()
        return Trouble(str(error), since, is_refusal)

    def _sources(self) -> list[Source]:
        """The logs that are not complete at the gateway."""
        sources = []
        for entry in self._ports.journal.entries:
            job = self._chain_view.job(entry.job_id)
            if job is None or entry.cluster_id is None or entry.log_complete:
                continue
            if entry.started_at is None and entry.settled_at is None:
                # What stands there before it begins is the cluster's, not the job's: it may be launched once more.
                continue
            run = self._cluster_view.run(self._tag(entry))
            is_over = entry.settled_at is not None and (run is None or run.state.is_over)
            is_ours = job.provider == self._ports.provider and job.terms.attempt == entry.attempt
            sources.append(Source(self._tag(entry), is_over=is_over and self._cluster_view.answers, is_ours=is_ours))
        return sources

    def _tag(self, entry: Entry) -> JobTag:
        return tag_of(self._ports.chain.grid, entry)


def _learn(view: View, rules: Rules, now: datetime, output_tail: str, entry: Entry) -> Entry:
    """What the attempt's row becomes by what this look saw."""
    return observe(replace(view, entry=entry), rules, now, output_tail)


def _rules(ports: Ports, settings: SupervisorSettings, limits: GridSettings) -> Rules:
    site = settings.limits
    return Rules(
        provider=ports.provider,
        claim_timeout_seconds=limits.claim_timeout_seconds,
        top_up_slice_seconds=limits.top_up_slice_seconds,
        submit_settle_seconds=site.submit_settle_seconds,
        lost_after_looks=site.lost_after_looks,
        lost_grace_seconds=site.lost_grace_seconds,
        longest_job_minutes=site.longest_job_minutes,
        refused_script_seconds=site.refused_script_seconds,
        log_patience_seconds=site.log_patience_seconds,
    )
