"""Waiting for what other tasks or the node bring, bounded by a clock that tests can move."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any

from deepsquare.chain.errors import ChainUnreachable
from deepsquare.chain.rpc import Rpc
from deepsquare.clock import Clock


async def wait_for_any(futures: Iterable[asyncio.Future[Any]], clock: Clock, timeout_seconds: float) -> None:
    """Return once one of the futures is done or the time is up; cancels none of them."""
    timer = asyncio.ensure_future(clock.sleep(timeout_seconds))
    try:
        await asyncio.wait({timer, *futures}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()


class HeadWait:
    """Waits for new blocks again and again, missing none that comes between two waits."""

    def __init__(self, rpc: Rpc, clock: Clock) -> None:
        self._rpc = rpc
        self._clock = clock
        self._heads: AsyncIterator[int | None] | None = None
        self._next: asyncio.Task[int | None] | None = None
        self.newest: int | None = None
        """The newest block that the node told of, where it tells; the chain may be further by now."""

    async def wait(self, timeout_seconds: float, *others: asyncio.Future[Any]) -> None:
        """Return at a new block, when one of the others is done, or when the time is up."""
        if self._next is None:
            self._heads = self._heads or self._rpc.new_heads()
            self._next = asyncio.create_task(_advance(self._heads), name="wait for a block")
        await wait_for_any([self._next, *others], self._clock, timeout_seconds)
        if self._next.done():
            heard, self._next = self._next, None
            self.newest = heard.result()

    async def close(self) -> None:
        """Stop listening."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait({self._next})
            self._next = None
        if isinstance(self._heads, AsyncGenerator):
            await self._heads.aclose()
        self._heads = None


async def _advance(heads: AsyncIterator[int | None]) -> int | None:
    try:
        return await anext(heads)
    except StopAsyncIteration:
        raise ChainUnreachable("the connection to the chain node was closed by this program") from None
