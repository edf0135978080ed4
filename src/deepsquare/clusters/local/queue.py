"""The queue of a local cluster: strictly first in, first out, over the declared nodes.

There is no daemon. Whoever changes something (a submission, a job's end, a cancel) holds the queue's lock and lets
in what fits; whoever merely looks does the same, so a crash in between heals at the next look. A keeper that is
gone without an end record has lost its job: what is left of that is killed, and the record says so.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deepsquare.clusters.local.ends import read_end, started_at
from deepsquare.clusters.local.environment import JOB_FOLDER_VARIABLE
from deepsquare.clusters.local.layout import JobFolder, Root
from deepsquare.clusters.local.locks import held, is_alive, take_life_lock
from deepsquare.clusters.local.placement import Need, Room, Share, place
from deepsquare.clusters.local.processes import send
from deepsquare.clusters.records import read_json, write_json

logger = logging.getLogger(__name__)

_KEEPER = "deepsquare.clusters.local.keeper"
_LOOKS_FOR_LEFTOVERS = 100
_PAUSE_SECONDS = 0.01

LOST_DETAIL = "the job's keeper is gone: killed, or the machine restarted"


class Queue:
    """The jobs of one root that wait, and the room that those before them left."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def tend(self) -> None:
        """Settle jobs whose keeper is gone, then start what fits."""
        with held(self._root.lock):
            self._tend()

    def next_number(self) -> int:
        """The number of the next job: its place in the queue."""
        with held(self._root.lock):
            number = int((read_json(self._root.counter) or {}).get("last", 0)) + 1
            write_json(self._root.counter, {"last": number}, durable=False)
        return number

    def end_if_waiting(self, folder: JobFolder) -> None:
        """Write the end of a job that has not begun and is to be cancelled; one that has begun ends by its keeper."""
        with held(self._root.lock):
            if not (is_alive(folder.lock) or folder.started.exists() or read_end(folder)):
                self._write_end(folder, "cancelled", None, "")
            self._tend()

    def _tend(self) -> None:
        running: list[Share] = []
        waiting: list[tuple[int, JobFolder, dict[str, Any]]] = []
        for folder in self._root.folders():
            if is_alive(folder.lock):
                running += _shares(folder)
            elif read_end(folder) is not None:
                continue
            elif folder.started.exists():
                self._settle_lost(folder)
            elif request := read_json(folder.request):
                waiting.append((int(request["number"]), folder, request))
        self._start_what_fits(running, [(folder, request) for _, folder, request in sorted(waiting, key=_by_number)])

    def _start_what_fits(self, running: Iterable[Share], waiting: Sequence[tuple[JobFolder, dict[str, Any]]]) -> None:
        rooms = self.rooms()
        for share in running:
            if share.node in rooms:
                rooms[share.node] = rooms[share.node].without(share)
        starters: list[tuple[JobFolder, subprocess.Popen[bytes]]] = []
        for folder, request in waiting:
            shares = place(need_of(request), list(rooms.values()))
            if shares is None:
                break
            for share in shares:
                rooms[share.node] = rooms[share.node].without(share)
            starters.append((folder, _start_keeper(folder, shares)))
        for folder, starter in starters:
            if starter.wait():
                logger.error(
                    "the keeper of %s did not start; the next look tries again; see %s", folder.path, folder.log
                )

    def rooms(self, *, whatever_state: bool = False) -> dict[str, Room]:
        """The declared nodes as if nothing ran on them; those that take no work only if asked for."""
        nodes = (read_json(self._root.nodes) or {}).get("nodes", [])
        rooms, first_cpu = {}, 0
        for node in nodes:
            cpus = range(first_cpu, first_cpu + node["cpus"])
            first_cpu += node["cpus"]
            if whatever_state or node["state"] == "up":
                rooms[node["name"]] = Room(node["name"], tuple(cpus), node["memory_mb"], tuple(range(node["gpus"])))
        return rooms

    def _settle_lost(self, folder: JobFolder) -> None:
        _kill_marked(folder)
        began = started_at(folder)
        self._write_end(folder, "lost", None if began is None else began.timestamp(), LOST_DETAIL)

    def _write_end(self, folder: JobFolder, state: str, started_at: float | None, detail: str) -> None:
        record = {
            "state": state,
            "exit_code": None,
            "started_at": started_at,
            "ended_at": time.time(),
            "detail": detail,
        }
        write_json(folder.ended, record)
        self._root.announce()


def need_of(request: dict[str, Any]) -> Need:
    """What the job in a request file asks for."""
    cpus_per_task = int(request["cpus_per_task"])
    memory_per_task_mb = cpus_per_task * int(request["memory_per_cpu_mb"])
    return Need(int(request["tasks"]), cpus_per_task, memory_per_task_mb, int(request["gpus"]))


def _by_number(entry: tuple[int, JobFolder, dict[str, Any]]) -> int:
    return entry[0]


def _shares(folder: JobFolder) -> list[Share]:
    allocation = read_json(folder.allocation) or {"shares": []}
    return [
        Share(share["node"], share["tasks"], tuple(share["cpus"]), share["memory_mb"], tuple(share["gpus"]))
        for share in allocation["shares"]
    ]


def _start_keeper(folder: JobFolder, shares: Sequence[Share]) -> subprocess.Popen[bytes]:
    """Give the job its room and start its keeper, which takes over the life lock; `setsid` detaches it from us."""
    machine = sorted(os.sched_getaffinity(0))
    # Nodes may be declared larger than the machine: virtual CPUs wrap around the real ones.
    affinity = sorted({machine[cpu % len(machine)] for share in shares for cpu in share.cpus})
    allocation = {
        "affinity": affinity,
        "shares": [
            {
                "node": share.node,
                "tasks": share.tasks,
                "cpus": share.cpus,
                "memory_mb": share.memory_mb,
                "gpus": share.gpus,
            }
            for share in shares
        ],
    }
    write_json(folder.allocation, allocation, durable=False)
    life_lock = take_life_lock(folder.lock)
    try:
        with folder.log.open("ab") as log:
            return subprocess.Popen(
                ["setsid", "--fork", sys.executable, "-P", "-m", _KEEPER, str(folder.path), str(life_lock)],
                pass_fds=[life_lock],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd="/",
                env={name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
            )
    finally:
        os.close(life_lock)


def _kill_marked(folder: JobFolder) -> None:
    """KILL what a dead keeper left behind: every process that carries the job's mark in its environment."""
    mark = f"{JOB_FOLDER_VARIABLE}={folder.path}".encode()
    for _ in range(_LOOKS_FOR_LEFTOVERS):
        left = [pid for pid in _processes() if mark in _environment(pid)]
        if not left:
            return
        send(signal.SIGKILL, left)
        time.sleep(_PAUSE_SECONDS)


def _processes() -> Iterable[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _environment(pid: int) -> list[bytes]:
    """The start environment of a process; empty for one that has ended or is not ours."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
