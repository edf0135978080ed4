"""The changes a block makes, over a state that is only read: py-evm's account database, kept in dictionaries.

py-evm's own one keeps Merkle tries, which cost most of the time of a transaction and grow without bound; this node
keeps flat tables instead (`state.py`). Two layers: what earlier transactions of the block left, and what the
present one does, with a journal of old values so that a failed call is undone by walking back.
"""

from typing import Any, Final

from eth.abc import AccountDatabaseAPI, MetaWitnessAPI
from eth_typing import Address, Hash32

from deepsquare.chain.embedded.engine import EMPTY_HASH, Account, Reads, StateChanges, StateReader
from deepsquare.chain.keccak import keccak256

_ABSENT: Final = object()
_NO_ROOT = Hash32(b"\0" * 32)
_EMPTY = Account()

Slot = tuple[bytes, int]


class World(AccountDatabaseAPI):
    """Accounts, slots, code, and what EIP-2929 calls warm, for the duration of one block."""

    def __init__(self, state: StateReader) -> None:
        self._state = state
        self._block_accounts: dict[bytes, Account] = {}
        self._block_slots: dict[Slot, int] = {}
        self._block_code: dict[bytes, bytes] = {}
        self._accounts: dict[bytes, Account] = {}
        self._slots: dict[Slot, int] = {}
        self._code: dict[bytes, bytes] = {}
        self._transient: dict[Slot, bytes] = {}
        self._warm: dict[Any, bool] = {}
        self._read_accounts: dict[bytes, Account] = {}
        self._read_slots: dict[Slot, int] = {}
        self._journal: list[tuple[dict[Any, Any], Any, Any]] = []

    # What the node asks for

    def account(self, address: bytes) -> Account:
        for layer in (self._accounts, self._block_accounts, self._read_accounts):
            found = layer.get(address)
            if found is not None:
                return found
        return self._read_accounts.setdefault(address, self._state.account(address))

    def end_transaction(self) -> None:
        """Make what the present transaction changed part of the block."""
        self._block_accounts.update(self._accounts)
        self._block_slots.update(self._slots)
        self._block_code.update(self._code)
        self.abandon_transaction()

    def abandon_transaction(self) -> None:
        """Forget what the present transaction changed."""
        for layer in (self._accounts, self._slots, self._code, self._transient, self._warm, self._journal):
            layer.clear()

    def changes(self) -> StateChanges:
        return StateChanges(dict(self._block_accounts), dict(self._block_slots), dict(self._block_code))

    def reads(self) -> Reads:
        """What was read of the state below."""
        return Reads(dict(self._read_accounts), dict(self._read_slots))

    # Journal

    def _set(self, layer: dict[Any, Any], key: Any, value: Any) -> None:
        self._journal.append((layer, key, layer.get(key, _ABSENT)))
        layer[key] = value

    def record(self) -> Any:
        return len(self._journal)

    def discard(self, checkpoint: Any) -> None:
        while len(self._journal) > checkpoint:
            layer, key, old = self._journal.pop()
            if old is _ABSENT:
                del layer[key]
            else:
                layer[key] = old

    def commit(self, checkpoint: Any) -> None:
        """Nothing to do: an outer checkpoint undoes inner changes as well."""

    def lock_changes(self) -> None:
        self.end_transaction()

    # Storage

    def value(self, place: Slot) -> int:
        """What a slot holds now."""
        value = self._slots.get(place)
        return self.value_before(place) if value is None else value

    def value_before(self, place: Slot) -> int:
        """What a slot held before the present transaction."""
        value = self._block_slots.get(place)
        if value is None:
            value = self._read_slots.get(place)
        if value is None:
            value = self._read_slots[place] = self._state.slot(*place)
        return value

    def get_storage(self, address: Address, slot: int, from_journal: bool = True) -> int:
        return self.value((address, slot)) if from_journal else self.value_before((address, slot))

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        self._set(self._slots, (address, slot), value)

    def delete_storage(self, address: Address) -> None:
        """Only ever asked of a contract born in this transaction (EIP-6780), whose slots are all in the layer."""
        for key in [key for key in self._slots if key[0] == address]:
            self._set(self._slots, key, 0)

    def get_transient(self, address: bytes, slot: int) -> bytes:
        return self._transient.get((address, slot), b"")

    def set_transient(self, address: bytes, slot: int, value: bytes) -> None:
        self._set(self._transient, (address, slot), value)

    # Warm addresses and slots

    def warm(self, place: bytes | Slot) -> bool:
        """Make an address or a slot warm; whether it was cold."""
        if place in self._warm:
            return False
        self._set(self._warm, place, True)
        return True

    def is_storage_warm(self, address: Address, slot: int) -> bool:
        return (address, slot) in self._warm

    def mark_storage_warm(self, address: Address, slot: int) -> None:
        self.warm((address, slot))

    def is_address_warm(self, address: Address) -> bool:
        return address in self._warm

    def mark_address_warm(self, address: Address) -> None:
        self.warm(address)

    # Balance, nonce, code

    def get_balance(self, address: Address) -> int:
        return self.account(address).balance

    def set_balance(self, address: Address, balance: int) -> None:
        old = self.account(address)
        if balance < 0:
            raise ValueError(f"the balance of 0x{address.hex()} would be {balance}: funds must be checked before")
        if balance != old.balance:
            self._set(self._accounts, address, Account(old.nonce, balance, old.code_hash))

    def get_nonce(self, address: Address) -> int:
        return self.account(address).nonce

    def set_nonce(self, address: Address, nonce: int) -> None:
        old = self.account(address)
        self._set(self._accounts, address, Account(nonce, old.balance, old.code_hash))

    def increment_nonce(self, address: Address) -> None:
        self.set_nonce(address, self.get_nonce(address) + 1)

    def get_code_hash(self, address: Address) -> Hash32:
        return Hash32(self.account(address).code_hash)

    def get_code(self, address: Address) -> bytes:
        code_hash = self.account(address).code_hash
        if code_hash == EMPTY_HASH:
            return b""
        for layer in (self._code, self._block_code):
            if code_hash in layer:
                return layer[code_hash]
        return self._state.code(code_hash)

    def set_code(self, address: Address, code: bytes) -> None:
        code_hash = keccak256(code)
        if code:
            self._set(self._code, code_hash, code)
        old = self.account(address)
        self._set(self._accounts, address, Account(old.nonce, old.balance, code_hash))

    def delete_code(self, address: Address) -> None:
        self.set_code(address, b"")

    # Existence: an empty account is no account (EIP-161)

    def account_exists(self, address: Address) -> bool:
        return not self.account(address).is_empty

    def account_is_empty(self, address: Address) -> bool:
        return self.account(address).is_empty

    def account_has_code_or_nonce(self, address: Address) -> bool:
        account = self.account(address)
        return account.nonce != 0 or account.code_hash != EMPTY_HASH

    def touch_account(self, address: Address) -> None:
        """Nothing to do: touching makes empty accounts, and those do not exist here."""

    def delete_account(self, address: Address) -> None:
        self.delete_storage(address)
        self._set(self._accounts, address, _EMPTY)

    # Roots and witnesses belong to tries

    @property
    def state_root(self) -> Hash32:
        return _NO_ROOT

    @state_root.setter
    def state_root(self, value: Hash32) -> None:
        """py-evm puts back the root it read when it reverts; there is none."""

    def has_root(self, state_root: bytes) -> bool:
        return state_root == _NO_ROOT

    def make_state_root(self) -> Hash32:
        return _NO_ROOT

    def persist(self) -> MetaWitnessAPI:
        raise NotImplementedError("the node writes the changes of a block itself, from changes()")
