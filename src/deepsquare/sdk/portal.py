"""An event loop on a thread of its own: how the synchronous client drives the asynchronous core.

A loop of our own, not the caller's: the synchronous client works in a notebook, in a thread and beside a
running loop alike. Ctrl-C in the caller cancels what was asked for; nothing goes on behind its back.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Portal:
    """Runs coroutines for callers that have no event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="deepsquare", daemon=True)
        self._thread.start()

    def call(self, function: Callable[..., Coroutine[Any, Any, _Result]], *args: Any, **kwargs: Any) -> _Result:
        """What `await function(...)` would be."""
        if self._loop.is_closed():
            raise RuntimeError("this client is closed; make a new one")
        future: Future[_Result] = asyncio.run_coroutine_threadsafe(function(*args, **kwargs), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, stream: AsyncIterator[_Result]) -> Iterator[_Result]:
        """The items of an asynchronous stream; leaving the loop early closes the stream."""

        async def following() -> tuple[_Result, ...]:
            try:
                return (await anext(stream),)
            except StopAsyncIteration:
                return ()

        async def close() -> None:
            aclose = getattr(stream, "aclose", None)
            if aclose is not None:
                await aclose()

        try:
            while item := self.call(following):
                yield item[0]
        finally:
            self.call(close)

    @property
    def is_closed(self) -> bool:
        """True once `close` was called."""
        return self._loop.is_closed()

    def close(self) -> None:
        """End the thread. Closing twice does nothing."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        leftovers = asyncio.all_tasks(self._loop)
        for task in leftovers:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*leftovers, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
