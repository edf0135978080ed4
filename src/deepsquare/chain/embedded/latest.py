"""The newest state in memory: what was lately read or written of it, so that interpreting seldom asks SQLite.

Every question to SQLite also gives up Python's interpreter lock, and gets it back only when another thread lets
go: with several readers at work that costs far more than the answer. All values belong to ONE block, the newest;
whoever reads an older state, or a newer one that is not announced yet, asks the database.
"""

import threading
from collections.abc import Sequence

from deepsquare.chain.embedded.engine import Account, StateChanges, StateReader

MOST_VALUES = 500_000
"""More accounts and slots than this are not kept; then all are forgotten, and those in use soon are here again."""

_Slot = tuple[bytes, int]


class LatestState:
    """Values of the state after one block. `advance` is the writer's, after its commit; the rest is for any thread."""

    def __init__(self, block: int) -> None:
        self._block: int | None = block
        self._accounts: dict[bytes, Account] = {}
        self._slots: dict[_Slot, int] = {}
        self._code: dict[bytes, bytes] = {}
        self._lock = threading.Lock()

    def over(self, state: StateReader, block: int) -> StateReader:
        """The state after `block`, read from here where it is known and from `state` where it is not."""
        return _Through(self, state, block)

    def advance(self, block: int, changes: Sequence[StateChanges]) -> None:
        """`block` is committed and is the newest now; `changes` are those of all blocks since the one before."""
        with self._lock:
            # While the values change they are nobody's: readers look at the number before and after.
            self._block = None
            if len(self._slots) + len(self._accounts) > MOST_VALUES:
                self._slots.clear()
                self._accounts.clear()
            for change in changes:
                self._accounts.update(change.accounts)
                self._slots.update(change.slots)
            self._block = block

    def account(self, block: int, address: bytes) -> Account | None:
        """The account after `block`, if it is known."""
        found = self._accounts.get(address) if self._block == block else None
        return found if self._block == block else None

    def slot(self, block: int, place: _Slot) -> int | None:
        """The slot after `block`, if it is known."""
        found = self._slots.get(place) if self._block == block else None
        return found if self._block == block else None

    def code(self, code_hash: bytes) -> bytes | None:
        """The code of this hash, if it is known; it never changes."""
        return self._code.get(code_hash)

    def keep_account(self, block: int, address: bytes, account: Account) -> None:
        """Keep an account as read from the state after `block`."""
        with self._lock:
            if self._block == block:
                self._accounts[address] = account

    def keep_slot(self, block: int, place: _Slot, value: int) -> None:
        """Keep a slot as read from the state after `block`."""
        with self._lock:
            if self._block == block:
                self._slots[place] = value

    def keep_code(self, code_hash: bytes, code: bytes) -> None:
        """Keep a code."""
        self._code[code_hash] = code


class _Through:
    """The state after one block, through what is known of it."""

    def __init__(self, latest: LatestState, state: StateReader, block: int) -> None:
        self._latest = latest
        self._state = state
        self._block = block

    def account(self, address: bytes) -> Account:
        known = self._latest.account(self._block, address)
        if known is None:
            known = self._state.account(address)
            self._latest.keep_account(self._block, address, known)
        return known

    def code(self, code_hash: bytes) -> bytes:
        known = self._latest.code(code_hash)
        if known is None:
            known = self._state.code(code_hash)
            self._latest.keep_code(code_hash, known)
        return known

    def slot(self, address: bytes, slot: int) -> int:
        known = self._latest.slot(self._block, (address, slot))
        if known is None:
            known = self._state.slot(address, slot)
            self._latest.keep_slot(self._block, (address, slot), known)
        return known

    def block_hash(self, number: int) -> bytes | None:
        return self._state.block_hash(number)
