"""The engine in use: py-evm's rules of the Prague fork, over our own state.

Of py-evm only the transaction executor and the interpreter are used; blocks, tries and its database are not. Only
this module, what `interpreter.py` is made of and `world.py` import py-evm, which takes half a second: import it late.

Where py-evm's accounting of a block is wrong or absent it is done here: gas used with the calldata floor
(EIP-7623) after the refund, and the size of initcode at the top level (EIP-3860).

py-evm hashes through eth-hash, which takes the first backend installed unless ETH_HASH_BACKEND names one; pysha3
is five times faster than the one it would find. Whoever sets the variable outside decides.
"""

import os
import sys

os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from eth.abc import ComputationAPI
from eth.constants import CREATE_CONTRACT_ADDRESS, ZERO_HASH32
from eth.exceptions import (
    ContractCreationCollision,
    FullStack,
    InsufficientFunds,
    InsufficientStack,
    InvalidInstruction,
    InvalidJumpDestination,
    OutOfBoundsRead,
    OutOfGas,
    ReservedBytesInCode,
    Revert,
    StackDepthLimit,
    VMError,
    WriteProtection,
)
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.berlin.transactions import calculate_txn_intrinsic_gas_berlin
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState, PragueTransactionExecutor
from eth.vm.message import Message
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.logging import get_extended_debug_logger

from deepsquare.chain.embedded.engine import Account, BlockEnvironment, Log, Outcome, Reads, StateChanges, StateReader
from deepsquare.chain.embedded.interpreter import Computation
from deepsquare.chain.embedded.transactions import AccessList, Call, Transaction
from deepsquare.chain.embedded.world import World
from deepsquare.chain.transaction import created_by

_DEEPEST_PYTHON_CALL = 12 * 1024
"""Twelve Python frames for each of the 1,024 levels that calls between contracts may nest."""

# py-evm asks for as many, but a library it imports lifts the limit to 100,000: then a JSON document of that many
# brackets, parsed anywhere in this process, overflows the C stack and kills it.
sys.setrecursionlimit(_DEEPEST_PYTHON_CALL)

_WORD_BYTES = 32
_INITCODE_WORD_GAS = 2
_FLOOR_TOKEN_GAS = 10
_TOKENS_PER_NONZERO_BYTE = 4
_BASE_GAS = 21_000
_ANCESTORS_IN_REACH = 256

_FAILURES: tuple[tuple[type[VMError], str], ...] = (
    (Revert, "execution reverted"),
    (OutOfGas, "out of gas"),
    (InvalidInstruction, "invalid opcode"),
    (InvalidJumpDestination, "invalid jump destination"),
    (InsufficientStack, "stack underflow"),
    (FullStack, "stack limit reached 1024 (1023)"),
    (WriteProtection, "write protection"),
    (StackDepthLimit, "max call depth exceeded"),
    (InsufficientFunds, "insufficient balance for transfer"),
    (OutOfBoundsRead, "return data out of bounds"),
    (ContractCreationCollision, "contract address collision"),
    (ReservedBytesInCode, "invalid code: must not begin with 0xef"),
)
"""py-evm's errors in the words of geth; the first that fits counts."""


class PyEvmEngine:
    """Prague by py-evm."""

    def begin(self, environment: BlockEnvironment, state: StateReader) -> "PyEvmExecution":
        return PyEvmExecution(environment, state)

    def minimum_gas(self, call: Call) -> int:
        intrinsic = _Message.of(call).intrinsic_gas
        if call.to is None:
            intrinsic += _INITCODE_WORD_GAS * -(-len(call.data) // _WORD_BYTES)
        zeros = call.data.count(0)
        tokens = zeros + _TOKENS_PER_NONZERO_BYTE * (len(call.data) - zeros)
        return max(intrinsic, _BASE_GAS + _FLOOR_TOKEN_GAS * tokens)


class PyEvmExecution:
    """One block in py-evm."""

    def __init__(self, environment: BlockEnvironment, state: StateReader) -> None:
        self._environment = environment
        self._reader = state
        self._world = World(state)
        self._has_seen_block = False

    def account(self, address: bytes) -> Account:
        return self._world.account(address)

    def apply(self, transaction: Transaction) -> Outcome:
        message = _Message.of(transaction)
        outcome = self._run(message, base_fee=self._environment.base_fee, is_kept=True)
        self._world.end_transaction()
        return outcome

    def call(self, call: Call) -> Outcome:
        message = _Message.of(call, nonce=self._world.account(call.sender).nonce)
        try:
            # As geth does for a call without a fee: the base fee reads as 0, so that nobody needs gas money to look.
            return self._run(message, base_fee=0, is_kept=False)
        finally:
            self._world.abandon_transaction()

    def changes(self) -> StateChanges:
        return self._world.changes()

    def reads(self) -> Reads | None:
        return None if self._has_seen_block else self._world.reads()

    def _run(self, message: "_Message", base_fee: int, *, is_kept: bool) -> Outcome:
        context = self._context(base_fee)
        try:
            return self._run_in(context, message, is_kept=is_kept)
        finally:
            self._has_seen_block |= context.was_seen

    def _run_in(self, context: "_Context", message: "_Message", *, is_kept: bool) -> Outcome:
        state = _State(self._world, context)
        executor = _Executor(state)
        transaction: Any = message  # stands in for py-evm's own transactions: it has the fields that are read
        try:
            computation = executor.build_computation(executor.build_evm_message(transaction), transaction)
        except VMError as error:
            # Raised before the interpreter starts (initcode too long, value not covered): all the gas is gone.
            return Outcome(gas_used=message.gas, refund=0, output=b"", logs=(), failure=_words_for(error))
        used = message.gas - computation.get_gas_remaining()
        refund = executor.calculate_gas_refund(computation, used)
        spent = used - refund + executor.calc_data_floor_gas(transaction, used, refund)
        if is_kept:
            executor.settle(transaction, computation, spent)
        return _outcome(computation, spent, refund)

    def _context(self, base_fee: int) -> "_Context":
        environment = self._environment
        return _Context(
            coinbase=Address(b"\0" * 20),
            timestamp=environment.time,
            block_number=BlockNumber(environment.number),
            difficulty=0,
            mix_hash=ZERO_HASH32,
            gas_limit=environment.gas_limit,
            prev_hashes=self._ancestors(),
            chain_id=environment.chain_id,
            base_fee_per_gas=base_fee,
            excess_blob_gas=0,
        )

    def _ancestors(self) -> Iterator[Any]:
        newest = self._environment.number - 1
        for number in range(newest, max(-1, newest - _ANCESTORS_IN_REACH), -1):
            yield self._reader.block_hash(number)


class _Context(ExecutionContext):
    """py-evm's block environment, which notes whether anything was looked at that differs from block to block."""

    was_seen = False

    @property
    def timestamp(self) -> int:
        self.was_seen = True
        return super().timestamp

    @property
    def block_number(self) -> BlockNumber:
        self.was_seen = True
        return super().block_number

    @property
    def prev_hashes(self) -> Iterable[Hash32]:
        self.was_seen = True
        return super().prev_hashes


class _Executor(PragueTransactionExecutor):
    """py-evm's steps of a transaction."""

    def build_evm_message(self, transaction: Any) -> Message:
        """As py-evm's own, which writes the contract's whole code into a line for a log that nobody keeps.

        Transactions with blobs and those that set code are not taken here.
        """
        state = self.vm_state
        state.delta_balance(transaction.sender, -transaction.gas * state.get_gas_price(transaction))
        state.increment_nonce(transaction.sender)
        is_create = transaction.to == CREATE_CONTRACT_ADDRESS
        code, delegation = (transaction.data, None) if is_create else self.get_code_at_address(transaction.to)
        # None for a call; py-evm's own annotation forgets it.
        created: Any = None
        if is_create:
            created = created_by(transaction.sender, state.get_nonce(transaction.sender) - 1)
        return Message(
            gas=transaction.gas - transaction.intrinsic_gas,
            to=transaction.to,
            sender=transaction.sender,
            value=transaction.value,
            data=b"" if is_create else transaction.data,
            code=code,
            create_address=created,
            is_delegation=delegation is not None,
        )

    def settle(self, transaction: Any, computation: ComputationAPI, spent: int) -> None:
        """As py-evm's own end of a transaction, which also clears accounts that are empty: there are none here."""
        state = self.vm_state
        if returned := (transaction.gas - spent) * state.get_gas_price(transaction):
            state.delta_balance(transaction.sender, returned)
        if fee := spent * state.get_tip(transaction):
            state.delta_balance(state.coinbase, fee)
        for account in computation.get_accounts_for_deletion():
            state.delete_account(account)


class _State(PragueState):
    """py-evm's state with our world in the place of its account database, transient storage included."""

    computation_class: type[PragueComputation] = Computation
    logger = get_extended_debug_logger("eth.vm.state")
    """One for all: py-evm's own looks it up by its name at each line that it does not write."""

    def __init__(self, world: World, context: ExecutionContext) -> None:
        # The constructor above would open a trie and write system contracts; both belong to consensus we do not run.
        self.execution_context = context
        self._account_db = world
        self.world = world

    def snapshot(self) -> tuple[Any, Any]:
        return ZERO_HASH32, self.world.record()

    def revert(self, snapshot: tuple[Any, Any]) -> None:
        self.world.discard(snapshot[1])

    def commit(self, snapshot: tuple[Any, Any]) -> None:
        self.world.commit(snapshot[1])

    def get_transient_storage(self, address: Address, slot: int) -> bytes:
        return self.world.get_transient(address, slot)

    def set_transient_storage(self, address: Address, slot: int, value: bytes) -> None:
        self.world.set_transient(address, slot, value)


@dataclass(frozen=True, slots=True)
class _Message:
    """A call or a transaction with the fields that py-evm's executor reads from its own transaction classes."""

    sender: bytes
    to: bytes
    value: int
    data: bytes
    gas: int
    access_list: AccessList
    nonce: int
    type_id: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int

    @classmethod
    def of(cls, call: Call, nonce: int = 0) -> "_Message":
        signed = call if isinstance(call, Transaction) else None
        return cls(
            sender=call.sender,
            to=CREATE_CONTRACT_ADDRESS if call.to is None else call.to,
            value=call.value,
            data=call.data,
            gas=call.gas,
            access_list=call.access_list,
            nonce=signed.nonce if signed else nonce,
            type_id=signed.kind if signed else 0,
            max_fee_per_gas=signed.max_fee if signed else 0,
            max_priority_fee_per_gas=signed.max_priority_fee if signed else 0,
        )

    @property
    def intrinsic_gas(self) -> int:
        transaction: Any = self
        return calculate_txn_intrinsic_gas_berlin(transaction)


def _outcome(computation: ComputationAPI, spent: int, refund: int) -> Outcome:
    return Outcome(
        gas_used=spent,
        refund=refund,
        output=bytes(computation.output),
        logs=tuple(
            Log(address, tuple(topic.to_bytes(32, "big") for topic in topics), bytes(data))
            for address, topics, data in computation.get_log_entries()
        ),
        failure=_words_for(computation.error) if computation.is_error else None,
        depth=_depth(computation),
    )


def _depth(computation: ComputationAPI) -> int:
    return max((1 + _depth(child) for child in computation.children), default=0)


def _words_for(error: VMError) -> str:
    return next((words for kind, words in _FAILURES if isinstance(error, kind)), str(error) or type(error).__name__)
