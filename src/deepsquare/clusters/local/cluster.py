"""`LocalCluster`: the port to the embedded cluster, a thin face over folders.

Whatever it answers it has read from the jobs' folders; it keeps nothing in memory, so a second process (or the
same supervisor after a crash) that opens the root sees the same. Disk work runs in threads.
"""

import asyncio
import errno
import os
import re
import shlex
import shutil
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deepsquare.clusters.detect import machine_labels
from deepsquare.clusters.local.ends import read_end, started_at
from deepsquare.clusters.local.layout import JobFolder, Root
from deepsquare.clusters.local.locks import held, is_alive
from deepsquare.clusters.local.placement import place
from deepsquare.clusters.local.queue import LOST_DETAIL, Queue, need_of
from deepsquare.clusters.port import (
    ClusterError,
    ClusterJob,
    ClusterJobId,
    ClusterNode,
    JobRequest,
    NodeState,
    RunState,
    SubmitRefused,
    UnknownClusterJob,
)
from deepsquare.clusters.records import sync_folder, write_json
from deepsquare.clusters.request import problem_of
from deepsquare.clusters.watch import Watch
from deepsquare.model import Address, InvalidTag, JobTag, Label, Node

HALF_WRITTEN_SECONDS = 3600.0

_JOB_NAME = re.compile(r"\Adps-[0-9a-fx-]+\Z")


def this_machine(name: str = "localhost") -> ClusterNode:
    """The machine we run on as one node: its CPUs and its memory; GPUs are declared by whoever has some."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return ClusterNode(name, Node(cpus=len(os.sched_getaffinity(0)), memory_mb=memory_mb), NodeState.UP)


class LocalCluster:
    """Processes on this machine behind the cluster port.

    `nodes` are declared, they may be smaller or larger than the machine (virtual CPUs then share real ones). They and
    the limits hold for jobs submitted from now on. `minute_seconds` is the length of a minute of a time limit: a
    rehearsal of long jobs may shorten it.
    """

    def __init__(
        self,
        root: Path,
        nodes: Sequence[ClusterNode] | None = None,
        *,
        contract: Address,
        output_limit_bytes: int = 64 << 20,
        grace_seconds: float = 10.0,
        minute_seconds: float = 60.0,
    ) -> None:
        self._root = Root(root.absolute())
        self._contract = contract
        self._nodes = tuple(nodes) if nodes is not None else (this_machine(),)
        self._output_limit_bytes = output_limit_bytes
        self._grace_seconds = grace_seconds
        self._minute_seconds = minute_seconds
        self._queue = Queue(self._root)
        self._prepare()
        self._watch = Watch()
        self._watch.add(self._root.pulse)

    def _prepare(self) -> None:
        """Create what is missing under the root and declare the nodes."""
        for folder in (self._root.path, self._root.jobs, self._root.bin):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root.pulse.touch(mode=0o600)
        self._remove_half_written()
        nodes = [{"name": node.name, **asdict(node.resources), "state": node.state.value} for node in self._nodes]
        with held(self._root.lock):
            write_json(self._root.nodes, {"nodes": nodes})
            program = f"{shlex.quote(sys.executable)} -P -m deepsquare.clusters.local.srun"
            fresh = self._root.bin / f".srun.{os.getpid()}"
            fresh.write_text(f'#!/bin/sh\nexec {program} "$@"\n', encoding="utf-8")
            fresh.chmod(0o700)
            fresh.replace(self._root.srun)

    def _remove_half_written(self) -> None:
        """Delete what submissions that died on their way left behind; one that is still on its way is young."""
        for path in self._root.jobs.glob(".*"):
            try:
                if time.time() - path.stat().st_mtime > HALF_WRITTEN_SECONDS:
                    shutil.rmtree(path)
            except FileNotFoundError:  # another process was quicker
                continue

    async def check(self) -> Sequence[str]:
        """What this machine lacks; the embedded cluster needs Linux and little else."""
        missing = []
        if not sys.platform.startswith("linux"):
            missing.append("the local cluster needs Linux: run the supervisor on a Linux machine")
        if not os.access(self._root.jobs, os.W_OK):
            missing.append(f"{self._root.jobs} is not writable: chown -R $(id -un) {shlex.quote(str(self._root.path))}")
        return missing

    async def nodes(self) -> Sequence[ClusterNode]:
        """The nodes as declared."""
        return self._nodes

    async def labels(self) -> Sequence[Label]:
        """What this machine says about itself."""
        return await asyncio.to_thread(machine_labels)

    async def submit(self, request: JobRequest) -> ClusterJobId:
        """Queue a job, start it if there is room. A tag that is here already is the same job: nothing runs twice."""
        return await asyncio.to_thread(self._submit, request)

    def _submit(self, request: JobRequest) -> ClusterJobId:
        problem = problem_of(request)
        if problem:
            raise SubmitRefused(problem)
        try:
            self._enqueue(request)
        except OSError as error:
            raise ClusterError(f"the job {request.tag} could not be written: {error}", transient=True) from error
        self._queue.tend()
        return ClusterJobId(str(request.tag))

    def _enqueue(self, request: JobRequest) -> None:
        """Write the job's folder aside and move it into place in one step; the first of several wins."""
        folder = self._root.job(str(request.tag))
        if folder.path.exists():
            return
        content = self._request_file(request)
        if place(need_of(content), list(self._queue.rooms(whatever_state=True).values())) is None:
            raise SubmitRefused(
                f"the job {request.tag} fits on no nodes of this cluster even when they are empty: it asks for "
                f"{request.tasks} x {request.cpus_per_task} CPUs with {request.memory_per_cpu_mb} MB each and "
                f"{request.gpus} GPUs; ask for less"
            )
        aside = JobFolder(self._root.jobs / f".{uuid.uuid4().hex}")
        aside.work.mkdir(parents=True, mode=0o700)
        with aside.script.open("w", encoding="utf-8") as script:
            script.write(request.script)
            script.flush()
            os.fsync(script.fileno())
        aside.output.touch(mode=0o600)
        write_json(aside.request, {**content, "number": self._queue.next_number()})
        try:
            aside.path.rename(folder.path)
        except OSError as error:
            shutil.rmtree(aside.path)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        sync_folder(self._root.jobs)

    def _request_file(self, request: JobRequest) -> dict[str, Any]:
        """The request as its file holds it, with the site's rules of this moment."""
        return {
            "tag": str(request.tag),
            "name": request.name,
            "tasks": request.tasks,
            "cpus_per_task": request.cpus_per_task,
            "memory_per_cpu_mb": request.memory_per_cpu_mb,
            "gpus": request.gpus,
            "environment": dict(request.environment),
            "limit_seconds": request.time_limit_minutes * self._minute_seconds,
            "output_limit_bytes": self._output_limit_bytes,
            "grace_seconds": self._grace_seconds,
        }

    async def find(self, tag: JobTag) -> ClusterJob | None:
        """The job with this tag."""
        return await asyncio.to_thread(self._find, tag)

    def _find(self, tag: JobTag) -> ClusterJob | None:
        folder = self._root.job(str(tag))
        job = self._read(folder)
        if job is not None and job.state is RunState.LOST and job.ended_at is None:
            self._queue.tend()
            job = self._read(folder)
        return job

    async def jobs(self) -> Sequence[ClusterJob]:
        """Every job of our contract, waiting, running or over and not yet forgotten."""
        return await asyncio.to_thread(self._jobs)

    def _jobs(self) -> list[ClusterJob]:
        self._queue.tend()
        return [job for folder in self._root.folders() if (job := self._read(folder)) is not None]

    def _read(self, folder: JobFolder) -> ClusterJob | None:
        """A job from its folder; None for a foreign one, or one that is just being forgotten."""
        try:
            tag = JobTag.parse(folder.path.name, self._contract)
        except InvalidTag:
            return None
        if not folder.request.exists():
            return None
        job_id = ClusterJobId(folder.path.name)
        alive = is_alive(folder.lock)  # before the records: what dies after this look has left its end record
        ended = None if alive else read_end(folder)
        if ended is not None:
            return ClusterJob(
                job_id,
                tag,
                ended.state,
                started_at=ended.started_at,
                ended_at=ended.ended_at,
                exit_code=ended.exit_code,
                detail=ended.detail,
            )
        if not folder.started.exists():
            return ClusterJob(job_id, tag, RunState.QUEUED, detail="starting" if alive else "waits for room")
        if alive:
            return ClusterJob(job_id, tag, RunState.RUNNING, started_at=started_at(folder))
        return ClusterJob(job_id, tag, RunState.LOST, started_at=started_at(folder), detail=LOST_DETAIL)

    async def cancel(self, job_id: ClusterJobId) -> None:
        """Have the job's keeper end it, or take it out of the queue."""
        await asyncio.to_thread(self._cancel, job_id)

    def _cancel(self, job_id: ClusterJobId) -> None:
        folder = self._folder_of(job_id)
        folder.cancel.touch(mode=0o600)
        self._queue.end_if_waiting(folder)

    async def set_time_limit(self, job_id: ClusterJobId, minutes: int) -> None:
        """Set the limit, counted from the job's start."""
        await asyncio.to_thread(self._set_time_limit, job_id, minutes)

    def _set_time_limit(self, job_id: ClusterJobId, minutes: int) -> None:
        folder = self._folder_of(job_id)
        if not is_alive(folder.lock) and read_end(folder) is not None:
            raise ClusterError(f"the job {job_id} is over; its time limit cannot change any more", transient=False)
        with held(self._root.lock):
            write_json(folder.limit, {"seconds": minutes * self._minute_seconds})

    def _folder_of(self, job_id: ClusterJobId) -> JobFolder:
        folder = self._root.job(job_id)
        if not _JOB_NAME.match(job_id) or not folder.request.exists():
            raise UnknownClusterJob(f"this cluster has no job {job_id}; it may have been forgotten already")
        return folder

    def output_path(self, tag: JobTag) -> Path:
        """The job's output file; it is there from the submission on."""
        return self._root.job(str(tag)).output

    async def changed(self, timeout_seconds: float) -> None:
        """Return when a keeper or another process announced something."""
        await self._watch.wait(timeout_seconds)

    async def forget(self, tag: JobTag) -> None:
        """Remove the folder of an ended job; one that is still alive stays, with an error."""
        await asyncio.to_thread(self._forget, tag)

    def _forget(self, tag: JobTag) -> None:
        folder = self._root.job(str(tag))
        with held(self._root.lock):
            if not folder.path.exists():
                return
            if is_alive(folder.lock) or read_end(folder) is None:
                raise ClusterError(f"the job {tag} is not over yet; cancel it first", transient=True)
            aside = self._root.jobs / f".{uuid.uuid4().hex}"
            os.utime(folder.path)  # young again: nobody else cleans it up meanwhile
            folder.path.rename(aside)
        shutil.rmtree(aside)
