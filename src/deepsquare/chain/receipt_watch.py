"""Receipts of many transactions, looked up together: one round trip per block, however many are awaited."""

import asyncio
import logging
from collections.abc import Sequence

from deepsquare.chain.errors import ChainError, ChainUnreachable
from deepsquare.chain.receipt import Receipt
from deepsquare.chain.rpc import Rpc
from deepsquare.chain.waiting import HeadWait, wait_for_any
from deepsquare.clock import Clock

logger = logging.getLogger(__name__)


class ReceiptWatch:
    """Finds receipts for whoever waits. It works only while somebody does, so it needs no closing."""

    def __init__(self, rpc: Rpc, clock: Clock, poll_seconds: float) -> None:
        self._rpc = rpc
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._awaited: dict[str, asyncio.Future[Receipt]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def first_of(self, hashes: Sequence[str], timeout_seconds: float) -> Receipt | None:
        """The receipt of whichever of these transactions is taken in; None when the time is up."""
        futures = {hash_: asyncio.get_running_loop().create_future() for hash_ in hashes}
        self._awaited.update(futures)
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="await receipts")
        try:
            await wait_for_any(futures.values(), self._clock, timeout_seconds)
            return next((future.result() for future in futures.values() if future.done()), None)
        finally:
            for hash_ in hashes:
                self._awaited.pop(hash_, None)
            self._changed.set()

    async def _run(self) -> None:
        heads = HeadWait(self._rpc, self._clock)
        try:
            while self._awaited:
                self._changed.clear()
                await self._collect(tuple(self._awaited))
                if any(not future.done() for future in self._awaited.values()):
                    await self._pause(heads)
                else:
                    await self._changed.wait()
        finally:
            # Before the next await: whoever comes from here on must start a new task.
            self._task = None
            await heads.close()

    async def _pause(self, heads: HeadWait) -> None:
        changed = asyncio.create_task(self._changed.wait())
        try:
            await heads.wait(self._poll_seconds, changed)
        except ChainUnreachable as error:
            logger.warning("no wake-ups for receipts: %s", error)
            await wait_for_any([changed], self._clock, self._poll_seconds)
        finally:
            changed.cancel()

    async def _collect(self, hashes: Sequence[str]) -> None:
        try:
            answers = await self._rpc.batch([("eth_getTransactionReceipt", [hash_]) for hash_ in hashes])
        except ChainError as error:
            # The transactions are out; only the news about them is late. Whoever waits has a bound of their own.
            logger.warning("receipts cannot be read, trying again: %s", error)
            return
        for hash_, answer in zip(hashes, answers, strict=True):
            future = self._awaited.get(hash_)
            if answer is not None and future is not None and not future.done():
                future.set_result(Receipt.parse(answer))
