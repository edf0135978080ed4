"""Doing what was decided: one action of one job at a time, claims and reports of many jobs together.

Nothing is decided here, and nothing is remembered: an action that fails is decided again at a later
look, from the state that the world has then.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from deepsquare.chain import ContractRefused, Report
from deepsquare.clusters.port import ClusterJobId, UnknownClusterJob
from deepsquare.model import JobId
from deepsquare.supervisor.chainview import ChainView
from deepsquare.supervisor.entry import Entry
from deepsquare.supervisor.intake import Intake, tag_of
from deepsquare.supervisor.lifecycle import Cancel, Forget, GiveBack, Relaunch, Rules, SetLimit, Submit, TopUp, View
from deepsquare.supervisor.ports import Ports
from deepsquare.supervisor.redaction import public_reason
from deepsquare.supervisor.scratch import sweep

_log = logging.getLogger(__name__)

_BATCH_TEXT_CHARACTERS = 8_000
"""Text is the dear part of a report: so much of it fits into one transaction with ease."""

SingleAction = GiveBack | Submit | Relaunch | Cancel | SetLimit | TopUp | Forget


class Performer:
    """The hands of one supervisor. Every method raises what its port raises."""

    def __init__(self, ports: Ports, view: ChainView, intake: Intake, shared_root: Path) -> None:
        self._ports = ports
        self._shared_root = shared_root
        self._view = view
        self._intake = intake

    async def perform(self, view: View, action: SingleAction, rules: Rules) -> None:
        """Do one thing about one job."""
        match action:
            case Submit():
                await self._intake.submit(view.job, view.entry, action, rules)
            case Relaunch():
                await self._relaunch(view.entry, action.cluster_id)
            case Cancel():
                await self._cancel(view.entry, action)
            case SetLimit():
                await self._set_limit(view.entry, action.cluster_id, action.minutes)
            case GiveBack():
                await self._give_back(view.job.id, action.reason)
            case TopUp():
                await self._top_up(view.job.id)
            case Forget():
                await self._forget(view.entry)

    async def claim(self, job_ids: Sequence[JobId]) -> None:
        """Claim these jobs in one transaction."""
        try:
            claimed = await self._ports.account.claim(job_ids)
        finally:
            # Also after an error: nobody knows whether the transaction counts.
            self._view.mark_changed(job_ids)
        _log.info("claimed %d of %d jobs: %s", len(claimed), len(job_ids), _listed(claimed))

    async def tell(self, reports: Sequence[Report]) -> None:
        """Report these starts and ends in one transaction."""
        job_ids = [report.job_id for report in reports]
        try:
            skipped = await self._ports.account.report(reports)
        finally:
            self._view.mark_changed(job_ids)
        for report in reports:
            refusal = skipped.get(report.job_id)
            if refusal is None:
                _log.info("job %d: the chain has it as %s", report.job_id, report.status.name)
            else:
                _log.warning("job %d: the chain does not take %s: %s", report.job_id, report.status.name, refusal)

    async def _relaunch(self, entry: Entry, cluster_id: ClusterJobId) -> None:
        _log.warning("job %d: the cluster could not start it (job %s there); once more", entry.job_id, cluster_id)
        # The journal first: what it takes for submitted and the cluster does not know would count as lost.
        await self._ports.journal.amend({entry.key: lambda now: Entry(now.job_id, now.attempt)})
        await self._ports.cluster.forget(tag_of(self._ports.chain.grid, entry))

    async def _cancel(self, entry: Entry, action: Cancel) -> None:
        _log.info("job %d: cancelling it on the cluster: %s", entry.job_id, action.reason)
        try:
            await self._ports.cluster.cancel(action.cluster_id)
        except UnknownClusterJob:
            _log.info("job %d: the cluster has nothing to cancel any more", entry.job_id)

    async def _set_limit(self, entry: Entry, cluster_id: ClusterJobId, minutes: int) -> None:
        await self._ports.cluster.set_time_limit(cluster_id, minutes)
        await self._ports.journal.amend({entry.key: lambda now: replace(now, limit_minutes=minutes)})
        _log.info("job %d: its time limit is %d min", entry.job_id, minutes)

    async def _give_back(self, job_id: JobId, reason: str) -> None:
        _log.warning("job %d: giving it back: %s", job_id, reason)
        try:
            await self._ports.account.refuse(job_id, public_reason(reason))
        finally:
            self._view.mark_changed([job_id])

    async def _top_up(self, job_id: JobId) -> None:
        try:
            await self._ports.account.top_up_delegate(job_id)
        except ContractRefused as refusal:
            # The customer's allowance is theirs to end: the job then runs to its limit.
            _log.info("job %d: no more time from its customer's allowance: %s", job_id, refusal)
        else:
            _log.info("job %d: one more slice of time from its customer's allowance", job_id)
        finally:
            self._view.mark_changed([job_id])

    async def _forget(self, entry: Entry) -> None:
        if entry.submit_intended_at is not None or entry.cluster_id is not None:
            tag = tag_of(self._ports.chain.grid, entry)
            await asyncio.to_thread(sweep, self._shared_root, tag)
            await self._ports.cluster.forget(tag)
        await self._ports.journal.remove(entry.key)
        _log.debug("job %d: nothing of attempt %d is left here", entry.job_id, entry.attempt)


def batches(tells: Iterable[tuple[Report, ...]], *, most_reports: int) -> Iterator[list[Report]]:
    """Reports in transactions of bounded size; what belongs to one job stays together and in order."""
    batch: list[Report] = []
    text = 0
    for reports in tells:
        length = sum(len(report.last_error) for report in reports)
        if batch and (len(batch) + len(reports) > most_reports or text + length > _BATCH_TEXT_CHARACTERS):
            yield batch
            batch, text = [], 0
        batch.extend(reports)
        text += length
    if batch:
        yield batch


def _listed(job_ids: Iterable[JobId]) -> str:
    return ", ".join(map(str, sorted(job_ids))) or "none"
