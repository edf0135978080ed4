"""The chain at one moment, as a request sees it: blocks by name, states, the present time.

One view serves one request or one batch, so all of it is of one moment. "latest" for calls is the block that would
be made now: the head's state at the present time, so that rules about deadlines tell the truth on an idle chain.
"""

import sqlite3
from collections.abc import Callable
from functools import cached_property

from deepsquare.chain.embedded.archive import Archive
from deepsquare.chain.embedded.blocks import Block
from deepsquare.chain.embedded.engine import BlockEnvironment, Engine, StateReader
from deepsquare.chain.embedded.errors import SERVER_ERROR, JsonRpcError
from deepsquare.chain.embedded.genesis import Genesis
from deepsquare.chain.embedded.latest import LatestState
from deepsquare.chain.embedded.memory import Memory
from deepsquare.chain.embedded.parameters import BlockId
from deepsquare.chain.embedded.queue import Queue
from deepsquare.chain.embedded.state import STATES_KEPT, StateAt


class View:
    """What a read-only method may use."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        engine: Engine,
        genesis: Genesis,
        now: Callable[[], int],
        *,
        memory: Memory,
        latest: LatestState,
    ) -> None:
        self.engine = engine
        self.genesis = genesis
        self.memory = memory
        self.archive = Archive(connection, genesis.chain_id)
        self.queue = Queue(connection, genesis.chain_id)
        self._connection = connection
        self._latest = latest
        self._now = now

    @cached_property
    def head(self) -> Block:
        head = self.archive.head()
        if head is None:
            raise LookupError("the database has no genesis block")
        return head

    @cached_property
    def present(self) -> BlockEnvironment:
        """The block that would be made now."""
        return self.genesis.environment(self.head.number + 1, max(self.head.time, self._now()))

    def block(self, wanted: BlockId) -> Block | None:
        """The block a client named, if there is one."""
        if wanted.is_present:
            return self.head
        if wanted.hash is not None:
            return self.archive.block_by_hash(wanted.hash)
        number = self.number(wanted)
        return None if number > self.head.number else self.archive.block_by_number(number)

    def number(self, wanted: BlockId) -> int:
        """A block's number, that of the block after the head for all that lie ahead. `JsonRpcError`: unknown hash."""
        if wanted.number is not None:
            return min(wanted.number, self.head.number + 1)
        return self._expect_block(wanted).number

    def state(self, wanted: BlockId) -> StateReader:
        """The state after the block a client named. Raises `JsonRpcError` where it is unknown or pruned."""
        return self.moment(wanted)[1]

    def moment(self, wanted: BlockId) -> tuple[BlockEnvironment, StateReader]:
        """Where a call runs: in the present, or within the block a client named and over the state after it."""
        if wanted.is_present:
            return self.present, self._newest_state()
        block = self._expect_block(wanted)
        if block.number < self.head.number - STATES_KEPT:
            raise JsonRpcError(
                SERVER_ERROR,
                f"state of block {block.number} is not available: "
                f"the node keeps the states of the last {STATES_KEPT} blocks, the head is {self.head.number}",
            )
        environment = self.genesis.environment(block.number, block.time)
        if block.number == self.head.number:
            return environment, self._newest_state()
        return environment, StateAt(self._connection, block.number)

    def _newest_state(self) -> StateReader:
        return self._latest.over(StateAt(self._connection), self.head.number)

    def _expect_block(self, wanted: BlockId) -> Block:
        block = self.block(wanted)
        if block is None:
            raise JsonRpcError(SERVER_ERROR, "header not found")
        return block
