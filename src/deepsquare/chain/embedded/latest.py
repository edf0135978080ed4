"""The newest state in memory: what was lately read or written of it, so that interpreting seldom asks SQLite.

Every question to SQLite also gives up Python's interpreter lock, and gets it back only when another thread lets
go: with several readers at work that costs far more than the answer. All values belong to ONE block, the newest. What
the last few commits replaced is kept beside them for those who began to read before; whoever reads an older state, or
a newer one that is not announced yet, asks the database.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from deepsquare.chain.embedded.engine import Account, StateChanges, StateReader

MOST_VALUES = 500_000
"""More accounts and slots than this are not kept; then all are forgotten, and those in use soon are here again."""

_COMMITS_KEPT: Final = 32
"""Commits that may come while somebody reads, who then need not ask the database for what they replaced."""

_Slot = tuple[bytes, int]
_Place = TypeVar("_Place")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Commit:
    """What stood after `block` where the next commit wrote, by address or slot; None where that was not known."""

    block: int
    replaced: Mapping[Any, Any]


class LatestState:
    """Values of the state after one block. `advance` is the writer's, after its commit; the rest is for any thread."""

    def __init__(self, block: int) -> None:
        self._block: int | None = block
        self._accounts: dict[bytes, Account] = {}
        self._slots: dict[_Slot, int] = {}
        self._code: dict[bytes, bytes] = {}
        self._commits: deque[_Commit] = deque(maxlen=_COMMITS_KEPT)
        self._lock = threading.Lock()

    def over(self, state: Callable[[], StateReader], block: int) -> StateReader:
        """The state after `block`, read from here where it is known and from what `state` gives where it is not."""
        return _Through(self, state, block)

    def advance(self, block: int, changes: Sequence[StateChanges]) -> None:
        """`block` is committed and is the newest now; `changes` are those of all blocks since the one before."""
        with self._lock:
            if len(self._slots) + len(self._accounts) > MOST_VALUES:
                self._forget()
            # While the values change they are nobody's: readers look at the number before and after.
            before, self._block = self._block, None
            if before is not None and before != block:
                self._commits.append(_Commit(before, self._replaced_by(changes)))
            for change in changes:
                self._accounts.update(change.accounts)
                self._slots.update(change.slots)
            self._block = block

    def account(self, block: int, address: bytes) -> Account | None:
        """The account after `block`, if it is known."""
        return self._known(block, self._accounts, address)

    def slot(self, block: int, place: _Slot) -> int | None:
        """The slot after `block`, if it is known."""
        return self._known(block, self._slots, place)

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

    def _known(self, block: int, values: Mapping[_Place, _Value], place: _Place) -> _Value | None:
        if self._block == block:
            found = values.get(place)
            if self._block == block:
                return found
        with self._lock:
            is_known = False
            for commit in self._commits:
                is_known = is_known or commit.block == block
                if is_known and place in commit.replaced:
                    replaced: _Value | None = commit.replaced[place]
                    return replaced
            return values.get(place) if is_known or self._block == block else None

    def _replaced_by(self, changes: Sequence[StateChanges]) -> dict[Any, Any]:
        accounts = {address: self._accounts.get(address) for change in changes for address in change.accounts}
        slots = {place: self._slots.get(place) for change in changes for place in change.slots}
        return {**accounts, **slots}

    def _forget(self) -> None:
        self._slots.clear()
        self._accounts.clear()
        self._commits.clear()


class _Through:
    """The state after one block, through what is known of it."""

    def __init__(self, latest: LatestState, state: Callable[[], StateReader], block: int) -> None:
        self._latest = latest
        self._state = state
        self._block = block

    def account(self, address: bytes) -> Account:
        known = self._latest.account(self._block, address)
        if known is None:
            known = self._state().account(address)
            self._latest.keep_account(self._block, address, known)
        return known

    def code(self, code_hash: bytes) -> bytes:
        known = self._latest.code(code_hash)
        if known is None:
            known = self._state().code(code_hash)
            self._latest.keep_code(code_hash, known)
        return known

    def slot(self, address: bytes, slot: int) -> int:
        known = self._latest.slot(self._block, (address, slot))
        if known is None:
            known = self._state().slot(address, slot)
            self._latest.keep_slot(self._block, (address, slot), known)
        return known

    def block_hash(self, number: int) -> bytes | None:
        return self._state().block_hash(number)
