"""`SlurmCluster`: the port to a real Slurm.

Three sources tell how a job stands (`truth` weighs them): the queue (one `squeue` for all jobs), the history (`sacct`,
where the site keeps one) and the record of the job's own wrapper in the spool. Slurm that does not answer is a
transient error, never "no such job". Only jobs of the configured Unix account count as ours.
"""

import asyncio
import os
import pwd
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from deepsquare.clock import Clock, SystemClock
from deepsquare.clusters.port import (
    ClusterError,
    ClusterJob,
    ClusterJobId,
    ClusterNode,
    JobRequest,
    SubmitRefused,
    UnknownClusterJob,
)
from deepsquare.clusters.request import problem_of
from deepsquare.clusters.slurm.checks import OPERATOR_ADVICE, missing_on
from deepsquare.clusters.slurm.commands import CommandFailed, Commands
from deepsquare.clusters.slurm.node_text import SlurmNode, default_partition, labels_of, parse_nodes
from deepsquare.clusters.slurm.options import job_environment, sbatch_arguments
from deepsquare.clusters.slurm.settings import SlurmSettings
from deepsquare.clusters.slurm.spool import JobSpool, Spool
from deepsquare.clusters.slurm.sweep import SharedSweep
from deepsquare.clusters.slurm.view import Picture, View
from deepsquare.clusters.watch import Watch
from deepsquare.model import Address, JobTag, Label

UNSETTLED_LOOK_SECONDS = 0.1
"""How soon to look again when Slurm is about to say something new."""

_OVER_ALREADY = ("invalid job id", "already completing", "already completed", "already finished", "no longer")
"""Parts of Slurm's messages about a job that is over, or forgotten."""

_NO_RIGHT = ("access/permission denied", "access denied", "permission denied")


class SlurmCluster:
    """Slurm behind the cluster port. One object serves one event loop."""

    def __init__(self, settings: SlurmSettings, *, contract: Address, clock: Clock | None = None) -> None:
        self._settings = settings
        self._contract = contract
        self._clock = clock or SystemClock()
        self._account = _account(settings)
        self._spool = Spool(settings.spool, self._account)
        self._spool.create()
        self._commands = Commands(settings)
        self._view = View(
            settings,
            commands=self._commands,
            spool=self._spool,
            contract=contract,
            uid=self._account.pw_uid,
            clock=self._clock,
        )
        self._sweep = SharedSweep(self._view.look)
        self._newest = Picture({}, {}, unsettled=False)
        self._hurry = False
        self._watch = Watch()
        self._watch.add(self._spool.events)
        self._watched: set[JobTag] = set()

    async def check(self) -> Sequence[str]:
        """What is missing, each with the command an admin must run. Raises `ClusterError` while Slurm is silent."""
        return await missing_on(self._settings, self._commands, self._account, self._spool)

    async def nodes(self) -> Sequence[ClusterNode]:
        """The nodes of our partition."""
        return [node.machine for node in await self._slurm_nodes()]

    async def labels(self) -> Sequence[Label]:
        """What Slurm knows about most of the nodes."""
        return labels_of(await self._slurm_nodes())

    async def _slurm_nodes(self) -> list[SlurmNode]:
        partition = self._settings.partition
        if partition is None:
            partition = default_partition(await self._commands.run("scontrol", "show", "partition", "-o"))
        if partition is None:
            raise ClusterError("this Slurm has no default partition; name one in the settings", transient=False)
        return parse_nodes(await self._commands.run("scontrol", "show", "node", "-o"), partition)

    async def submit(self, request: JobRequest) -> ClusterJobId:
        """Queue a job. A tag that Slurm has already is the same job: it never runs twice."""
        problem = problem_of(request)
        if problem:
            raise SubmitRefused(problem)
        spool = self._spool.job(request.tag)
        if spool.path.exists():
            job = await self.find(request.tag)
            if job is not None:
                return job.id
        try:
            await asyncio.to_thread(spool.create, request, self._clock.now().timestamp())
        except OSError as error:
            raise ClusterError(
                f"the job {request.tag} cannot be written to the spool: {error}", transient=True
            ) from error
        self._watch_record_of(request.tag)
        return await self._sbatch(request, spool)

    async def _sbatch(self, request: JobRequest, spool: JobSpool) -> ClusterJobId:
        wrapper = resources.files("deepsquare.clusters.slurm") / "wrapper.sh"
        arguments = sbatch_arguments(self._settings, self._account, request, spool)
        try:
            answer = await self._commands.run(
                "sbatch",
                *arguments,
                str(wrapper),
                str(spool.path),
                str(self._settings.output_limit_bytes),
                request.name,
                environment=job_environment(self._settings, self._account, request),
            )
        except CommandFailed as error:
            if error.transient:
                raise
            await asyncio.to_thread(self._spool.remove, request.tag)
            raise SubmitRefused(f"Slurm refused the job {request.tag}: {error.reason}") from error
        job_id = answer.strip().partition(";")[0]
        if not job_id.isdigit():
            raise ClusterError(f"sbatch answered {answer!r} instead of a job id; look for the tag", transient=True)
        await asyncio.to_thread(spool.keep_id, job_id)
        return ClusterJobId(job_id)

    async def find(self, tag: JobTag) -> ClusterJob | None:
        """The newest job with this tag."""
        return (await self._look()).jobs.get(tag)

    async def jobs(self) -> Sequence[ClusterJob]:
        """All jobs of our contract."""
        return list((await self._look()).jobs.values())

    async def _look(self) -> Picture:
        picture = self._newest = await self._sweep.take()
        alive = [job.tag for job in picture.jobs.values() if not job.state.is_over]
        # Whoever is watched for the first time may have written before that: look once more, soon.
        newly_watched = [tag for tag in alive if tag not in self._watched and self._watch_record_of(tag)]
        if picture.unsettled or newly_watched:
            self._expect_news()
        else:
            self._hurry = False
        return picture

    def _expect_news(self) -> None:
        """From now on look again soon, whether a file changes or not."""
        if not self._hurry:
            self._hurry = True
            self._watch.end_waits()  # they began before it was known that they must be short

    def _watch_record_of(self, tag: JobTag) -> bool:
        """Hear of what a job's wrapper writes; True where we did not before."""
        is_new = self._watch.add(self._spool.job(tag).record, written_only=True)
        if is_new:
            self._watched.add(tag)
        return is_new

    async def cancel(self, job_id: ClusterJobId) -> None:
        """TERM to every process, then KILL after the cluster's KillWait."""
        tag = await self._tag_of(job_id)
        await asyncio.to_thread(self._spool.job(tag).mark_cancelled)
        self._expect_news()
        try:
            await self._commands.run("scancel", "--quiet", job_id)
        except CommandFailed as error:
            if not _says(error, _OVER_ALREADY):
                raise

    async def set_time_limit(self, job_id: ClusterJobId, minutes: int) -> None:
        """Set the limit in whole minutes from the job's start; raising a running job's needs an operator."""
        tag = await self._tag_of(job_id)
        try:
            await self._commands.run("scontrol", "update", f"JobId={job_id}", f"TimeLimit={minutes}")
        except CommandFailed as error:
            if _says(error, _NO_RIGHT):
                raise ClusterError(
                    f"Slurm does not let us set the time limit of the job {job_id}; {OPERATOR_ADVICE}", transient=False
                ) from error
            if _says(error, _OVER_ALREADY):
                raise ClusterError(f"the job {job_id} is over; its time limit stays", transient=False) from error
            raise
        await asyncio.to_thread(self._spool.job(tag).keep_limit, minutes)

    async def _tag_of(self, job_id: ClusterJobId) -> JobTag:
        """The tag of a job of ours. Foreign jobs are unknown jobs: nothing is ever done to them."""
        for tag, job in (await self._look()).jobs.items():
            if job.id == job_id:
                return tag
        raise UnknownClusterJob(f"Slurm knows no job {job_id} of ours; it may have been forgotten already")

    def output_path(self, tag: JobTag) -> Path:
        """The job's output, in the spool."""
        return self._spool.job(tag).output

    async def changed(self, timeout_seconds: float) -> None:
        """Return when a job's wrapper or Slurm's jobcomp script wrote something, or Slurm is about to say more."""
        if not self._hurry and await self._watch.wait(timeout_seconds):
            return
        if self._hurry:
            await self._watch.wait(min(timeout_seconds, UNSETTLED_LOOK_SECONDS))

    async def forget(self, tag: JobTag) -> None:
        """Remove the job's folder; a leftover that Slurm queued again is cancelled. A living job stays: an error.

        What was over at the last look is over: only of other jobs Slurm is asked again.
        """
        picture = self._newest if self._newest.has_ended(tag) else await self._look()
        job = picture.jobs.get(tag)
        if job is not None and not job.state.is_over:
            raise ClusterError(f"the job {tag} is not over yet; cancel it first", transient=True)
        if tag in picture.alive:
            await self._commands.run("scancel", "--quiet", picture.alive[tag])
        self._watched.discard(tag)
        await asyncio.to_thread(self._spool.remove, tag)
        if job is not None:
            self._view.forget(job.id)


def _account(settings: SlurmSettings) -> pwd.struct_passwd:
    """The Unix account of our jobs."""
    if settings.user is None:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam(settings.user)
    except KeyError:
        raise ClusterError(
            f"this machine has no account {settings.user}; create it: useradd --system {settings.user}", transient=False
        ) from None


def _says(error: CommandFailed, parts: Sequence[str]) -> bool:
    reason = error.reason.lower()
    return any(part in reason for part in parts)
