"""Wake up when something happens in a set of files or folders, by inotify.

One descriptor lives as long as the adapter: what happens between two waits stays in the kernel's queue and ends
the next wait at once, so no change is missed. (Ready-made watchers open a descriptor per wait and cannot tell
when they are armed; that gap would be a lost wake-up.) It never says WHAT changed: the caller looks.
Network file systems report only what this machine does; callers poll as well.
"""

import asyncio
import ctypes
import errno
import os
import struct
import weakref
from collections.abc import Iterator
from pathlib import Path

_IN_MODIFY, _IN_ATTRIB, _IN_CLOSE_WRITE, _IN_MOVED_TO, _IN_CREATE = 0x2, 0x4, 0x8, 0x80, 0x100
_EVENTS = _IN_MODIFY | _IN_ATTRIB | _IN_MOVED_TO | _IN_CREATE
_IN_IGNORED = 0x8000
"""The kernel's last word on a path that is gone."""
_QUEUE_READ_BYTES = 65536
_HEADER = struct.Struct("iIII")
"""Of an event: number of the watch, what happened, cookie, length of the name that follows."""

_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """A set of watched paths and the wait for the next event on any of them."""

    def __init__(self) -> None:
        descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"no inotify watch: {os.strerror(error)}; raise fs.inotify.max_user_instances")
        self._descriptor: int = descriptor
        self._waiters: set[asyncio.Future[bool]] = set()
        self._numbers: set[int] = set()
        weakref.finalize(self, os.close, descriptor)

    def add(self, path: Path, *, written_only: bool = False) -> bool:
        """Watch `path` too; True where it was not watched before. A path that is gone is none of our business.

        `written_only`: files count once their writer has closed them or renamed them into place, not before.
        """
        events = _IN_CLOSE_WRITE | _IN_MOVED_TO if written_only else _EVENTS
        number = _libc.inotify_add_watch(self._descriptor, os.fsencode(path), events)
        if number < 0:
            error = ctypes.get_errno()
            if error == errno.ENOENT:
                return False
            raise OSError(error, f"cannot watch {path}: {os.strerror(error)}; raise fs.inotify.max_user_watches")
        is_new = number not in self._numbers
        self._numbers.add(number)
        return is_new

    async def wait(self, timeout_seconds: float) -> bool:
        """Return at the next event (or at once for one since the last wait), at the latest after the timeout.

        True where there was an event; False after the timeout, or where `end_waits` was called.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiters.add(waiter)
        loop.add_reader(self._descriptor, self._wake)
        try:
            return await asyncio.wait_for(waiter, timeout_seconds)
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
            if not self._waiters:
                loop.remove_reader(self._descriptor)

    def end_waits(self) -> None:
        """Have everybody who waits go on although nothing happened."""
        self._tell(happened=False)

    def _wake(self) -> None:
        """Empty the kernel's queue and wake everybody who waits, but for paths that are gone."""
        happened = False
        for number, what in _events(os.read(self._descriptor, _QUEUE_READ_BYTES)):
            if what & _IN_IGNORED:
                self._numbers.discard(number)
            else:
                happened = True
        if happened:
            self._tell(happened=True)

    def _tell(self, *, happened: bool) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(happened)


def _events(queue: bytes) -> Iterator[tuple[int, int]]:
    """Which watch, and what happened, of each event."""
    offset = 0
    while offset < len(queue):
        number, what, _, name_bytes = _HEADER.unpack_from(queue, offset)
        yield number, what
        offset += _HEADER.size + name_bytes
