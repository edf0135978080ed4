"""Locks on files that say who is alive.

The queue's lock is an ordinary `flock`. A keeper's lock is an open-file-description lock: it passes from the
process that starts a keeper to the keeper without a gap, falls in the moment the keeper dies however it dies, and
can be tested without being taken, so that looking never disturbs (a process id can do none of this).
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FLOCK = struct.Struct("hhqqi4x")
"""`struct flock` of 64-bit Linux: type, whence, start, length, pid."""

_WHOLE_FILE = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the queue's lock; waits for whoever has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def take_life_lock(path: Path) -> int:
    """A descriptor that holds the job's life lock. Raises `BlockingIOError` where a keeper lives."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _WHOLE_FILE)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def is_alive(path: Path) -> bool:
    """True where a keeper (or the process that is just starting it) holds the job's life lock."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _WHOLE_FILE)
    finally:
        os.close(descriptor)
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
