"""The events of a grid, complete and in order, from a cursor that the caller keeps.

Events are read by block range and never from a subscription, which can lose some; a subscription only
wakes the reader. The reader itself remembers nothing that matters: after a crash, read again from the
stored cursor. A range read twice gives equal events twice, so callers apply them as facts ("the job is
RUNNING"), never as steps.

With `confirmations` 0 an event counts as soon as it stands in a block, which is right for a chain that
never takes one back. On others set it to the depth below which blocks stay.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from deepsquare.chain import abi, events
from deepsquare.chain.errors import RpcError
from deepsquare.chain.events import GridEvent
from deepsquare.chain.ledger import Ledger
from deepsquare.chain.receipt import Log
from deepsquare.chain.waiting import HeadWait
from deepsquare.clock import Clock, SystemClock
from deepsquare.model import Address

logger = logging.getLogger(__name__)

SERVICE_PAUSE_SECONDS = 0.2
"""The pause of a service's reader: on a busy grid it reads at once what many blocks brought, and acts on it together.

Each look of each service, and each transaction that follows from it, costs the node and the service milliseconds.
"""

_WIDEST_RANGE_BLOCKS = 5_000
_Query = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventPage:
    """What one read found."""

    events: tuple[GridEvent, ...]
    next_block: int
    """The cursor to store once the events are dealt with: where the next read begins."""
    reached_head: bool
    """False where more is there to be read at once."""


class EventReader:
    """Reads the events of a grid: all of them, those of one name, about registrations, or that concern one provider."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        provider: Address | None = None,
        only: str | None = None,
        registrations: bool = False,
        confirmations: int = 0,
        pause_seconds: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        """`only` is the name of an event of jobs; `registrations`: only what happens to those of providers.

        `pause_seconds` lie at least between two wake-ups: the first block after a quiet time wakes at once.
        """
        self._ledger = ledger
        self._confirmations = confirmations
        if provider is not None:
            self._queries = _of_provider(ledger, provider)
        elif only is not None:
            self._queries = _of_name(ledger, only)
        elif registrations:
            self._queries = [_query([ledger.provider_manager], events.topics(abi.PROVIDER_MANAGER))]
        else:
            self._queries = _all_of(ledger)
        self._range_blocks = _WIDEST_RANGE_BLOCKS
        self._is_behind = False
        self._pause = timedelta(seconds=pause_seconds)
        self._clock = clock or SystemClock()
        self._next_wake = self._clock.now()
        self._heads = HeadWait(ledger.rpc, self._clock)

    async def read(self, from_block: int, *, only: str | None = None) -> EventPage:
        """The events from a block on, up to the head or to the widest range that the node answers.

        `only`: those of one name, whatever the reader reads else.
        Raises `ChainUnreachable`, or `RpcError` where the node refuses even a single block.
        """
        last = await self._last_block(from_block)
        while True:
            to_block = min(last, from_block + self._range_blocks - 1)
            if to_block < from_block:
                self._is_behind = False
                return EventPage((), from_block, reached_head=True)
            logs = await self._logs(
                self._queries if only is None else _of_name(self._ledger, only), from_block, to_block
            )
            if logs is not None:
                break
        self._is_behind = to_block < last
        self._range_blocks = min(2 * self._range_blocks, _WIDEST_RANGE_BLOCKS)
        found = [event for log in logs if (event := events.decode(log)) is not None]
        return EventPage(tuple(found), to_block + 1, reached_head=not self._is_behind)

    async def _last_block(self, from_block: int) -> int:
        """The last block that counts: the one the node told of, or what it says now where that was read already."""
        told = self._heads.newest
        if told is None or told - self._confirmations < from_block:
            told = int(await self._ledger.rpc.request("eth_blockNumber"), 16)
        return told - self._confirmations

    async def wake(self, timeout_seconds: float) -> None:
        """Return when there may be something to read, at the latest when the time is up."""
        if not self._is_behind:
            pause_seconds = max(0.0, (self._next_wake - self._clock.now()).total_seconds())
            if pause_seconds >= timeout_seconds:
                await self._clock.sleep(timeout_seconds)
                return
            if pause_seconds:
                await self._clock.sleep(pause_seconds)
            await self._heads.wait(timeout_seconds - pause_seconds)
        self._next_wake = self._clock.now() + self._pause

    async def close(self) -> None:
        """Stop listening for new blocks."""
        await self._heads.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def _logs(self, queries: Sequence[_Query], from_block: int, to_block: int) -> list[Log] | None:
        """The logs of a range in order, each once; None where the range has been halved, or the node lags behind."""
        bounds = {"fromBlock": hex(from_block), "toBlock": hex(to_block)}
        calls: list[tuple[str, Sequence[Any]]] = [("eth_getLogs", [query | bounds]) for query in queries]
        try:
            answers = await self._ledger.rpc.batch(calls)
        except RpcError as error:
            if to_block == from_block:
                raise
            self._range_blocks = (to_block - from_block + 1) // 2
            logger.info(
                "the node refuses %d blocks of events, asking for %d: %s",
                to_block - from_block + 1,
                self._range_blocks,
                error,
            )
            return None
        by_place = {(log.block, log.index): log for answer in answers for log in map(Log.parse, answer)}
        return [by_place[place] for place in sorted(by_place)]


def _all_of(ledger: Ledger) -> list[_Query]:
    return [_query([ledger.meta_scheduler, ledger.provider_manager], events.topics())]


def _of_name(ledger: Ledger, name: str) -> list[_Query]:
    return [_query([ledger.meta_scheduler], [events.topic(abi.META_SCHEDULER, name)])]


def _of_provider(ledger: Ledger, provider: Address) -> list[_Query]:
    """The provider is the second indexed argument of most events, the third of `JobSettled`, and in no topic of
    `JobToppedUp`: those are few, and the caller knows its jobs.
    """
    jobs, word = [ledger.meta_scheduler], bytes.fromhex(provider[2:]).rjust(32, b"\0")
    of = [
        events.topic(abi.META_SCHEDULER, name)
        for name in ("JobAssigned", "JobChanged", "JobReturned", "JobCancelRequested")
    ]
    return [
        _query(jobs, of, None, word),
        _query(jobs, [events.topic(abi.META_SCHEDULER, "JobSettled")], None, None, word),
        _query(jobs, [events.topic(abi.META_SCHEDULER, "JobToppedUp")]),
    ]


def _query(addresses: Sequence[Address], kinds: Sequence[bytes], *others: bytes | None) -> _Query:
    indexed = [None if value is None else "0x" + value.hex() for value in others]
    return {"address": list(addresses), "topics": [["0x" + kind.hex() for kind in kinds], *indexed]}
