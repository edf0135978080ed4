"""The frame of a call: py-evm's, with a stack of integers, memory, and most opcodes that ask the frame of ours.

What an opcode does here is what py-evm's rules say, with their numbers; py-evm's way to it takes a dozen Python
functions. Each opcode is a method that takes words and gives one or none; what it costs whatever it does has been
charged before (`interpreter.py`, `traces.py`).
"""

import sys
from typing import Any, Final, cast

from eth.exceptions import FullStack, OutOfBoundsRead, OutOfGas, WriteProtection
from eth.vm.forks.berlin.constants import COLD_ACCOUNT_ACCESS_COST, COLD_SLOAD_COST, WARM_STORAGE_READ_COST
from eth.vm.forks.london.storage import GAS_SCHEDULE_EIP3529
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.memory import Memory
from eth.vm.stack import Stack
from eth_typing import Address

from deepsquare.chain.embedded.traces import DEEPEST_STACK
from deepsquare.chain.embedded.words import WORD_BYTES, Words
from deepsquare.chain.embedded.world import World
from deepsquare.chain.keccak import keccak256

_COPY_WORD_GAS: Final = 3
_HASH_WORD_GAS: Final = 6
_LOG_BYTE_GAS: Final = 8
_LOG_TOPIC_GAS: Final = 375
_MEMORY_WORD_GAS: Final = 3
_MEMORY_SQUARE_PART: Final = 512
_FIRST_MEMORY_BYTES: Final = 2_048
"""Room that costs nothing: nearly all calls need less."""
_ADDRESS_BYTES: Final = 20
_ADDRESSES: Final = 2 ** (8 * _ADDRESS_BYTES)


class _IntStack(Stack):
    """py-evm's stack, holding integers only."""

    @property
    def words(self) -> Words:
        words: Any = self.values
        return cast(Words, words)

    def push_bytes(self, value: bytes) -> None:
        push(self.words, int.from_bytes(value, "big"))

    def push_int(self, value: int) -> None:
        push(self.words, value)

    def pop_ints(self, num_items: int) -> tuple[int, ...]:
        words = self.words
        return tuple([words.pop() for _ in range(num_items)])


class _RoomyMemory(Memory):
    """py-evm's memory with room behind it, so that growing seldom moves it."""

    def __init__(self) -> None:
        self.bytes = self._bytes = bytearray(_FIRST_MEMORY_BYTES)
        """Its bytes and those behind it, which are 0; another object once they had to be moved."""
        self.size = 0
        self.gas = 0
        """What its size has cost."""

    def __len__(self) -> int:
        return self.size

    def extend(self, start_position: int, size: int) -> None:
        end = start_position + size
        if size and end > self.size:
            self.reach(end, sys.maxsize)

    def reach(self, end: int, gas: int) -> int:
        """Make it longer, so that it reaches to an end behind its own; what it costs. Raises `OutOfGas`."""
        words = -(-end // WORD_BYTES)
        whole = _MEMORY_WORD_GAS * words + words * words // _MEMORY_SQUARE_PART
        cost, self.gas = whole - self.gas, whole
        if cost > gas:
            raise OutOfGas(f"Out of gas: needed {cost} for memory, remaining {gas}")
        self.size = words * WORD_BYTES
        if self.size > len(self.bytes):
            # Another object: somebody may still look at the old one, who will never write.
            self.bytes = self._bytes = self.bytes + bytes(self.size)
        return cost


class Frame(PragueComputation):
    """The frame of a call: its stack, memory and gas, and the opcodes that ask it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._stack = stack = _IntStack()
        self._memory = self._space = _RoomyMemory()
        self._words = stack.words
        state: Any = self.state
        self._world: World = state.world
        self._here: Address = self.msg.storage_address
        self._data = self.msg.data_as_bytes

    # What py-evm's opcodes take from the stack; its own attributes look each time whether they are coroutines.

    def stack_pop1_int(self) -> int:
        return self._words.pop()

    def stack_pop_ints(self, num_items: int) -> tuple[int, ...]:
        return self._stack.pop_ints(num_items)

    def stack_pop1_bytes(self) -> bytes:
        return self._stack.pop1_bytes()

    def stack_push_int(self, value: int) -> None:
        push(self._words, value)

    # What traces use

    @property
    def meter(self) -> Any:
        """The frame's gas: `gas_remaining` is read and set."""
        return self._gas_meter

    @property
    def open_memory(self) -> bytearray:
        """The frame's memory and what is behind it; another object once it has grown."""
        return self._space.bytes

    @property
    def memory_size(self) -> int:
        """How long the frame's memory is, in bytes."""
        return self._space.size

    def reach(self, end: int, gas: int) -> tuple[int, bytearray, int]:
        """Make memory that long; the gas that is left after it, the memory, and its size."""
        space = self._space
        if end > space.size:
            gas -= space.reach(end, gas)
        return gas, space.bytes, space.size

    # Opcodes that look at the call or at memory. What memory costs is charged where it grows.

    def load(self, start: int) -> int:
        """MLOAD"""
        return int.from_bytes(self._reached(start, WORD_BYTES)[start : start + WORD_BYTES], "big")

    def store(self, start: int, value: int) -> None:
        """MSTORE"""
        self._reached(start, WORD_BYTES)[start : start + WORD_BYTES] = value.to_bytes(WORD_BYTES, "big")

    def copy(self, to: int, start: int, size: int) -> None:
        """MCOPY"""
        memory = self._reached(max(to, start), size)
        self._charge(_COPY_WORD_GAS * -(-size // WORD_BYTES))
        memory[to : to + size] = memory[start : start + size]

    def hash(self, start: int, size: int) -> int:
        """KECCAK256"""
        memory = self._reached(start, size)
        self._charge(_HASH_WORD_GAS * -(-size // WORD_BYTES))
        return int.from_bytes(keccak256(bytes(memory[start : start + size])), "big")

    def argument(self, start: int) -> int:
        """CALLDATALOAD"""
        word = self._data[start : start + WORD_BYTES]
        return int.from_bytes(word, "big") << 8 * (WORD_BYTES - len(word))

    def arguments_size(self) -> int:
        """CALLDATASIZE"""
        return len(self._data)

    def copy_arguments(self, to: int, start: int, size: int) -> None:
        """CALLDATACOPY"""
        self._copy_in(self._data, to, start, size)

    def copy_code(self, to: int, start: int, size: int) -> None:
        """CODECOPY"""
        self._copy_in(self.msg.code, to, start, size)

    def answer_size(self) -> int:
        """RETURNDATASIZE"""
        return len(self.return_data)

    def copy_answer(self, to: int, start: int, size: int) -> None:
        """RETURNDATACOPY"""
        if start + size > len(self.return_data):
            raise OutOfBoundsRead(f"{size} bytes from {start} on of an answer of {len(self.return_data)}")
        self._copy_in(self.return_data, to, start, size)

    def value(self) -> int:
        """CALLVALUE"""
        value: int = self.msg.value
        return value

    def caller(self) -> int:
        """CALLER"""
        return int.from_bytes(self.msg.sender, "big")

    def address(self) -> int:
        """ADDRESS"""
        return int.from_bytes(self._here, "big")

    def gas_left(self) -> int:
        """GAS"""
        gas: int = self._gas_meter.gas_remaining
        return gas

    def time(self) -> int:
        """TIMESTAMP"""
        time: int = self.state.timestamp
        return time

    def block_number(self) -> int:
        """NUMBER"""
        number: int = self.state.block_number
        return number

    # Opcodes that look at the state or change it

    def slot(self, slot: int) -> int:
        """SLOAD"""
        place = (self._here, slot)
        self._charge(COLD_SLOAD_COST if self._world.warm(place) else WARM_STORAGE_READ_COST)
        return self._world.value(place)

    def store_slot(self, slot: int, value: int) -> None:
        """SSTORE"""
        self._expect_that_it_may_write()
        place = (self._here, slot)
        current, original = self._world.value(place), self._world.value_before(place)
        gas, refund = _storing(original, current, value)
        self._charge(gas + (COLD_SLOAD_COST if self._world.warm(place) else 0))
        if refund:
            self.refund_gas(refund)
        self._world.set_storage(self._here, slot, value)

    def transient(self, slot: int) -> int:
        """TLOAD"""
        return int.from_bytes(self._world.get_transient(self._here, slot), "big")

    def store_transient(self, slot: int, value: int) -> None:
        """TSTORE"""
        self._expect_that_it_may_write()
        self._world.set_transient(self._here, slot, value.to_bytes(WORD_BYTES, "big"))

    def size_of_code(self, account: int) -> int:
        """EXTCODESIZE"""
        address = Address((account % _ADDRESSES).to_bytes(_ADDRESS_BYTES, "big"))
        # To the state precompiled contracts are warm from the beginning; the world knows nothing of them.
        is_warm = self.state.is_address_warm(address)
        self._charge(WARM_STORAGE_READ_COST if is_warm else COLD_ACCOUNT_ACCESS_COST)
        self._world.warm(address)
        return len(self._world.get_code(address))

    def log(self, start: int, size: int, *topics: int) -> None:
        """LOG0 to LOG4"""
        self._expect_that_it_may_write()
        self._charge(_LOG_BYTE_GAS * size + _LOG_TOPIC_GAS * len(topics))
        data = bytes(self._reached(start, size)[start : start + size])
        self._log_entries.append((self.transaction_context.get_next_log_counter(), self._here, topics, data))

    def _copy_in(self, source: bytes, to: int, start: int, size: int) -> None:
        """Copy to memory; behind the end of the source are zeros."""
        memory = self._reached(to, size)
        self._charge(_COPY_WORD_GAS * -(-size // WORD_BYTES))
        memory[to : to + size] = source[start : start + size].ljust(size, b"\0")

    def _reached(self, start: int, size: int) -> bytearray:
        """The memory, long enough for what begins there; nothing has no place."""
        if not size:
            return self._space.bytes
        meter = self._gas_meter
        meter.gas_remaining, memory, _ = self.reach(start + size, meter.gas_remaining)
        return memory

    def _charge(self, gas: int) -> None:
        meter = self._gas_meter
        if gas > meter.gas_remaining:
            raise OutOfGas(f"Out of gas: needed {gas}, remaining {meter.gas_remaining}")
        meter.gas_remaining -= gas

    def _expect_that_it_may_write(self) -> None:
        if self.msg.is_static:
            raise WriteProtection("Cannot modify state while inside of a STATICCALL context")


def push(stack: Words, word: int) -> None:
    """Put a word on a stack. Raises `FullStack`."""
    if len(stack) >= DEEPEST_STACK:
        raise FullStack("Stack limit reached")
    stack.append(word)


def _storing(original: int, current: int, value: int) -> tuple[int, int]:
    """The gas for a warm slot to be written, and what of it is given back at the end (EIP-2200, EIP-3529)."""
    rule = GAS_SCHEDULE_EIP3529
    if value == current:
        return rule.sload_gas, 0
    if current == original:
        if not original:
            return rule.sstore_set_gas, 0
        return rule.sstore_reset_gas, 0 if value else rule.sstore_clears_schedule
    refund = 0
    if original:
        refund += rule.sstore_clears_schedule * ((not value) - (not current))
    if value == original:
        refund += (rule.sstore_reset_gas if original else rule.sstore_set_gas) - rule.sload_gas
    return rule.sload_gas, refund
