"""The inner loop of the interpreter: py-evm's own opcodes, without py-evm's way from one opcode to the next.

A contract spends nearly all of its steps on the stack, on words of memory and on jumps, and there py-evm calls
half a dozen Python functions for each. Here a code is decoded once (`_decoded`), and the loop does those steps
itself, and reads slots; every opcode that changes the state, calls, logs or ends the run stays py-evm's. Gas, errors
and results are the same, step by step; a test runs both over the same programs and compares.

The stack holds integers only, the form in which nearly every opcode wants them.
"""

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from eth.abc import OpcodeAPI
from eth.exceptions import FullStack, InsufficientStack, InvalidJumpDestination, OutOfGas
from eth.vm import opcode_values as op
from eth.vm.code_stream import CodeStream
from eth.vm.forks.berlin.constants import COLD_SLOAD_COST, WARM_STORAGE_READ_COST
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES
from eth.vm.logic.invalid import InvalidOpcode
from eth.vm.memory import Memory
from eth.vm.stack import Stack

from deepsquare.chain.keccak import keccak256

_WORD: Final = 2**256
_LARGEST: Final = _WORD - 1
_SIGN: Final = 2**255
_WORD_BITS: Final = 256
_WORD_BYTES: Final = 32
_DEEPEST_STACK: Final = 1024
_COPY_WORD_GAS: Final = 3
_HASH_WORD_GAS: Final = 6
_MEMORY_WORD_GAS: Final = 3
_MEMORY_SQUARE_PART: Final = 512
_DECODED_CODES: Final = 64
"""A grid has a handful of contracts; a code takes some 100 bytes for each of its own."""

_PUSH, _DUP, _SWAP, _WORDS, _JUMPI, _JUMP, _JUMPDEST, _FRAME, _OTHER = range(9)
"""What a step is to the loop, the most frequent first."""

_RUN: Final = 0x100
"""The one opcode that py-evm's own loop is given: all the rest happens in it."""

_Words = list[int]
"""A stack: 256-bit words, the top at the end."""

_Step = tuple[int, Any, int, int]
"""Kind, what the kind needs (a value, a depth, a function), static gas, and where the next step is."""


class _IntStack(Stack):
    """py-evm's stack, holding integers only."""

    @property
    def words(self) -> _Words:
        words: Any = self.values
        return cast(_Words, words)

    def push_bytes(self, value: bytes) -> None:
        _push(self.words, int.from_bytes(value, "big"))

    def push_int(self, value: int) -> None:
        _push(self.words, value)


class _OpenMemory(Memory):
    """py-evm's memory, which shows its bytes. They are another object once it has grown."""

    @property
    def bytes(self) -> bytearray:
        return self._bytes


class _OneRun(CodeStream):
    """A code that py-evm's loop sees as one single opcode."""

    def __iter__(self) -> Iterator[int]:
        yield _RUN


class Computation(PragueComputation):
    """py-evm's frame of a call, with this loop in it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.code = _OneRun(self.msg.code)
        self._words = _IntStack()
        self._stack = self._words
        self._space = _OpenMemory()
        self._memory = self._space

    def run(self) -> None:
        """Run the frame's code to its end, which py-evm tells by raising `Halt` or an error."""
        try:
            self._take_steps(_decoded(self.msg.code))
        except IndexError as error:
            raise InsufficientStack("a step takes more from the stack than there is") from error

    def _take_steps(self, steps: Sequence[_Step | None]) -> None:  # noqa: C901 - a call a kind would cost most
        meter, stack = self._gas_meter, self._words.words
        gas: int = meter.gas_remaining
        at = 0
        while True:
            step = steps[at]
            assert step is not None  # noqa: S101 - jumps are checked, and each step names the next one
            kind, detail, cost, at = step
            if gas < cost:
                raise OutOfGas(f"Out of gas: needed {cost}, remaining {gas}")
            gas -= cost
            if kind <= _DUP:
                # As `_push` does, without a call: every other step is one of these.
                if len(stack) >= _DEEPEST_STACK:
                    raise FullStack("Stack limit reached")
                stack.append(detail if kind == _PUSH else stack[detail])
            elif kind == _SWAP:
                stack[-1], stack[detail] = stack[detail], stack[-1]
            elif kind == _WORDS:
                detail(stack)
            elif kind == _JUMPI:
                target = stack.pop()
                if stack.pop():
                    at = _checked(target, detail)
            elif kind == _JUMP:
                at = _checked(stack.pop(), detail)
            elif kind != _JUMPDEST:
                meter.gas_remaining = gas
                if kind == _FRAME:
                    detail(self, stack)
                else:
                    # Where it stands, for an opcode that asks.
                    self.code.program_counter = at
                    detail(computation=self)
                gas = meter.gas_remaining

    # Opcodes that look at the call or at memory. What memory costs is charged where it grows.

    def mload(self, stack: _Words) -> None:
        start = stack[-1]
        self._reach(start, _WORD_BYTES)
        stack[-1] = int.from_bytes(self._space.bytes[start : start + _WORD_BYTES], "big")

    def mstore(self, stack: _Words) -> None:
        start, value = stack.pop(), stack.pop()
        self._reach(start, _WORD_BYTES)
        self._space.bytes[start : start + _WORD_BYTES] = value.to_bytes(_WORD_BYTES, "big")

    def mcopy(self, stack: _Words) -> None:
        to, start, size = stack.pop(), stack.pop(), stack.pop()
        self._reach(max(to, start), size)
        self.consume_gas(_COPY_WORD_GAS * -(-size // _WORD_BYTES), "MCOPY")
        memory = self._space.bytes
        memory[to : to + size] = memory[start : start + size]

    def keccak256(self, stack: _Words) -> None:
        start, size = stack.pop(), stack.pop()
        self._reach(start, size)
        self.consume_gas(_HASH_WORD_GAS * -(-size // _WORD_BYTES), "KECCAK256")
        stack.append(int.from_bytes(keccak256(bytes(self._space.bytes[start : start + size])), "big"))

    def calldataload(self, stack: _Words) -> None:
        start = stack[-1]
        word = self.msg.data_as_bytes[start : start + _WORD_BYTES]
        stack[-1] = int.from_bytes(word, "big") << 8 * (_WORD_BYTES - len(word))

    def calldatasize(self, stack: _Words) -> None:
        _push(stack, len(self.msg.data))

    def callvalue(self, stack: _Words) -> None:
        _push(stack, self.msg.value)

    def caller(self, stack: _Words) -> None:
        _push(stack, int.from_bytes(self.msg.sender, "big"))

    def address(self, stack: _Words) -> None:
        _push(stack, int.from_bytes(self.msg.storage_address, "big"))

    def sload(self, stack: _Words) -> None:
        state, address, slot = self.state, self.msg.storage_address, stack[-1]
        if state.is_storage_warm(address, slot):
            self.consume_gas(WARM_STORAGE_READ_COST, "SLOAD")
        else:
            state.mark_storage_warm(address, slot)
            self.consume_gas(COLD_SLOAD_COST, "SLOAD")
        stack[-1] = state.get_storage(address, slot)

    def _reach(self, start: int, size: int) -> None:
        """Make memory long enough, and charge what the new words cost."""
        held = len(self._space.bytes)
        if not size or start + size <= held:
            return
        words = -(-(start + size) // _WORD_BYTES)
        self.consume_gas(_memory_gas(words) - _memory_gas(held // _WORD_BYTES), "memory")
        self._space.extend(held, words * _WORD_BYTES - held)


def _memory_gas(words: int) -> int:
    return _MEMORY_WORD_GAS * words + words * words // _MEMORY_SQUARE_PART


def _push(stack: _Words, word: int) -> None:
    if len(stack) >= _DEEPEST_STACK:
        raise FullStack("Stack limit reached")
    stack.append(word)


def _checked(target: int, destinations: frozenset[int]) -> int:
    if target not in destinations:
        raise InvalidJumpDestination("Invalid Jump Destination")
    return target


@functools.lru_cache(maxsize=_DECODED_CODES)
def _decoded(code: bytes) -> Sequence[_Step | None]:
    """The steps of a code, each at its place; behind the last one a code stops."""
    steps: list[_Step | None] = [None] * (len(code) + 1)
    starts = list(_starts(code))
    destinations = frozenset(at for at in starts if code[at] == op.JUMPDEST)
    for at, following in itertools.pairwise([*starts, len(code)]):
        steps[at] = _step(code, at, following, destinations)
    steps[len(code)] = (_OTHER, _RULES[op.STOP], 0, len(code))
    return steps


def _starts(code: bytes) -> Iterator[int]:
    """The place of each opcode; what a push pushes is none."""
    at = 0
    while at < len(code):
        yield at
        at += 1 + _operand_bytes(code[at])


def _operand_bytes(opcode: int) -> int:
    return opcode - op.PUSH0 if op.PUSH0 <= opcode <= op.PUSH32 else 0


def _step(code: bytes, at: int, following: int, destinations: frozenset[int]) -> _Step:
    opcode = code[at]
    rule = _RULES.get(opcode) or InvalidOpcode(opcode)
    kind, detail = _kind(code, at, destinations)
    # The opcodes that stay py-evm's take their own gas.
    return (kind, detail or rule, 0, following) if kind == _OTHER else (kind, detail, rule.gas_cost, following)


def _kind(code: bytes, at: int, destinations: frozenset[int]) -> tuple[int, Any]:
    opcode = code[at]
    if op.PUSH0 <= opcode <= op.PUSH32:
        size = _operand_bytes(opcode)
        return _PUSH, int.from_bytes(code[at + 1 : at + 1 + size].ljust(size, b"\0"), "big")
    if op.DUP1 <= opcode <= op.DUP16:
        return _DUP, op.DUP1 - opcode - 1
    if op.SWAP1 <= opcode <= op.SWAP16:
        return _SWAP, op.SWAP1 - opcode - 2
    if opcode in _ON_WORDS:
        return _WORDS, _ON_WORDS[opcode]
    if opcode in _ON_FRAME:
        return _FRAME, _ON_FRAME[opcode]
    return {op.JUMPI: (_JUMPI, destinations), op.JUMP: (_JUMP, destinations), op.JUMPDEST: (_JUMPDEST, None)}.get(
        opcode, (_OTHER, None)
    )


def _pop(stack: _Words) -> None:
    stack.pop()


def _add(stack: _Words) -> None:
    left = stack.pop()
    stack[-1] = (left + stack[-1]) & _LARGEST


def _mul(stack: _Words) -> None:
    left = stack.pop()
    stack[-1] = (left * stack[-1]) & _LARGEST


def _sub(stack: _Words) -> None:
    left = stack.pop()
    stack[-1] = (left - stack[-1]) & _LARGEST


def _div(stack: _Words) -> None:
    left = stack.pop()
    right = stack[-1]
    stack[-1] = left // right if right else 0


def _lt(stack: _Words) -> None:
    left = stack.pop()
    stack[-1] = 1 if left < stack[-1] else 0


def _gt(stack: _Words) -> None:
    left = stack.pop()
    stack[-1] = 1 if left > stack[-1] else 0


def _signed(word: int) -> int:
    return word - _WORD if word >= _SIGN else word


def _slt(stack: _Words) -> None:
    left = _signed(stack.pop())
    stack[-1] = 1 if left < _signed(stack[-1]) else 0


def _sgt(stack: _Words) -> None:
    left = _signed(stack.pop())
    stack[-1] = 1 if left > _signed(stack[-1]) else 0


def _eq(stack: _Words) -> None:
    left = stack.pop()
    stack[-1] = 1 if left == stack[-1] else 0


def _iszero(stack: _Words) -> None:
    stack[-1] = 0 if stack[-1] else 1


def _and(stack: _Words) -> None:
    left = stack.pop()
    stack[-1] &= left


def _or(stack: _Words) -> None:
    left = stack.pop()
    stack[-1] |= left


def _xor(stack: _Words) -> None:
    left = stack.pop()
    stack[-1] ^= left


def _not(stack: _Words) -> None:
    stack[-1] ^= _LARGEST


def _shl(stack: _Words) -> None:
    places = stack.pop()
    stack[-1] = (stack[-1] << places) & _LARGEST if places < _WORD_BITS else 0


def _shr(stack: _Words) -> None:
    places = stack.pop()
    stack[-1] = stack[-1] >> places if places < _WORD_BITS else 0


def _signextend(stack: _Words) -> None:
    last_byte = stack.pop()
    value = stack[-1]
    if last_byte < _WORD_BYTES - 1:
        bits = 8 * (last_byte + 1)
        low = value & ((1 << bits) - 1)
        stack[-1] = low | (_LARGEST ^ ((1 << bits) - 1)) if low >> (bits - 1) else low


_ON_WORDS: Final[Mapping[int, Callable[[_Words], None]]] = {
    op.POP: _pop,
    op.ADD: _add,
    op.MUL: _mul,
    op.SUB: _sub,
    op.DIV: _div,
    op.LT: _lt,
    op.GT: _gt,
    op.SLT: _slt,
    op.SGT: _sgt,
    op.EQ: _eq,
    op.ISZERO: _iszero,
    op.AND: _and,
    op.OR: _or,
    op.XOR: _xor,
    op.NOT: _not,
    op.SHL: _shl,
    op.SHR: _shr,
    op.SIGNEXTEND: _signextend,
}
"""Opcodes that change nothing but the words on top of the stack."""

_ON_FRAME: Final[Mapping[int, Callable[[Computation, _Words], None]]] = {
    op.MLOAD: Computation.mload,
    op.MSTORE: Computation.mstore,
    op.MCOPY: Computation.mcopy,
    op.SHA3: Computation.keccak256,
    op.CALLDATALOAD: Computation.calldataload,
    op.CALLDATASIZE: Computation.calldatasize,
    op.CALLVALUE: Computation.callvalue,
    op.CALLER: Computation.caller,
    op.ADDRESS: Computation.address,
    op.SLOAD: Computation.sload,
}
"""Opcodes that look at the frame, too."""

_RULES: Final[Mapping[int, Any]] = {**PRAGUE_OPCODES, op.SELFDESTRUCT: inspect.unwrap(PRAGUE_OPCODES[op.SELFDESTRUCT])}
"""py-evm's opcodes without its warning at every SELFDESTRUCT, which is a rule like any other here. Where warnings are
errors, it would change what a transaction does.
"""


def _run(computation: Any) -> None:
    computation.run()


Computation.opcodes = {_RUN: cast(OpcodeAPI, _run)}
