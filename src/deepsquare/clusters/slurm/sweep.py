"""One look at all of Slurm for everybody who asks at the same time.

A hundred questions a second must not become a hundred `squeue` a second. Whoever asks while a sweep runs waits for
the next one, together with all others who asked meanwhile: an answer is never older than its question.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedSweep(Generic[Result]):
    """Runs `sweep`, one at a time, as often as needed and no more."""

    def __init__(self, sweep: Callable[[], Awaitable[Result]]) -> None:
        self._sweep = sweep
        self._running = asyncio.Lock()
        self._next: asyncio.Task[Result] | None = None

    async def take(self) -> Result:
        """The result of a sweep that began after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._run())
            self._next.add_done_callback(_hear)
        return await asyncio.shield(self._next)

    async def _run(self) -> Result:
        async with self._running:
            self._next = None  # who asks from now on gets a later sweep
            return await self._sweep()


def _hear(task: "asyncio.Task[Result]") -> None:
    """Take note of a failure although everybody who waited has gone: it was theirs alone to handle."""
    if not task.cancelled():
        task.exception()
