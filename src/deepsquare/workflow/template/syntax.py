"""The tree of a template. `offset` is where a part starts in the source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, a number, true, false or nil."""

    value: str | int | bool | None
    offset: int


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`: what the action is about."""

    offset: int


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`; `$` alone is what the template was given."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Field:
    """`.Name` of a value."""

    of: "Operand"
    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Function:
    """The name of a function; the operands beside it are its arguments."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands of which each gets the value of the one before as its last argument."""

    variables: tuple[str, ...]
    """What it declares or sets."""
    is_declaration: bool
    commands: tuple[tuple["Operand", ...], ...]
    offset: int


Operand = Literal | Dot | Variable | Field | Function | Pipeline


@dataclass(frozen=True, slots=True)
class Text:
    """What is copied."""

    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Print:
    """A pipeline whose value is printed, unless it goes to a variable."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """`if` or `with` (which makes the value `.`), with what stands under `else`."""

    pipeline: Pipeline
    body: "Block"
    otherwise: "Block"
    changes_dot: bool


@dataclass(frozen=True, slots=True)
class Range:
    """The body once for each value; `otherwise` where there is none."""

    pipeline: Pipeline
    body: "Block"
    otherwise: "Block"


@dataclass(frozen=True, slots=True)
class Jump:
    """`break` or `continue`."""

    kind: str
    offset: int


Part = Text | Print | Branch | Range | Jump
Block = tuple[Part, ...]
