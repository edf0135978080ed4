"""The opcodes that only reckon with words on the stack, each as a Python expression of what it takes.

`{a}` is the top of the stack, `{b}` the word below it. The expressions are made into functions on a stack, one for
each opcode, and into parts of larger functions (`traces.py`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth.vm import opcode_values as op

WORD_BITS: Final = 256
WORD_BYTES: Final = 32
_LARGEST: Final = 2**WORD_BITS - 1
_SIGN: Final = 2 ** (WORD_BITS - 1)

Words = list[int]
"""A stack: 256-bit words, the top at the end."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What an opcode makes of the words that it takes."""

    takes: int
    expression: str

    def of(self, *words: str) -> str:
        """The expression with these words in it, the top of the stack first."""
        return self.expression.format(**dict(zip("ab", words, strict=False)))


RECKONINGS: Final[Mapping[int, Reckoning]] = {
    op.ADD: Reckoning(2, f"({{a}} + {{b}}) & {_LARGEST}"),
    op.MUL: Reckoning(2, f"({{a}} * {{b}}) & {_LARGEST}"),
    op.SUB: Reckoning(2, f"({{a}} - {{b}}) & {_LARGEST}"),
    op.DIV: Reckoning(2, "{a} // {b} if {b} else 0"),
    op.LT: Reckoning(2, "1 if {a} < {b} else 0"),
    op.GT: Reckoning(2, "1 if {a} > {b} else 0"),
    # With the sign turned over, negative words stand below the others.
    op.SLT: Reckoning(2, f"1 if {{a}} ^ {_SIGN} < {{b}} ^ {_SIGN} else 0"),
    op.SGT: Reckoning(2, f"1 if {{a}} ^ {_SIGN} > {{b}} ^ {_SIGN} else 0"),
    op.EQ: Reckoning(2, "1 if {a} == {b} else 0"),
    op.ISZERO: Reckoning(1, "0 if {a} else 1"),
    op.AND: Reckoning(2, "{a} & {b}"),
    op.OR: Reckoning(2, "{a} | {b}"),
    op.XOR: Reckoning(2, "{a} ^ {b}"),
    op.NOT: Reckoning(1, f"{{a}} ^ {_LARGEST}"),
    op.SHL: Reckoning(2, f"({{b}} << {{a}}) & {_LARGEST} if {{a}} < {WORD_BITS} else 0"),
    op.SHR: Reckoning(2, f"{{b}} >> {{a}} if {{a}} < {WORD_BITS} else 0"),
    op.SIGNEXTEND: Reckoning(2, "sign_extended({a}, {b})"),
}

SHORT_SHIFTS: Final[Mapping[int, Reckoning]] = {
    op.SHL: Reckoning(2, f"({{b}} << {{a}}) & {_LARGEST}"),
    op.SHR: Reckoning(2, "{b} >> {a}"),
}
"""The same where it is known that a word is not shifted out as a whole."""


def sign_extended(last_byte: int, word: int) -> int:
    """A signed number of so many bytes and one as a word."""
    if last_byte >= WORD_BYTES - 1:
        return word
    bits = 8 * (last_byte + 1)
    low = word & ((1 << bits) - 1)
    return low | (_LARGEST ^ ((1 << bits) - 1)) if low >> (bits - 1) else low


def function_of(lines: Iterable[str], **known: object) -> Callable[..., Any]:
    """The function `made` that these lines of Python define; they may use the names that are given.

    The lines are ours: of a contract there are only numbers in them.
    """
    names: dict[str, Any] = {"sign_extended": sign_extended, **known}
    exec("\n".join(lines), names)  # noqa: S102 - see above
    made: Callable[..., Any] = names["made"]
    return made


def _on_stack(reckoning: Reckoning) -> Callable[[Words], None]:
    takes = [" a = stack.pop()", " b = stack[-1]"] if reckoning.takes > 1 else [" a = stack[-1]"]
    return function_of(["def made(stack):", *takes, f" stack[-1] = {reckoning.of('a', 'b')}"])


ON_STACK: Final[Mapping[int, Callable[[Words], None]]] = {
    opcode: _on_stack(reckoning) for opcode, reckoning in RECKONINGS.items()
}
"""Each as a function that changes a stack. It raises `IndexError` where there is too little on it."""
