"""The port to an EVM: state in, outcome and changes out.

The node keeps accounts, slots and blocks itself (`state.py`, `archive.py`) and asks an engine for one thing only:
what a transaction does to them. An engine keeps nothing between blocks, so that another one can take its place
over the same database. The one in use is py-evm (`pyevm.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from deepsquare.chain.embedded.transactions import Call, Transaction

EMPTY_HASH = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
"""Keccak-256 of nothing: the code hash of an account without code."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account without its storage. Ethereum knows no difference between an empty account and none (EIP-161)."""

    nonce: int = 0
    balance: int = 0
    code_hash: bytes = EMPTY_HASH

    @property
    def is_empty(self) -> bool:
        return not self.nonce and not self.balance and self.code_hash == EMPTY_HASH


class StateReader(Protocol):
    """The state after some block. Addresses and hashes are raw bytes, 20 and 32 of them."""

    def account(self, address: bytes) -> Account: ...

    def code(self, code_hash: bytes) -> bytes: ...

    def slot(self, address: bytes, slot: int) -> int: ...

    def block_hash(self, number: int) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class BlockEnvironment:
    """What a contract can see of the block it runs in. `time` is in unix seconds, `base_fee` in wei per gas."""

    chain_id: int
    number: int
    time: int
    gas_limit: int
    base_fee: int


@dataclass(frozen=True, slots=True)
class Log:
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transaction or a call that was run.

    `failure` is None on success, else the reason in geth's words; `output` then holds the revert data, if any.
    `refund` is the gas that was used at first and given back at the end; `gas_used` is without it.
    """

    gas_used: int
    refund: int
    output: bytes
    logs: tuple[Log, ...]
    failure: str | None = None
    depth: int = 0
    """How deep calls between contracts were nested: 0 where there was none."""


@dataclass(frozen=True, slots=True)
class StateChanges:
    """Absolute values after the block: a slot of 0 or an empty account is to be forgotten."""

    accounts: Mapping[bytes, Account]
    slots: Mapping[tuple[bytes, int], int]
    code: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Reads:
    """What of the state a call depended on, with the values it saw."""

    accounts: Mapping[bytes, Account]
    slots: Mapping[tuple[bytes, int], int]


class Execution(Protocol):
    """One block being executed over one state."""

    def account(self, address: bytes) -> Account:
        """The account as the transactions applied so far left it."""
        ...

    def apply(self, transaction: Transaction) -> Outcome:
        """Run a transaction whose nonce, gas and funds have been checked, and keep what it changed."""
        ...

    def call(self, call: Call) -> Outcome:
        """Run a message without a fee and forget what it changed."""
        ...

    def changes(self) -> StateChanges:
        """All that the transactions applied so far have changed."""
        ...

    def reads(self) -> Reads | None:
        """What of the state was looked at so far; None where the block itself was looked at, too."""
        ...


class Engine(Protocol):
    """The rules of one fork of Ethereum."""

    def begin(self, environment: BlockEnvironment, state: StateReader) -> Execution: ...

    def minimum_gas(self, call: Call) -> int:
        """The least gas limit with which this message is valid at all (intrinsic gas, calldata floor)."""
        ...
