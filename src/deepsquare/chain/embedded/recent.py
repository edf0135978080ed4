"""The newest blocks in memory, with what is in them: what was just written need not be asked of SQLite.

Nearly all that anybody asks about blocks is about those of the last seconds: new heads, their logs, a receipt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from deepsquare.chain.embedded.archive import FoundLog, LogQuery, Mined
from deepsquare.chain.embedded.blocks import Block, Receipt
from deepsquare.chain.embedded.engine import Log

BLOCKS_KEPT: Final = 256
MOST_BYTES: Final = 32 * 1024 * 1024
"""Of transactions and logs in all: a block may have several megabytes of them."""


@dataclass(frozen=True, slots=True)
class NewBlock:
    """A block that was written, with what is in it."""

    block: Block
    receipts: Sequence[Receipt]

    @property
    def size(self) -> int:
        """Its bytes of transactions and logs."""
        logs = (log for receipt in self.receipts for log in receipt.logs)
        return self.block.size + sum(len(log.data) for log in logs)

    def logs(self) -> Iterator[FoundLog]:
        """All of its logs in their order."""
        for receipt in self.receipts:
            for offset, log in enumerate(receipt.logs):
                yield FoundLog(
                    log=log,
                    position=receipt.first_log + offset,
                    transaction_position=receipt.position,
                    transaction_hash=receipt.transaction.hash,
                    block=self.block.number,
                    block_hash=self.block.hash,
                    block_time=self.block.time,
                )


class RecentBlocks:
    """The last blocks that were written. `add` is the writer's, after its commit; the rest is for any thread.

    Whoever looks at the chain as it was after some block gives its number as `head`, and is told of no later one.
    """

    def __init__(self, head: Block) -> None:
        self.begin_at(head)

    def begin_at(self, head: Block) -> None:
        """Forget all: this is the newest block, and nothing else is known."""
        self._blocks: tuple[NewBlock, ...] = ()
        self._mined: dict[bytes, Mined] = {}
        self._size = 0
        self._head = head

    @property
    def head(self) -> Block:
        """The newest block."""
        return self._head

    def add(self, blocks: Sequence[NewBlock]) -> None:
        """These blocks follow the ones before, and are durable."""
        if not blocks:
            return
        kept = [*self._blocks, *blocks]
        self._size += sum(each.size for each in blocks)
        for each in blocks:
            self._mined.update({receipt.transaction.hash: Mined(each.block, receipt) for receipt in each.receipts})
        while len(kept) > BLOCKS_KEPT or self._size > MOST_BYTES:
            oldest = kept.pop(0)
            self._size -= oldest.size
            for receipt in oldest.receipts:
                del self._mined[receipt.transaction.hash]
        self._blocks = tuple(kept)
        # Last: whoever knows of a block finds it here.
        self._head = blocks[-1].block

    def after(self, number: int) -> list[Block] | None:
        """All blocks behind this one, oldest first; None where that goes further back than what is kept."""
        head = self._head.number
        found = self._between(number + 1, head)
        return None if found is None else [each.block for each in found]

    def block(self, number: int, head: int) -> NewBlock | None:
        """The block with this number, if it is one of the newest."""
        found = self._between(number, min(number, head))
        return found[0] if found else None

    def mined(self, transaction_hash: bytes, head: int) -> Mined | None:
        """A transaction's receipt, if it is one of the newest."""
        found = self._mined.get(transaction_hash)
        return found if found is not None and found.block.number <= head else None

    def logs(self, query: LogQuery, limit: int, head: int) -> list[FoundLog] | None:
        """At most `limit` of the logs that match, oldest first; None where blocks are asked for that are not kept."""
        blocks = self._between(query.from_block, min(query.to_block, head))
        if blocks is None:
            return None
        found: list[FoundLog] = []
        for each in blocks:
            for log in each.logs():
                if len(found) == limit:
                    return found
                if _matches(log.log, query):
                    found.append(log)
        return found

    def _between(self, first: int, last: int) -> Sequence[NewBlock] | None:
        """The blocks with these numbers, both included; None where not all are kept, or not yet."""
        if first > last:
            return ()
        blocks = self._blocks
        if not blocks or first < blocks[0].block.number or last > blocks[-1].block.number:
            return None
        oldest = blocks[0].block.number
        return blocks[first - oldest : last - oldest + 1]


def _matches(log: Log, query: LogQuery) -> bool:
    if query.addresses and log.address not in query.addresses:
        return False
    # "Anything here" still asks for a log that has this topic at all.
    return len(query.topics) <= len(log.topics) and all(
        wanted is None or topic in wanted for wanted, topic in zip(query.topics, log.topics, strict=False)
    )
