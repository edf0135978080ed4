"""The chain at one moment, as a request sees it: blocks by name, states, the present time.

One view serves one request or one batch, so all of it is of one moment. "latest" for calls is the block that would
be made now: the head's state at the present time, so that rules about deadlines tell the truth on an idle chain.

A view of a moment that is in memory asks the database only for what is not, and most requests never do: a transaction
of SQLite costs as much as all the rest of a small answer. If by then the chain has moved on, the request begins again.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

from deepsquare.chain.embedded.archive import Archive, FoundLog, LogQuery, Mined
from deepsquare.chain.embedded.blocks import Block
from deepsquare.chain.embedded.engine import BlockEnvironment, Engine, StateReader
from deepsquare.chain.embedded.errors import SERVER_ERROR, JsonRpcError
from deepsquare.chain.embedded.genesis import Genesis
from deepsquare.chain.embedded.latest import LatestState
from deepsquare.chain.embedded.memory import Memory
from deepsquare.chain.embedded.parameters import BlockId
from deepsquare.chain.embedded.queue import Queue
from deepsquare.chain.embedded.recent import RecentBlocks
from deepsquare.chain.embedded.state import STATES_KEPT, StateAt
from deepsquare.chain.embedded.transactions import Transaction

MOST_BLOCKS_AT_ONCE: Final = 32
"""Whose logs are told from memory by a thread that others wait for."""


class NotInMemory(Exception):
    """What was asked is not in memory, and this view has nothing else."""


class ChainMovedOn(NotInMemory):
    """What was asked is not in memory, and the database shows a later moment than this view."""


class View:
    """What a read-only method may use.

    `head` is the newest block in memory, or None to look at what the database shows. `connect` gives a connection on
    which everything read is of one moment; without it the view has what is in memory and can be told at once.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection] | None,
        head: Block | None,
        engine: Engine,
        genesis: Genesis,
        now: Callable[[], int],
        *,
        memory: Memory,
        latest: LatestState,
        recent: RecentBlocks,
    ) -> None:
        self.engine = engine
        self.genesis = genesis
        self.memory = memory
        self._connect = connect
        self._head = head
        self._latest = latest
        self._recent = recent
        self._now = now

    @property
    def head(self) -> Block:
        if self._head is None:
            self._head = self.archive.newest()
        return self._head

    @cached_property
    def archive(self) -> Archive:
        """The past; once there, it is of this view's moment. Raises `ChainMovedOn`."""
        return Archive(self._connection, self.genesis.chain_id)

    @cached_property
    def queue(self) -> Queue:
        """The transactions that wait. Raises `ChainMovedOn`."""
        return Queue(self._connection, self.genesis.chain_id)

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        if self._connect is None:
            raise NotInMemory("the database is asked by others")
        connection = self._connect()
        shown = Archive(connection, self.genesis.chain_id).newest()
        if self._head is not None and self._head.number != shown.number:
            raise ChainMovedOn(f"from block {self._head.number} to {shown.number}")
        self._head = shown
        return connection

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
        if number > self.head.number:
            return None
        known = self._recent.block(number, self.head.number)
        return self.archive.block_by_number(number) if known is None else known.block

    def transactions(self, block: int) -> Sequence[Transaction]:
        """The transactions of a block in their order."""
        known = self._recent.block(block, self.head.number)
        return self.archive.transactions(block) if known is None else [each.transaction for each in known.receipts]

    def mined(self, transaction_hash: bytes) -> Mined | None:
        """A transaction with its block, if it is in one."""
        known = self._recent.mined(transaction_hash, self.head.number)
        return self.archive.mined(transaction_hash) if known is None else known

    def logs(self, query: LogQuery, limit: int) -> list[FoundLog]:
        """At most `limit` of the logs that match, oldest first."""
        if self._connect is None and self.head.number - query.from_block > MOST_BLOCKS_AT_ONCE:
            raise NotInMemory("logs of many blocks")
        known = self._recent.logs(query, limit, self.head.number)
        return self.archive.logs(query, limit) if known is None else known

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
        return self._latest.over(lambda: StateAt(self._connection), self.head.number)

    def _expect_block(self, wanted: BlockId) -> Block:
        block = self.block(wanted)
        if block is None:
            raise JsonRpcError(SERVER_ERROR, "header not found")
        return block
