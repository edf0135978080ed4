"""Waiting for the end of processes that are nobody's here to reap."""

import time
from collections.abc import Sequence

import psutil

_PAUSE_SECONDS = 0.02


def left_of(processes: Sequence[psutil.Process], patience_seconds: float) -> list[psutil.Process]:
    """Those that still run after so long.

    One that has ended counts at once: an orphan is the machine's init's, which may take seconds to reap it.
    """
    give_up_at = time.monotonic() + patience_seconds
    while (left := [process for process in processes if _runs(process)]) and time.monotonic() < give_up_at:
        time.sleep(_PAUSE_SECONDS)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
