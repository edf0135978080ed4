"""Telling asyncio listeners, on whatever loop, that there is a new block. A hint without content."""

import asyncio
import threading
from collections.abc import AsyncIterator


class Heads:
    """The listeners of one chain."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._is_closed = False

    def announce(self) -> None:
        """Wake everybody; from any thread."""
        with self._lock:
            listeners = list(self._listeners.items())
        for event, loop in listeners:
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:
                # The loop was closed with a listener still waiting on it: nobody is there to be told.
                self._forget(event)

    def close(self) -> None:
        """End all listening."""
        self._is_closed = True
        self.announce()

    async def listen(self) -> AsyncIterator[int | None]:
        """Yield at once and after every new block, several at once counting as one; ends when the chain is closed."""
        event = asyncio.Event()
        # Whoever looked at the chain before listening may have missed a block in between.
        event.set()
        with self._lock:
            self._listeners[event] = asyncio.get_running_loop()
        try:
            while True:
                if self._is_closed:
                    return
                await event.wait()
                event.clear()
                if not self._is_closed:
                    yield None
        finally:
            self._forget(event)

    def _forget(self, event: asyncio.Event) -> None:
        with self._lock:
            self._listeners.pop(event, None)
