"""The threads that read the chain: one for all reads, and others for what comes while it is held up.

Python runs one thread at a time whatever is done; several that want to run at once only take it from each other, which
costs a tenth of the node's time. But nobody shall wait for a call that burns the gas of a whole block.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

PATIENCE_SECONDS: Final = 0.1
"""Longer than nearly all reads take."""
_SPARE_THREADS: Final = 3

T = TypeVar("T")


class Readers:
    """Runs reads. `now` tells seconds that only grow."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._usual = ThreadPoolExecutor(1, "chain-reader")
        self._spare = ThreadPoolExecutor(_SPARE_THREADS, "chain-spare-reader")
        self._busy_since: float | None = None

    def submit(self, read: Callable[[], T]) -> "Future[T]":
        """What `read` will answer."""
        since = self._busy_since
        if since is not None and self._now() - since > PATIENCE_SECONDS:
            return self._spare.submit(read)
        return self._usual.submit(self._timed, read)

    def close(self) -> None:
        """Finish what was begun."""
        self._usual.shutdown()
        self._spare.shutdown()

    def _timed(self, read: Callable[[], T]) -> T:
        self._busy_since = self._now()
        try:
            return read()
        finally:
            self._busy_since = None
