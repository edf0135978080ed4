"""The state in flat tables: the latest one, and what recent blocks replaced.

Every block writes absolute values over the latest state and keeps, for `STATES_KEPT` blocks, what stood there
before; so the state after any recent block can be read, and the tables are bounded by what is alive. Merkle tries,
which an archive is made of, would grow by 5 kB with every transaction.
"""

import sqlite3

from deepsquare.chain.embedded.engine import EMPTY_HASH, Account, StateChanges, StateReader

STATES_KEPT = 128
"""States of this many blocks before the head can be read; older ones are pruned."""

_EMPTY = Account()


class StateAt:
    """The state after a block, or the latest one. Reads through a connection that sees one moment."""

    def __init__(self, connection: sqlite3.Connection, block: int | None = None) -> None:
        self._connection = connection
        self._block = block

    def account(self, address: bytes) -> Account:
        row = None
        if self._block is not None:
            row = self._connection.execute(
                "SELECT nonce, balance, code_hash FROM account_before "
                "WHERE address = ? AND block > ? ORDER BY block LIMIT 1",
                (address, self._block),
            ).fetchone()
        if row is None:
            row = self._connection.execute(
                "SELECT nonce, balance, code_hash FROM account WHERE address = ?", (address,)
            ).fetchone()
        return Account(row[0], int.from_bytes(row[1], "big"), row[2]) if row else _EMPTY

    def code(self, code_hash: bytes) -> bytes:
        if code_hash == EMPTY_HASH:
            return b""
        row = self._connection.execute("SELECT code FROM code WHERE hash = ?", (code_hash,)).fetchone()
        return bytes(row[0])

    def slot(self, address: bytes, slot: int) -> int:
        key = slot.to_bytes(32, "big")
        row = None
        if self._block is not None:
            row = self._connection.execute(
                "SELECT value FROM slot_before WHERE address = ? AND slot = ? AND block > ? ORDER BY block LIMIT 1",
                (address, key, self._block),
            ).fetchone()
        if row is None:
            row = self._connection.execute(
                "SELECT value FROM slot WHERE address = ? AND slot = ?", (address, key)
            ).fetchone()
        return int.from_bytes(row[0], "big") if row else 0

    def block_hash(self, number: int) -> bytes | None:
        row = self._connection.execute("SELECT hash FROM block WHERE number = ?", (number,)).fetchone()
        return row[0] if row else None


def write_changes(connection: sqlite3.Connection, block: int, changes: StateChanges, before: StateReader) -> None:
    """Put the values after `block` over the latest state, which `before` reads; for a while that is kept, too."""
    for address, account in changes.accounts.items():
        old = before.account(address)
        if old != account:
            _write_account(connection, block, address, old, account)
    for (address, slot), value in changes.slots.items():
        old_value = before.slot(address, slot)
        if old_value != value:
            _write_slot(connection, block, (address, slot.to_bytes(32, "big")), old_value, value)
    connection.executemany("INSERT OR IGNORE INTO code VALUES (?, ?)", changes.code.items())
    _prune(connection, block - STATES_KEPT)


def _write_account(connection: sqlite3.Connection, block: int, address: bytes, old: Account, new: Account) -> None:
    connection.execute(
        "INSERT INTO account_before VALUES (?, ?, ?, ?, ?)",
        (address, block, old.nonce, _minimal(old.balance), old.code_hash),
    )
    if new.is_empty:
        connection.execute("DELETE FROM account WHERE address = ?", (address,))
    else:
        connection.execute(
            "INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?)",
            (address, new.nonce, _minimal(new.balance), new.code_hash),
        )


def _write_slot(connection: sqlite3.Connection, block: int, place: tuple[bytes, bytes], old: int, new: int) -> None:
    connection.execute("INSERT INTO slot_before VALUES (?, ?, ?, ?)", (*place, block, _minimal(old)))
    if new == 0:
        connection.execute("DELETE FROM slot WHERE address = ? AND slot = ?", place)
    else:
        connection.execute("INSERT OR REPLACE INTO slot VALUES (?, ?, ?)", (*place, _minimal(new)))


def _prune(connection: sqlite3.Connection, oldest: int) -> None:
    """Forget what blocks up to `oldest` replaced: the states before them can no longer be read."""
    connection.execute("DELETE FROM account_before WHERE block <= ?", (oldest,))
    connection.execute("DELETE FROM slot_before WHERE block <= ?", (oldest,))


def _minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
