"""From a claimed job to a job on the cluster: fetch the script, check it, look for the tag, submit.

The order keeps the promises. The hash is checked before the script touches the cluster; the chain is
read again after a fetch that took long, so that a cancel which came first wins; the intent is on disk
before the submit, so that after a crash nobody submits blindly.
"""

import asyncio
import hashlib
import logging
from dataclasses import replace

from deepsquare.chain import GridAddress
from deepsquare.clusters.port import ClusterJobId, JobRequest, SubmitRefused
from deepsquare.model import Job, JobStatus, JobTag
from deepsquare.supervisor import outcome
from deepsquare.supervisor.chainview import ChainView
from deepsquare.supervisor.entry import Entry
from deepsquare.supervisor.lifecycle import Rules, Submit, is_ours, limit_minutes
from deepsquare.supervisor.ports import Ports
from deepsquare.supervisor.redaction import public_reason
from deepsquare.supervisor.settings import SupervisorSettings

_log = logging.getLogger(__name__)

_FRESH_SECONDS = 1.0


def tag_of(grid: GridAddress, entry: Entry) -> JobTag:
    """The tag of an attempt's job on the cluster."""
    return JobTag(grid.chain_id, grid.meta_scheduler, entry.job_id, entry.attempt)


class Intake:
    """Brings claimed jobs onto the cluster."""

    def __init__(self, ports: Ports, view: ChainView, settings: SupervisorSettings) -> None:
        self._ports = ports
        self._settings = settings
        self._view = view
        self._fetches = asyncio.Semaphore(settings.pace.fetches_at_once)
        self._submits = asyncio.Semaphore(settings.pace.submits_at_once)

    async def submit(self, job: Job, entry: Entry, action: Submit, rules: Rules) -> None:
        """Do it, or note why it can never be done.

        Raises `GatewayError`, `ClusterError`, `ChainError` or `JournalUnavailable` where a later try may succeed.
        """
        async with self._fetches:
            script = await self._ports.gateway.fetch_script(job.id, self._ports.signer)
        actual = hashlib.sha256(script.encode()).hexdigest()
        if actual != job.definition.script_hash:
            await self._condemn(job, entry, actual)
            return
        async with self._submits:
            await self._hand_over(entry, script, action, rules)

    async def _condemn(self, job: Job, entry: Entry, actual: str) -> None:
        reason = (
            f"the gateway's script has the SHA-256 {actual[:16]}..., the job asks for "
            f"{job.definition.script_hash[:16]}...: it was not run; submit the workflow again"
        )
        _log.error("job %d: %s", job.id, reason)
        end = outcome.panicked(reason, now=self._ports.clock.now())
        await self._ports.journal.amend({entry.key: lambda now: replace(now, end=end)})

    async def _hand_over(self, entry: Entry, script: str, action: Submit, rules: Rules) -> None:
        job = await self._view.read_again(entry.job_id, self._ports.clock.now(), not_older_than_seconds=_FRESH_SECONDS)
        if not is_ours(job, entry, rules.provider) or job.status is not JobStatus.SCHEDULED:
            _log.info("job %d: not submitted, for it is %s on the chain now", job.id, job.status.name)
            return
        tag = tag_of(self._ports.chain.grid, entry)
        if action.may_exist and (found := await self._ports.cluster.find(tag)) is not None:
            await self._note(entry, found.id, limit_minutes=None)
            return
        request = _request(job, tag, script, limit_minutes(job, rules), self._settings)
        intended_at = self._ports.clock.now()
        await self._ports.journal.amend({entry.key: lambda now: replace(now, submit_intended_at=intended_at)})
        try:
            cluster_id = await self._ports.cluster.submit(request)
        except SubmitRefused as refusal:
            _log.warning("job %d: the cluster refuses it: %s", job.id, refusal)
            await self._ports.account.refuse(job.id, public_reason(f"the cluster refuses this job: {refusal}"))
            self._view.mark_changed([job.id])
            return
        _log.info("job %d: job %s on the cluster, limit %d min", job.id, cluster_id, request.time_limit_minutes)
        await self._note(entry, cluster_id, limit_minutes=request.time_limit_minutes)

    async def _note(self, entry: Entry, cluster_id: ClusterJobId, *, limit_minutes: int | None) -> None:
        def submitted(now: Entry) -> Entry:
            return replace(now, cluster_id=cluster_id, limit_minutes=limit_minutes or now.limit_minutes)

        await self._ports.journal.amend({entry.key: submitted})


def _request(job: Job, tag: JobTag, script: str, minutes: int, settings: SupervisorSettings) -> JobRequest:
    definition = job.definition
    return JobRequest(
        tag=tag,
        name=job.name,
        script=script,
        tasks=definition.tasks,
        cpus_per_task=definition.cpus_per_task,
        memory_per_cpu_mb=definition.memory_per_cpu_mb,
        gpus=definition.gpus,
        time_limit_minutes=minutes,
        environment=settings.environment(job.customer, tag),
    )
