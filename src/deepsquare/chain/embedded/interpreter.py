"""The inner loop of the interpreter: py-evm's own opcodes, without py-evm's way from one opcode to the next.

A contract spends nearly all of its steps on the stack, on words of memory and on jumps, and there py-evm calls
half a dozen Python functions for each. Here a code is decoded once (`_Program`), and the loop does those steps
itself, and asks the frame for most of what is not there (`frame.py`); every opcode that calls, creates or ends the
run stays py-evm's. What is run often becomes one Python function from one such opcode to the next (`traces.py`). Gas,
errors and results are the same, step by step; a test runs both over the same programs and compares.

The stack holds integers only, the form in which nearly every opcode wants them.
"""

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from eth.abc import OpcodeAPI
from eth.exceptions import FullStack, InsufficientStack, OutOfGas
from eth.vm import opcode_values as op
from eth.vm.code_stream import CodeStream
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES
from eth.vm.logic.invalid import InvalidOpcode

from deepsquare.chain.embedded.frame import Frame, push
from deepsquare.chain.embedded.traces import (
    ASKINGS,
    DEEPEST_STACK,
    HOT,
    Asking,
    Code,
    Trace,
    checked,
    operand_bytes,
    trace,
)
from deepsquare.chain.embedded.words import ON_STACK, Words

_DECODED_CODES: Final = 64
"""A grid has a handful of contracts; a code takes some 100 bytes for each of its own."""

_MOST_TRACES: Final = 512
"""For each code: three times what the grid's own largest contract has, and a few megabytes."""

_MOST_TEXT: Final = 1_000_000
"""In characters, for all traces of a code: gas pays for no trace, and who writes a code could have it made of the
dearest ones. The grid's own largest contract has half of it.
"""

_PUSH, _DUP, _SWAP, _POP, _WORDS, _JUMPI, _JUMP, _JUMPDEST, _FRAME, _OTHER = range(10)
"""What a step is to the loop, the most frequent first."""

_RUN: Final = 0x100
"""The one opcode that py-evm's own loop is given: all the rest happens in it."""

_Step = tuple[int, Any, int, int]
"""Kind, what the kind needs (a value, a depth, a function), static gas, and where the next step is."""


class _OneRun(CodeStream):
    """A code that py-evm's loop sees as one single opcode."""

    def __iter__(self) -> Iterator[int]:
        yield _RUN


class Computation(Frame):
    """The frame of a call, with this loop in it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.code = _OneRun(self.msg.code)

    def run(self) -> None:
        """Run the frame's code to its end, which py-evm tells by raising `Halt` or an error."""
        try:
            program = _program(self.msg.code)
            at = 0
            while True:
                at = self._follow(program, at)
                at = self._take_steps(program, at)
        except IndexError as error:
            raise InsufficientStack("a step takes more from the stack than there is") from error

    def _follow(self, program: "_Program", at: int) -> int:
        """Run what is known as a whole; where to go on."""
        meter, stack = self._gas_meter, self._words
        gas: int = meter.gas_remaining
        while (known := program.trace_at(at)) is not None and known.fits(len(stack)):
            at, gas = known.run(self, stack, gas)
            meter.gas_remaining = gas
        return at

    def _take_steps(self, program: "_Program", at: int) -> int:  # noqa: C901 - a call a kind would cost most
        """Take one step after the other up to the next branch or opcode of py-evm's; where to go on."""
        meter, stack, steps = self._gas_meter, self._words, program.steps
        gas: int = meter.gas_remaining
        while True:
            step = steps[at]
            assert step is not None  # noqa: S101 - jumps are checked, and each step names the next one
            kind, detail, cost, at = step
            if gas < cost:
                raise OutOfGas(f"Out of gas: needed {cost}, remaining {gas}")
            gas -= cost
            if kind <= _DUP:
                # As `push` does, without a call: every other step is one of these.
                if len(stack) >= DEEPEST_STACK:
                    raise FullStack("Stack limit reached")
                stack.append(detail if kind == _PUSH else stack[detail])
            elif kind == _SWAP:
                stack[-1], stack[detail] = stack[detail], stack[-1]
            elif kind == _POP:
                stack.pop()
            elif kind == _WORDS:
                detail(stack)
            elif kind == _FRAME:
                meter.gas_remaining = gas
                detail(self, stack)
                gas = meter.gas_remaining
            elif kind != _JUMPDEST:
                break
        meter.gas_remaining = gas
        if kind == _JUMPI:
            target = stack.pop()
            return checked(target, detail) if stack.pop() else at
        if kind == _JUMP:
            return checked(stack.pop(), detail)
        # Where it stands, for an opcode that asks.
        self.code.program_counter = at
        detail(computation=self)
        return at


class _Program:
    """A code made ready to be run."""

    def __init__(self, raw: bytes) -> None:
        starts = list(_starts(raw))
        destinations = frozenset(at for at in starts if raw[at] == op.JUMPDEST)
        self.steps: list[_Step | None] = [None] * (len(raw) + 1)
        """Each at its place; behind the last one a code stops."""
        for at, following in itertools.pairwise([*starts, len(raw)]):
            self.steps[at] = _step(raw, at, following, destinations)
        self.steps[len(raw)] = (_OTHER, _RULES[op.STOP], 0, len(raw))
        self._code = Code(raw, destinations, {opcode: rule.gas_cost for opcode, rule in _RULES.items()})
        self._heat = [0] * (len(raw) + 1)
        self._traces: dict[int, Trace | None] = {}
        self._text_length = 0

    def trace_at(self, at: int) -> Trace | None:
        """The trace that begins here; None where there is none or this is not done often."""
        heat = self._heat[at]
        if heat < HOT:
            self._heat[at] = heat + 1
            return None
        if at not in self._traces and len(self._traces) < _MOST_TRACES and self._text_length < _MOST_TEXT:
            made = self._traces[at] = trace(self._code, at, self._heat)
            self._text_length += 0 if made is None else made.text_length
        return self._traces.get(at)


@functools.lru_cache(maxsize=_DECODED_CODES)
def _program(raw: bytes) -> _Program:
    return _Program(raw)


def _starts(code: bytes) -> Iterator[int]:
    """The place of each opcode; what a push pushes is none."""
    at = 0
    while at < len(code):
        yield at
        at += 1 + operand_bytes(code[at])


def _step(code: bytes, at: int, following: int, destinations: frozenset[int]) -> _Step:
    opcode = code[at]
    rule = _RULES.get(opcode) or InvalidOpcode(opcode)
    kind, detail = _kind(code, at, destinations)
    # The opcodes that stay py-evm's take their own gas.
    return (kind, detail or rule, 0, following) if kind == _OTHER else (kind, detail, rule.gas_cost, following)


def _kind(code: bytes, at: int, destinations: frozenset[int]) -> tuple[int, Any]:
    opcode = code[at]
    if op.PUSH0 <= opcode <= op.PUSH32:
        size = operand_bytes(opcode)
        return _PUSH, int.from_bytes(code[at + 1 : at + 1 + size].ljust(size, b"\0"), "big")
    if op.DUP1 <= opcode <= op.DUP16:
        return _DUP, op.DUP1 - opcode - 1
    if op.SWAP1 <= opcode <= op.SWAP16:
        return _SWAP, op.SWAP1 - opcode - 2
    if opcode in ON_STACK:
        return _WORDS, ON_STACK[opcode]
    if opcode in ASKINGS:
        return _FRAME, _asking(ASKINGS[opcode])
    known = {op.POP: (_POP, None), op.JUMPDEST: (_JUMPDEST, None)}
    return (known | {op.JUMPI: (_JUMPI, destinations), op.JUMP: (_JUMP, destinations)}).get(opcode, (_OTHER, None))


def _asking(asking: Asking) -> Callable[[Frame, Words], None]:
    """The opcode as a step on a frame and its stack."""
    method = getattr(Frame, asking.method)

    def ask(frame: Frame, stack: Words) -> None:
        if frame.meter.gas_remaining < asking.least_gas:
            raise OutOfGas(f"Out of gas: {asking.least_gas} must be left")
        given = method(frame, *[stack.pop() for _ in range(asking.takes)])
        if asking.gives:
            push(stack, given)

    return ask


_RULES: Final[Mapping[int, Any]] = {**PRAGUE_OPCODES, op.SELFDESTRUCT: inspect.unwrap(PRAGUE_OPCODES[op.SELFDESTRUCT])}
"""py-evm's opcodes without its warning at every SELFDESTRUCT, which is a rule like any other here. Where warnings are
errors, it would change what a transaction does.
"""


def _run(computation: Any) -> None:
    computation.run()


Computation.opcodes = {_RUN: cast(OpcodeAPI, _run)}
