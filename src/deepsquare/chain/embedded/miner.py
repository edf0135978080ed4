"""The writer: takes submitted transactions, makes blocks of them, and only then answers.

A group of submissions is one SQLite transaction, so that they share one flush to disk; a submitter is answered
after it, which is why an acknowledged transaction survives kill -9. Transactions run in the order they came. A
nonce ahead of its turn is queued (durably), and mined right after the one it waited for. No empty blocks.
"""

import logging
import sqlite3
from collections.abc import Sequence

from deepsquare.chain.embedded.archive import Archive
from deepsquare.chain.embedded.blocks import Block, Receipt, next_state_root, seal
from deepsquare.chain.embedded.database import Database
from deepsquare.chain.embedded.engine import Engine, Execution, Outcome, StateChanges
from deepsquare.chain.embedded.genesis import Genesis
from deepsquare.chain.embedded.latest import LatestState
from deepsquare.chain.embedded.queue import Queue
from deepsquare.chain.embedded.recent import NewBlock, RecentBlocks
from deepsquare.chain.embedded.state import StateAt, write_changes
from deepsquare.chain.embedded.transactions import MAX_INITCODE_BYTES, InvalidTransaction, Transaction, decode
from deepsquare.clock import Clock

logger = logging.getLogger(__name__)

_HIGHEST_NONCE = 2**63 - 1


class Miner:
    """Makes blocks. Not for use by two threads at once."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        genesis: Genesis,
        clock: Clock,
        *,
        latest: LatestState,
        recent: RecentBlocks,
    ) -> None:
        self._database = database
        self._engine = engine
        self._genesis = genesis
        self._clock = clock
        self._latest = latest
        self._recent = recent

    def mine(self, submissions: Sequence[bytes]) -> list[bytes | InvalidTransaction]:
        """Per submission the transaction's hash, then durable, or why it was refused."""
        with self._database.write() as connection:
            head = self._recent.head
            group = _Group(connection, self._engine, self._genesis, self._clock, latest=self._latest, head=head)
            answers = [_answer(group, raw) for raw in submissions]
            group.seal()
        self._latest.advance(group.head, group.changes)
        self._recent.add(group.blocks)
        return answers


def _answer(group: "_Group", raw: bytes) -> bytes | InvalidTransaction:
    try:
        return group.take(raw)
    except InvalidTransaction as refusal:
        return refusal


class _Group:
    """The blocks made of one group of submissions, within one SQLite transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        engine: Engine,
        genesis: Genesis,
        clock: Clock,
        *,
        latest: LatestState,
        head: Block,
    ) -> None:
        self._connection = connection
        self._engine = engine
        self._genesis = genesis
        self._clock = clock
        self._latest = latest
        self.changes: list[StateChanges] = []
        """What each block made so far has changed."""
        self.blocks: list[NewBlock] = []
        """The blocks made so far."""
        self._archive = Archive(connection, genesis.chain_id)
        self._queue = Queue(connection, genesis.chain_id)
        self._begin(head)

    @property
    def head(self) -> int:
        """The number of the newest block."""
        return self._parent.number

    def take(self, raw: bytes) -> bytes:
        """Mine a submission, or queue it. Raises `InvalidTransaction`."""
        transaction = decode(raw, self._genesis.chain_id)
        self._check_form(transaction)
        due = self._check_against_account(transaction)
        if transaction.nonce > due:
            self._queue.add(transaction)
        else:
            self._include(transaction)
            self._include_followers(transaction.sender)
        return transaction.hash

    def seal(self) -> None:
        """Write the block in the making, if there is anything in it."""
        if not self._receipts:
            return
        changes = self._execution.changes()
        state_root = next_state_root(self._parent.state_root, changes)
        block = seal(self._parent, self._environment, self._receipts, state_root)
        self._archive.add(block, self._receipts)
        write_changes(self._connection, block.number, changes, self._state)
        self.changes.append(changes)
        self.blocks.append(NewBlock(block, self._receipts))
        logger.debug("block %d: %d transactions, %d gas", block.number, len(self._receipts), block.gas_used)
        self._begin(block)

    def _begin(self, parent: Block) -> None:
        now = int(self._clock.now().timestamp())
        self._parent = parent
        self._environment = self._genesis.environment(parent.number + 1, max(parent.time, now))
        self._state = self._latest.over(lambda: StateAt(self._connection), parent.number)
        self._execution: Execution = self._engine.begin(self._environment, self._state)
        self._receipts: list[Receipt] = []
        self._gas_used = 0
        self._logs = 0

    def _check_form(self, transaction: Transaction) -> None:
        """What can be said without looking at any account."""
        if transaction.to is None and len(transaction.data) > MAX_INITCODE_BYTES:
            raise InvalidTransaction(
                f"max initcode size exceeded: code size {len(transaction.data)}, limit {MAX_INITCODE_BYTES}"
            )
        if transaction.gas > self._genesis.gas_limit:
            raise InvalidTransaction(
                f"exceeds block gas limit: have {transaction.gas}, limit {self._genesis.gas_limit}"
            )
        if transaction.max_priority_fee > transaction.max_fee:
            raise InvalidTransaction(
                "max priority fee per gas higher than max fee per gas: "
                f"{transaction.max_priority_fee} > {transaction.max_fee}"
            )
        if transaction.max_fee < self._genesis.base_fee:
            raise InvalidTransaction(
                "max fee per gas less than block base fee: "
                f"maxFeePerGas: {transaction.max_fee}, baseFee: {self._genesis.base_fee}"
            )
        if transaction.nonce > _HIGHEST_NONCE:
            raise InvalidTransaction("nonce has max value")
        needed = self._engine.minimum_gas(transaction)
        if transaction.gas < needed:
            raise InvalidTransaction(f"intrinsic gas too low: gas {transaction.gas}, minimum needed {needed}")

    def _check_against_account(self, transaction: Transaction) -> int:
        """The nonce that is the sender's turn; the transaction has it, or a later one, and can be paid."""
        account = self._execution.account(transaction.sender)
        if transaction.nonce < account.nonce:
            raise InvalidTransaction(f"nonce too low: next nonce {account.nonce}, tx nonce {transaction.nonce}")
        cost = transaction.most_it_can_cost
        if account.balance < cost:
            raise InvalidTransaction(
                f"insufficient funds for gas * price + value: balance {account.balance}, "
                f"tx cost {cost}, overshot {cost - account.balance}"
            )
        return account.nonce

    def _include(self, transaction: Transaction) -> None:
        if self._gas_used + transaction.gas > self._genesis.gas_limit:
            self.seal()
        outcome = self._execution.apply(transaction)
        self._gas_used += outcome.gas_used
        self._receipts.append(self._receipt(transaction, outcome))
        self._logs += len(outcome.logs)

    def _include_followers(self, sender: bytes) -> None:
        """Mine what the sender had queued for the nonces that are due now."""
        while (follower := self._queue.take(sender, self._execution.account(sender).nonce)) is not None:
            try:
                self._check_against_account(follower)
            except InvalidTransaction as refusal:
                logger.info("dropped queued transaction 0x%s: %s", follower.hash.hex(), refusal)
                return
            self._include(follower)

    def _receipt(self, transaction: Transaction, outcome: Outcome) -> Receipt:
        return Receipt(
            transaction=transaction,
            position=len(self._receipts),
            succeeded=outcome.failure is None,
            gas_used=outcome.gas_used,
            cumulative_gas_used=self._gas_used,
            gas_price=transaction.price_at(self._genesis.base_fee),
            first_log=self._logs,
            logs=outcome.logs,
        )
