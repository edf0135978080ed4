"""A state in two dictionaries: what the tests hold the tables and the journal against."""

from dataclasses import dataclass, field

from deepsquare.chain.embedded.engine import EMPTY_HASH, Account, StateChanges


@dataclass
class ModelState:
    """A `StateReader` whose past is a copy of it."""

    accounts: dict[bytes, Account] = field(default_factory=dict)
    slots: dict[tuple[bytes, int], int] = field(default_factory=dict)
    codes: dict[bytes, bytes] = field(default_factory=dict)

    def after(self, changes: StateChanges) -> "ModelState":
        return ModelState(
            {**self.accounts, **changes.accounts}, {**self.slots, **changes.slots}, {**self.codes, **changes.code}
        )

    def account(self, address: bytes) -> Account:
        return self.accounts.get(address, Account())

    def slot(self, address: bytes, slot: int) -> int:
        return self.slots.get((address, slot), 0)

    def code(self, code_hash: bytes) -> bytes:
        return b"" if code_hash == EMPTY_HASH else self.codes[code_hash]

    def block_hash(self, number: int) -> bytes | None:
        return None if number < 0 else number.to_bytes(32, "big")
