"""What a contract does often, as Python: a trace is the steps from one place to the next opcode that is py-evm's.

Between these there are only words, memory, slots and jumps. A trace follows the code over the jumps, into functions
and back: most targets are constants, and at a branch it goes on where the code has gone more often; on the other
side it ends. Its words are Python's local variables: what a step pushes and the next one takes never is on a stack.

A trace is exact or it is not used. Whoever runs it looks first whether the stack is deep enough and has room for all
of it (`Trace.fits`), and takes single steps otherwise. Gas is charged before each branch and at the end for all the
steps up to there: none of them can be undone or seen from outside, so that it makes no difference which of them has
none left. The numbers of py-evm's own rules are used.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth.exceptions import InvalidJumpDestination, OutOfGas
from eth.vm import opcode_values as op

from deepsquare.chain.embedded.words import RECKONINGS, SHORT_SHIFTS, WORD_BITS, WORD_BYTES, Words, function_of

DEEPEST_STACK: Final = 1024
HOT: Final = 16
"""How often a place is come to before its trace is made: that takes as long as some hundred runs of its steps."""

_LONGEST_TRACE: Final = 400
"""In steps. A loop is unrolled up to here."""

_LONGEST_TEXT: Final = 20_000
"""In characters. At each way out a trace writes all words that it has made, so that a step may be worth hundreds."""


@dataclass(frozen=True, slots=True)
class Asking:
    """An opcode that asks the frame: its method there, the words it takes, and whether it gives one or memory grows.

    `is_exact` says that it looks at the gas, or may fail for another reason than too little of it: all steps before
    it must be charged for. `least_gas` must be left, before any word is looked for.
    """

    method: str
    takes: int
    gives: bool = True
    grows: bool = False
    is_exact: bool = False
    least_gas: int = 0


ASKINGS: Final[Mapping[int, Asking]] = {
    op.MLOAD: Asking("load", 1, grows=True),
    op.MSTORE: Asking("store", 2, gives=False, grows=True),
    op.MCOPY: Asking("copy", 3, gives=False, grows=True),
    op.SHA3: Asking("hash", 2, grows=True),
    op.CALLDATALOAD: Asking("argument", 1),
    op.CALLDATASIZE: Asking("arguments_size", 0),
    op.CALLVALUE: Asking("value", 0),
    op.CALLER: Asking("caller", 0),
    op.ADDRESS: Asking("address", 0),
    op.SLOAD: Asking("slot", 1),
    op.SSTORE: Asking("store_slot", 2, gives=False, is_exact=True, least_gas=2_301),
    op.TLOAD: Asking("transient", 1),
    op.TSTORE: Asking("store_transient", 2, gives=False, is_exact=True),
    op.EXTCODESIZE: Asking("size_of_code", 1),
    op.CALLDATACOPY: Asking("copy_arguments", 3, gives=False, grows=True),
    op.CODECOPY: Asking("copy_code", 3, gives=False, grows=True),
    op.RETURNDATASIZE: Asking("answer_size", 0),
    op.RETURNDATACOPY: Asking("copy_answer", 3, gives=False, grows=True, is_exact=True),
    op.GAS: Asking("gas_left", 0, is_exact=True),
    op.TIMESTAMP: Asking("time", 0),
    op.NUMBER: Asking("block_number", 0),
    **{
        opcode: Asking("log", 2 + topics, gives=False, grows=True, is_exact=True)
        for topics, opcode in enumerate((op.LOG0, op.LOG1, op.LOG2, op.LOG3, op.LOG4))
    },
}


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a contract."""

    raw: bytes
    destinations: frozenset[int]
    """Where a jump may go."""
    gas: Mapping[int, int]
    """What an opcode costs whatever it does."""

    def operand(self, at: int) -> int:
        """What the push at this place pushes."""
        size = operand_bytes(self.raw[at])
        return int.from_bytes(self.raw[at + 1 : at + 1 + size].ljust(size, b"\0"), "big")


def operand_bytes(opcode: int) -> int:
    """How many bytes after an opcode are part of it."""
    return opcode - op.PUSH0 if op.PUSH0 <= opcode <= op.PUSH32 else 0


@dataclass(frozen=True, slots=True)
class Trace:
    """Steps from one place on, as one function."""

    run: Callable[[Any, Words, int], tuple[int, int]]
    """Of the frame, its stack and the gas that is left: where to go on, and the gas that is left then."""
    takes: int
    """Words that must be on the stack."""
    most: int
    """Words that may be on the stack."""
    text_length: int
    """In characters of Python: what it costs to make, and to keep."""

    def fits(self, words: int) -> bool:
        """Whether every step finds its words on a stack of that many, and room for what it pushes."""
        return self.takes <= words <= self.most


def trace(code: Code, start: int, heat: Sequence[int]) -> Trace | None:
    """The trace from a place on; None where the first step is py-evm's.

    `heat` says for each place how often it was come to after a branch.
    """
    writer = _Writer(code.destinations)
    at = start
    for _ in range(_LONGEST_TRACE):
        if writer.text_length > _LONGEST_TEXT:
            break
        following = _write_step(code, at, heat, writer)
        if following is None:
            return writer.trace()
        if following == at:
            break
        at = following
        if at == start:
            break
    if not writer.has_steps:
        return None
    writer.leave(str(at))
    return writer.trace()


def _write_step(code: Code, at: int, heat: Sequence[int], writer: "_Writer") -> int | None:  # noqa: C901 - a case a kind
    """Write the step at a place; where the next one is, None after a jump to who knows where, `at` if it stays out."""
    if at >= len(code.raw):
        return at
    opcode = code.raw[at]
    if opcode not in _TRACED or (opcode in _JUMPS and not _is_foreseen(code, opcode, writer.top())):
        return at
    writer.spend(code.gas[opcode])
    following = min(at + 1 + operand_bytes(opcode), len(code.raw))
    if op.PUSH0 <= opcode <= op.PUSH32:
        writer.push(code.operand(at))
    elif op.DUP1 <= opcode <= op.DUP16:
        writer.duplicate(opcode - op.DUP1 + 1)
    elif op.SWAP1 <= opcode <= op.SWAP16:
        writer.swap(opcode - op.SWAP1 + 2)
    elif opcode == op.POP:
        writer.pop()
    elif opcode in RECKONINGS:
        writer.reckon(opcode)
    elif opcode in ASKINGS:
        writer.ask(opcode)
    elif opcode == op.JUMP:
        return writer.jump()
    elif opcode == op.JUMPI:
        return writer.branch(following, heat)
    return following


def _is_foreseen(code: Code, opcode: int, target: "_Word") -> bool:
    """Whether a jump goes to a place where it may go; one without a condition may also find that out when it runs."""
    return opcode == op.JUMP if isinstance(target, str) else target in code.destinations


_JUMPS: Final = frozenset((op.JUMP, op.JUMPI))
_TRACED: Final = frozenset(
    (
        *range(op.PUSH0, op.PUSH32 + 1),
        *range(op.DUP1, op.SWAP16 + 1),
        op.POP,
        op.JUMPDEST,
        *_JUMPS,
        *RECKONINGS,
        *ASKINGS,
    )
)

_LOOK_AT_MEMORY: Final = "memory = frame.open_memory; held = frame.memory_size"

_Word = int | str
"""A word while a trace is written: its value, or the name of the variable that will have it."""


class _Writer:
    """A trace while it is written. Its words lie above the stack that the trace will find.

    `below1` is the top of that stack, `below2` the word under it, and so on.
    """

    def __init__(self, destinations: frozenset[int]) -> None:
        self._destinations = destinations
        self._lines: list[str] = []
        self._words: list[_Word] = []
        self._taken = 0
        self._grown = 0
        self._gas = 0
        self._names = 0
        self.has_steps = False
        self.text_length = 0

    def spend(self, gas: int) -> None:
        """A step begins that costs so much."""
        self._gas += gas
        self.has_steps = True

    def top(self) -> _Word:
        """The word on top."""
        self._reach(1)
        return self._words[-1]

    def push(self, word: _Word) -> None:
        """Put a word on top."""
        self._words.append(word)
        self._grown = max(self._grown, len(self._words) - self._taken)

    def pop(self) -> _Word:
        """Take the word on top."""
        self._reach(1)
        return self._words.pop()

    def duplicate(self, depth: int) -> None:
        """Push the word that is so deep, 1 being the top."""
        self._reach(depth)
        self.push(self._words[-depth])

    def swap(self, depth: int) -> None:
        """Exchange the word that is so deep and the one on top."""
        self._reach(depth)
        words = self._words
        words[-1], words[-depth] = words[-depth], words[-1]

    def reckon(self, opcode: int) -> None:
        """Make a word of words."""
        reckoning = RECKONINGS[opcode]
        words = [self.pop() for _ in range(reckoning.takes)]
        if opcode in SHORT_SHIFTS and isinstance(words[0], int) and words[0] < WORD_BITS:
            reckoning = SHORT_SHIFTS[opcode]
        made = reckoning.of(*(f"{word}" for word in words))
        if all(isinstance(word, int) for word in words):
            self.push(int(function_of([f"def made(): return {made}"])()))
        else:
            self.push(self._named(made))

    def ask(self, opcode: int) -> None:
        """Ask the frame. Words of memory that is there already are read and written here."""
        asking = ASKINGS[opcode]
        words = [self.pop() for _ in range(asking.takes)]
        if opcode in (op.MLOAD, op.MSTORE):
            self._have_memory(words[0])
            place = f"memory[{words[0]}:{_plus(words[0], WORD_BYTES)}]"
            if opcode == op.MLOAD:
                self.push(self._named(f"int.from_bytes({place}, 'big')"))
            else:
                self._write(f"{place} = {_bytes_of(words[1])}")
            return
        if asking.is_exact:
            self._settle()
        if asking.least_gas:
            self._write(f"if gas < {asking.least_gas}: raise OutOfGas('Out of gas')")
        question = f"frame.{asking.method}({', '.join(map(str, words))})"
        self._write("meter.gas_remaining = gas")
        if asking.gives:
            self.push(self._named(question))
        else:
            self._write(question)
        self._write("gas = meter.gas_remaining")
        if asking.grows:
            self._write(_LOOK_AT_MEMORY)

    def jump(self) -> int | None:
        """Go where the word on top says: there, or None where the trace ends with it."""
        target = self.pop()
        if isinstance(target, int):
            return target
        self.leave(f"checked({target}, destinations)")
        return None

    def branch(self, following: int, heat: Sequence[int]) -> int:
        """Leave for the side that the code has taken less often; the other one."""
        target, condition = int(self.pop()), self.pop()
        if isinstance(condition, int):
            return target if condition else following
        jumps = heat[target] > heat[following]
        self._settle()
        self._write(f"if {'not ' if jumps else ''}{condition}:")
        self._leave(f"{following if jumps else target}", indent=" ")
        return target if jumps else following

    def leave(self, place: str) -> None:
        """The trace ends; `place` is where to go on."""
        self._settle()
        self._leave(place)

    def trace(self) -> Trace:
        """What was written, as a function."""
        body = "\n".join(self._lines)
        below = sorted({int(number) for number in re.findall(r"\bbelow(\d+)", body)})
        lines = [
            "def made(frame, stack, gas):",
            *([" meter = frame.meter"] if "meter." in body else []),
            *([f" {_LOOK_AT_MEMORY}"] if "held" in body else []),
            *(f" below{number} = stack[-{number}]" for number in below),
            *(f" {line}" for line in self._lines),
        ]
        made = function_of(lines, checked=checked, destinations=self._destinations, OutOfGas=OutOfGas)
        return Trace(made, self._taken, DEEPEST_STACK - self._grown, self.text_length)

    def _reach(self, depth: int) -> None:
        """Take words from the stack below until there are so many."""
        while len(self._words) < depth:
            self._taken += 1
            self._words.insert(0, f"below{self._taken}")

    def _named(self, expression: str) -> str:
        self._names += 1
        self._write(f"word{self._names} = {expression}")
        return f"word{self._names}"

    def _write(self, line: str) -> None:
        self._lines.append(line)
        self.text_length += len(line)

    def _have_memory(self, start: _Word) -> None:
        end = _plus(start, WORD_BYTES)
        self._write(f"if {end} > held: gas, memory, held = frame.reach({end}, gas)")

    def _settle(self) -> None:
        """Charge for the steps up to here."""
        if self._gas:
            self._write(f"gas -= {self._gas}")
            self._write("if gas < 0: raise OutOfGas('Out of gas')")
            self._gas = 0

    def _leave(self, place: str, indent: str = "") -> None:
        """Put back what has changed on the stack below and what lies above it, and go."""
        same = 0
        while same < min(self._taken, len(self._words)) and self._words[same] == f"below{self._taken - same}":
            same += 1
        gone, new = self._taken - same, self._words[same:]
        words = f"({''.join(f'{word}, ' for word in new)})"
        if gone:
            self._write(f"{indent}stack[-{gone}:] = {words}")
        elif new:
            self._write(f"{indent}stack += {words}")
        self._write(f"{indent}return {place}, gas")


def checked(target: int, destinations: frozenset[int]) -> int:
    """The target of a jump. Raises `InvalidJumpDestination` where it may not go there."""
    if target not in destinations:
        raise InvalidJumpDestination("Invalid Jump Destination")
    return target


def _plus(word: _Word, more: int) -> str:
    return f"{word + more}" if isinstance(word, int) else f"{word} + {more}"


def _bytes_of(word: _Word) -> str:
    return repr(word.to_bytes(WORD_BYTES, "big")) if isinstance(word, int) else f"{word}.to_bytes({WORD_BYTES}, 'big')"
