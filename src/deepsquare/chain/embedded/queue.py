"""Acknowledged transactions whose nonce is not yet due; the only ones that wait, for all others are mined at once.

Bounded per sender and in all. Replacement follows geth: both fees at least a tenth higher, and higher at all.
"""

import sqlite3

from deepsquare.chain.embedded.transactions import InvalidTransaction, Transaction, decode

MOST_PER_SENDER = 64
MOST_IN_ALL = 4096
_PRICE_BUMP_PERCENT = 10

_SELECT = "SELECT raw FROM queued "
_COUNT = "SELECT count(*) FROM queued "


class Queue:
    """The table of waiting transactions, through one connection."""

    def __init__(self, connection: sqlite3.Connection, chain_id: int) -> None:
        self._connection = connection
        self._chain_id = chain_id

    def find(self, transaction_hash: bytes) -> Transaction | None:
        return self._one("WHERE hash = ?", transaction_hash)

    def add(self, transaction: Transaction) -> None:
        """Keep it until its turn. Raises `InvalidTransaction`: known, too cheap to replace another, or one too many."""
        present = self._one("WHERE sender = ? AND nonce = ?", transaction.sender, transaction.nonce)
        if present is None:
            self._expect_room(transaction.sender)
        elif present.hash == transaction.hash:
            raise InvalidTransaction("already known")
        elif not _outbids(transaction, present):
            raise InvalidTransaction("replacement transaction underpriced")
        self._connection.execute(
            "INSERT OR REPLACE INTO queued VALUES (?, ?, ?, ?)",
            (transaction.sender, transaction.nonce, transaction.hash, transaction.raw),
        )

    def take(self, sender: bytes, nonce: int) -> Transaction | None:
        """The sender's transaction whose turn it is, removed together with any that came too late."""
        due = self._one("WHERE sender = ? AND nonce = ?", sender, nonce)
        self._connection.execute("DELETE FROM queued WHERE sender = ? AND nonce <= ?", (sender, nonce))
        return due

    def _expect_room(self, sender: bytes) -> None:
        if self._count("WHERE sender = ?", sender) >= MOST_PER_SENDER:
            raise InvalidTransaction(
                f"account limit exceeded: {MOST_PER_SENDER} transactions wait for an earlier nonce"
            )
        if self._count("") >= MOST_IN_ALL:
            raise InvalidTransaction("txpool is full")

    def _count(self, which: str, *values: object) -> int:
        count: int = self._connection.execute(_COUNT + which, values).fetchone()[0]
        return count

    def _one(self, which: str, *values: object) -> Transaction | None:
        row = self._connection.execute(_SELECT + which, values).fetchone()
        return decode(bytes(row[0]), self._chain_id) if row else None


def _outbids(new: Transaction, old: Transaction) -> bool:
    return all(
        offer > present and offer * 100 >= present * (100 + _PRICE_BUMP_PERCENT)
        for offer, present in ((new.max_fee, old.max_fee), (new.max_priority_fee, old.max_priority_fee))
    )
