"""The newest blocks in memory, for those who are told of each: what was just written need not be asked of SQLite."""

from collections.abc import Sequence
from typing import Final

from deepsquare.chain.embedded.blocks import Block

BLOCKS_KEPT: Final = 256


class RecentBlocks:
    """The last blocks that were written. `add` is the writer's, after its commit; the rest is for any thread."""

    def __init__(self) -> None:
        self._blocks: tuple[Block, ...] = ()

    def add(self, blocks: Sequence[Block]) -> None:
        """These blocks follow the ones before, and are durable."""
        self._blocks = (*self._blocks, *blocks)[-BLOCKS_KEPT:]

    def after(self, number: int) -> list[Block] | None:
        """All blocks behind this one, oldest first; None where that goes further back than what is kept."""
        blocks = self._blocks
        if not blocks or blocks[0].number > number + 1:
            return None
        return [block for block in blocks if block.number > number]
