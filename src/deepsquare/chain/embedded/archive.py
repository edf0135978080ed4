"""Blocks, transactions, receipts and logs in their tables; kept for good.

Functions over a connection; what is read is of the moment the connection shows.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deepsquare.chain.embedded.blocks import Block, Receipt
from deepsquare.chain.embedded.engine import Log
from deepsquare.chain.embedded.transactions import Transaction, decode

_SELECT_BLOCK = (
    "SELECT number, hash, parent_hash, time, state_root, transactions_root, receipts_root, bloom, "
    "gas_used, gas_limit, base_fee, size FROM block "
)
_SELECT_RECEIPT = (
    "SELECT raw, position, succeeded, gas_used, cumulative_gas_used, gas_price, first_log, block FROM mined "
)
_SELECT_LOG = (
    "SELECT log.address, topic0, topic1, topic2, topic3, data, log.position, transaction_position, "
    "mined.hash, log.block, block.hash, block.time FROM log "
    "JOIN block ON block.number = log.block "
    "JOIN mined ON mined.block = log.block AND mined.position = log.transaction_position "
    "WHERE "
)


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction's receipt with the block that holds it."""

    block: Block
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which logs: the blocks (both ends included), any of the addresses, per topic any of its values, or all (None)."""

    from_block: int
    to_block: int
    addresses: tuple[bytes, ...] = ()
    topics: tuple[tuple[bytes, ...] | None, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundLog:
    """A log with its place in the chain. `position` counts the logs of its block; `block_time` is in unix seconds."""

    log: Log
    position: int
    transaction_position: int
    transaction_hash: bytes
    block: int
    block_hash: bytes
    block_time: int


class Archive:
    """The past of one chain, as a connection shows it."""

    def __init__(self, connection: sqlite3.Connection, chain_id: int) -> None:
        self._connection = connection
        self._chain_id = chain_id

    def newest(self) -> Block:
        head = self._block("ORDER BY number DESC LIMIT 1")
        if head is None:
            raise LookupError("the database has no genesis block")
        return head

    def block_by_number(self, number: int) -> Block | None:
        return self._block("WHERE number = ?", number)

    def block_by_hash(self, block_hash: bytes) -> Block | None:
        return self._block("WHERE hash = ?", block_hash)

    def mined(self, transaction_hash: bytes) -> Mined | None:
        row = self._connection.execute(_SELECT_RECEIPT + "WHERE hash = ?", (transaction_hash,)).fetchone()
        if row is None:
            return None
        block = self.block_by_number(row[-1])
        if block is None:
            raise LookupError(f"the block {row[-1]} of transaction 0x{transaction_hash.hex()} is missing")
        return Mined(block, self._receipt(row))

    def receipts(self, block: int) -> list[Receipt]:
        rows = self._connection.execute(_SELECT_RECEIPT + "WHERE block = ? ORDER BY position", (block,)).fetchall()
        return [self._receipt(row) for row in rows]

    def transactions(self, block: int) -> list[Transaction]:
        rows = self._connection.execute("SELECT raw FROM mined WHERE block = ? ORDER BY position", (block,))
        return [decode(bytes(row[0]), self._chain_id) for row in rows]

    def logs(self, query: LogQuery, limit: int) -> list[FoundLog]:
        """At most `limit` of the logs that match, oldest first."""
        conditions, values = _log_conditions(query)
        rows = self._connection.execute(
            _SELECT_LOG + " AND ".join(conditions) + " ORDER BY log.block, log.position LIMIT ?",
            (*values, limit),
        )
        return [FoundLog(_log(row), *row[6:]) for row in rows]

    def add(self, block: Block, receipts: Sequence[Receipt]) -> None:
        """Append a block with its transactions and logs."""
        self._connection.execute(
            "INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                block.number,
                block.hash,
                block.parent_hash,
                block.time,
                block.state_root,
                block.transactions_root,
                block.receipts_root,
                block.bloom,
                block.gas_used,
                block.gas_limit,
                block.base_fee,
                block.size,
            ),
        )
        self._connection.executemany(
            "INSERT INTO mined VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_mined_row(block.number, receipt) for receipt in receipts),
        )
        self._connection.executemany(
            "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row for receipt in receipts for row in _log_rows(block.number, receipt)),
        )

    def _block(self, which: str, *values: object) -> Block | None:
        row = self._connection.execute(_SELECT_BLOCK + which, values).fetchone()
        return Block(*row) if row else None

    def _receipt(self, row: Sequence[Any]) -> Receipt:
        raw, position, succeeded, gas_used, cumulative, gas_price, first_log, block = row
        logs = self._connection.execute(
            "SELECT address, topic0, topic1, topic2, topic3, data FROM log "
            "WHERE block = ? AND transaction_position = ? ORDER BY position",
            (block, position),
        )
        return Receipt(
            transaction=decode(raw, self._chain_id),
            position=position,
            succeeded=bool(succeeded),
            gas_used=gas_used,
            cumulative_gas_used=cumulative,
            gas_price=int.from_bytes(gas_price, "big"),
            first_log=first_log,
            logs=tuple(_log(found) for found in logs),
        )


def _log_conditions(query: LogQuery) -> tuple[list[str], list[object]]:
    conditions = ["log.block BETWEEN ? AND ?"]
    values: list[object] = [query.from_block, query.to_block]
    if query.addresses:
        conditions.append(f"log.address IN ({', '.join('?' * len(query.addresses))})")
        values += query.addresses
    for position, wanted in enumerate(query.topics):
        if wanted is None:
            # "Anything here" still asks for a log that has this topic at all.
            conditions.append(f"topic{position} IS NOT NULL")
        else:
            conditions.append(f"topic{position} IN ({', '.join('?' * len(wanted))})")
            values += wanted
    return conditions, values


def _log(row: Sequence[Any]) -> Log:
    address, *topics, data = row[:6]
    return Log(address, tuple(topic for topic in topics if topic is not None), data)


def _mined_row(block: int, receipt: Receipt) -> tuple[object, ...]:
    price = receipt.gas_price
    return (
        block,
        receipt.position,
        receipt.transaction.hash,
        receipt.transaction.raw,
        receipt.succeeded,
        receipt.gas_used,
        receipt.cumulative_gas_used,
        price.to_bytes((price.bit_length() + 7) // 8, "big"),
        receipt.first_log,
    )


def _log_rows(block: int, receipt: Receipt) -> Iterator[tuple[object, ...]]:
    for offset, log in enumerate(receipt.logs):
        topics = (*log.topics, None, None, None, None)[:4]
        yield (block, receipt.first_log + offset, receipt.position, log.address, *topics, log.data)
