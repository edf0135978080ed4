"""The embedded chain put together: one writer thread, a few readers, over one database.

Synchronous and thread-safe; `chain.py` gives it to asyncio callers and `server.py` to the network.
"""

import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from deepsquare.chain.embedded.archive import Archive
from deepsquare.chain.embedded.blocks import Block
from deepsquare.chain.embedded.database import open_database
from deepsquare.chain.embedded.engine import Engine
from deepsquare.chain.embedded.errors import INTERNAL_ERROR, METHOD_NOT_FOUND, SERVER_ERROR, JsonRpcError
from deepsquare.chain.embedded.filters import Filters
from deepsquare.chain.embedded.genesis import Genesis, load_or_create
from deepsquare.chain.embedded.heads import Heads
from deepsquare.chain.embedded.latest import LatestState
from deepsquare.chain.embedded.memory import Memory
from deepsquare.chain.embedded.methods import TOLD_AT_ONCE, reading_methods
from deepsquare.chain.embedded.miner import Miner
from deepsquare.chain.embedded.readers import Readers
from deepsquare.chain.embedded.recent import RecentBlocks
from deepsquare.chain.embedded.transactions import InvalidTransaction
from deepsquare.chain.embedded.view import ChainMovedOn, NotInMemory, View
from deepsquare.clock import Clock

logger = logging.getLogger(__name__)

_MOST_IN_GROUP = 256
T = TypeVar("T")
Call = tuple[str, Sequence[Any]]
Answer = Any | JsonRpcError
Answers = list[Answer]


@dataclass(frozen=True, slots=True)
class _Submission:
    raw: bytes
    answer: "Future[bytes | JsonRpcError]"


def _promise() -> "Future[bytes | JsonRpcError]":
    """A future that counts as begun: what was submitted is mined even if whoever asked no longer waits."""
    promise: Future[bytes | JsonRpcError] = Future()
    promise.set_running_or_notify_cancel()
    return promise


class Node:
    """A chain that answers JSON-RPC calls. Raises `EmbeddedChainError` where it cannot be opened."""

    def __init__(
        self, path: str | Path, wanted: Genesis, funded: Mapping[bytes, int], clock: Clock, engine: Engine
    ) -> None:
        self._database = open_database(path)
        try:
            with self._database.write() as connection:
                self.genesis = load_or_create(connection, wanted, funded, int(clock.now().timestamp()))
                head = Archive(connection, self.genesis.chain_id).newest()
        except BaseException:
            self._database.close()
            raise
        self.heads = Heads()
        self.recent = RecentBlocks(head)
        self._clock = clock
        self._engine = engine
        self._methods = reading_methods(Filters())
        self._latest = LatestState(head.number)
        self._miner = Miner(self._database, engine, self.genesis, clock, latest=self._latest, recent=self.recent)
        self._memory = Memory()
        self._waiting: deque[_Submission] = deque()
        self._writer = ThreadPoolExecutor(1, "chain-writer")
        self._readers = Readers()

    def submit(self, transactions: Sequence[bytes]) -> "list[Future[bytes | JsonRpcError]]":
        """For each signed transaction its hash once it is durable, or why it was refused."""
        submissions = [_Submission(raw, _promise()) for raw in transactions]
        self._waiting.extend(submissions)
        self._writer.submit(self._mine_waiting)
        return [submission.answer for submission in submissions]

    def read(self, calls: Sequence[Call]) -> "Future[list[Answer]]":
        """The answers to calls that only read, all of one moment; a failed call's answer is a `JsonRpcError`."""
        return self.look(lambda view: self._answers(view, calls))

    def known(self, calls: Sequence[Call]) -> list[Answer] | None:
        """The same at once, where that takes next to nothing: all is in memory, and nothing is to be interpreted."""
        if not all(method in TOLD_AT_ONCE for method, _ in calls):
            return None
        try:
            return self._answers(self._view(None, self.recent.head), calls)
        except NotInMemory:
            return None

    def look(self, reader: Callable[[View], T]) -> "Future[T]":
        """What `reader` makes of the chain as it is now."""
        return self._readers.submit(lambda: self._look(reader))

    def close(self) -> None:
        """Finish what was begun and close the database."""
        self.heads.close()
        self._writer.shutdown()
        self._readers.close()
        self._database.close()

    # The writer's thread

    def _mine_waiting(self) -> None:
        """Mine all that has come in, in groups; who submitted meanwhile shares a group and finds nothing left to do."""
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_IN_GROUP))]
            outcomes = self._mine_group([submission.raw for submission in group])
            self.heads.announce()
            for submission, outcome in zip(group, outcomes, strict=True):
                submission.answer.set_result(outcome)

    def _mine_group(self, submissions: Sequence[bytes]) -> Sequence[bytes | JsonRpcError]:
        """What becomes of each; a transaction that breaks the engine takes no other with it."""
        try:
            outcomes = self._miner.mine(submissions)
        except sqlite3.Error as error:
            logger.exception("%d transactions could not be stored", len(submissions))
            refusal = JsonRpcError(INTERNAL_ERROR, f"the node cannot write its database ({error}); nothing was changed")
            return [refusal] * len(submissions)
        except Exception:
            if len(submissions) > 1:
                return [outcome for raw in submissions for outcome in self._mine_group([raw])]
            logger.exception("a transaction could not be executed")
            return [JsonRpcError(INTERNAL_ERROR, "the transaction failed inside the node; its log has the details")]
        return [
            JsonRpcError(SERVER_ERROR, str(outcome)) if isinstance(outcome, InvalidTransaction) else outcome
            for outcome in outcomes
        ]

    # The readers' threads

    def _look(self, reader: Callable[[View], T]) -> T:
        if self._database.readers_wait:
            # First of all: a look that waits for another must have nothing that the other waits for.
            with self._database.read() as connection:
                return reader(self._view(lambda: connection, None))
        try:
            return self._look_from(self.recent.head, reader)
        except ChainMovedOn:
            return self._look_from(None, reader)

    def _look_from(self, head: Block | None, reader: Callable[[View], T]) -> T:
        with ExitStack() as opened:
            return reader(self._view(lambda: opened.enter_context(self._database.read()), head))

    def _view(self, connect: Callable[[], sqlite3.Connection] | None, head: Block | None) -> View:
        return View(
            connect,
            head,
            self._engine,
            self.genesis,
            self._now,
            memory=self._memory,
            latest=self._latest,
            recent=self.recent,
        )

    def _answers(self, view: View, calls: Sequence[Call]) -> list[Answer]:
        return [self._answer(view, method, params) for method, params in calls]

    def _answer(self, view: View, method: str, params: Sequence[Any]) -> Answer:
        implementation = self._methods.get(method)
        if implementation is None:
            return JsonRpcError(METHOD_NOT_FOUND, f"the method {method} does not exist/is not available")
        try:
            return implementation(view, params)
        except JsonRpcError as error:
            return error
        except NotInMemory:
            raise
        except Exception:
            logger.exception("%s failed", method)
            return JsonRpcError(INTERNAL_ERROR, f"{method} failed inside the node; its log has the details")

    def _now(self) -> int:
        return int(self._clock.now().timestamp())
