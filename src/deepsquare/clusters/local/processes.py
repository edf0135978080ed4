"""The processes of a job, seen by its keeper: who they are, what memory they hold, how they are ended.

A keeper is a subreaper: whatever a job starts, also what detaches itself by `setsid` or a double fork, stays a
descendant of the keeper. So the process tree below the keeper IS the job, and no process escapes it.
"""

import ctypes
import os
import signal
from collections.abc import Iterable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LOOKS_BEFORE_FORGETTING_STRANGERS = 20

_libc = ctypes.CDLL(None, use_errno=True)
_proc = Path("/proc")


def become_subreaper() -> None:
    """Adopt every descendant whose parent dies."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, argument: int) -> None:
    if _libc.prctl(option, argument, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}) failed: {os.strerror(error)}")


class ProcessTree:
    """All descendants of this process, looked up in /proc.

    A look costs one directory listing and one small read per process of the job: processes known to be
    strangers are not read again (for a while; process ids return).
    """

    def __init__(self) -> None:
        self._strangers: set[int] = set()
        self._looks = 0

    def look(self) -> set[int]:
        """The process ids of all descendants that have not ended."""
        self._looks += 1
        if self._looks % _LOOKS_BEFORE_FORGETTING_STRANGERS == 0:
            self._strangers.clear()
        parents: dict[int, int] = {}
        for name in os.listdir(_proc):  # noqa: PTH208 - names alone; Path objects would triple the cost of a look
            if name.isdigit() and (pid := int(name)) not in self._strangers:
                parent = _parent(pid)
                if parent is not None:
                    parents[pid] = parent
        ours = _descendants(os.getpid(), parents)
        self._strangers.update(parents.keys() - ours)
        return ours


def _descendants(ancestor: int, parents: dict[int, int]) -> set[int]:
    """Those of `parents` (child to parent) that descend from `ancestor`."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = [ancestor]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def _parent(pid: int) -> int | None:
    """The parent of a process; None where it has ended meanwhile, or is only waiting to be reaped."""
    try:
        stat = (_proc / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # pid (name) state ppid ...: the name may hold blanks and parentheses, so count from the last one.
    state, parent = stat[stat.rindex(b")") + 2 :].split(maxsplit=2)[:2]
    return None if state == b"Z" else int(parent)


def memory_bytes(pids: Iterable[int]) -> int:
    """Resident memory of the processes together; pages that they share count once for each."""
    total = 0
    for pid in pids:
        try:
            fields = (_proc / str(pid) / "statm").read_bytes().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields[1]) * _PAGE_BYTES
    return total


def fair_memory_bytes(pids: Iterable[int]) -> int:
    """Memory of the processes with shared pages counted once (PSS): exact, and too slow for every look."""
    total = 0
    for pid in pids:
        try:
            lines = (_proc / str(pid) / "smaps_rollup").read_bytes().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        except PermissionError:  # a set-uid program: its plain resident size must do
            total += memory_bytes([pid])
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith((b"Pss:", b"SwapPss:")))
    return total


def send(signal_number: signal.Signals, pids: Iterable[int]) -> None:
    """Signal processes; those that ended meanwhile, or became somebody else's, need none."""
    for pid in pids:
        try:
            os.kill(pid, signal_number)
        except (ProcessLookupError, PermissionError):
            continue
