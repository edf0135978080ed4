"""The threads that read the chain: one for all reads, and others for what waits while it is held up.

Python runs one thread at a time whatever is done; several that want to run at once only take it from each other, which
costs a tenth of the node's time. But nobody shall wait for a call that burns the gas of a whole block.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
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
        self._waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._busy_since: float | None = None

    def submit(self, read: Callable[[], T]) -> "Future[T]":
        """What `read` will answer."""
        answer: Future[T] = Future()
        self._waiting.put(lambda: _answer(answer, read))
        since = self._busy_since
        if since is not None and self._now() - since > PATIENCE_SECONDS:
            # Those that came before anybody knew that it would take long have waited longest.
            self._spare.submit(self._take_all)
        else:
            self._usual.submit(self._take_one)
        return answer

    def close(self) -> None:
        """Finish what was begun."""
        self._usual.shutdown()
        self._spare.shutdown()

    def _take_one(self) -> None:
        self._busy_since = self._now()
        try:
            self._take()
        finally:
            self._busy_since = None

    def _take_all(self) -> None:
        while self._take():
            pass

    def _take(self) -> bool:
        """Run the read that has waited longest; False where none waits."""
        try:
            run = self._waiting.get_nowait()
        except Empty:
            return False
        run()
        return True


def _answer(answer: "Future[T]", read: Callable[[], T]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        result = read()
    except BaseException as error:  # noqa: BLE001 - whoever asked shall have it
        answer.set_exception(error)
    else:
        answer.set_result(result)
