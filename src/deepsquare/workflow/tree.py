"""The located tree: what every door (YAML, JSON, plain data) turns a workflow into before it is understood.

A scalar keeps its source text and what is known of its type, because only the field it stands in can say
whether `8080` is a number or a text. The tree is plain: aliases are expanded, duplicate keys are gone.
"""

import enum
import re
from dataclasses import dataclass

from deepsquare.workflow.problems import Path, Position

_LONGEST_QUOTED = 40
_NO_TEXT = re.compile(r"\A(?:[-+]?[0-9][0-9._]*|true|false)\Z")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class Unreadable(Exception):
    """Reading cannot go on; the problem is in the list. Caught by the reader that raised it."""


class ScalarKind(enum.Enum):
    """What is known of a scalar's type before its field is known."""

    TEXT = "text"
    """Certainly a text: quoted, a block, or a string of the data door."""
    PLAIN = "plain"
    """Bare words of a file: a text in a text field, a number in a number field."""
    VALUE = "value"
    """A number, boolean or null of the data door, written as JSON writes it."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value and its source text."""

    text: str
    kind: ScalarKind
    position: Position | None

    @property
    def is_null(self) -> bool:
        """True for what YAML 1.2 and JSON call null."""
        return self.kind is not ScalarKind.TEXT and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    nodes: tuple["Node", ...]
    position: Position | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value."""

    key_position: Position | None
    node: "Node"


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping, in the order of the source."""

    entries: dict[str, Entry]
    position: Position | None


Node = Scalar | Items | Entries


def position_at(node: Node, path: Path) -> Position | None:
    """The place of the value at the end of `path`, or of the nearest one above it."""
    for key in path:
        if isinstance(key, int) and isinstance(node, Items) and key < len(node.nodes):
            node = node.nodes[key]
        elif isinstance(key, str) and isinstance(node, Entries) and key in node.entries:
            node = node.entries[key].node
        else:
            break
    return node.position


def describe_kind(node: Node) -> str:
    """What a value is, in the words of a person; never the value itself, which may be a secret."""
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Entries):
        return "a mapping"
    if node.is_null:
        return "nothing"
    return "text" if node.kind is ScalarKind.TEXT else "a single value"


def describe_value(node: Node) -> str:
    """The same for a field that holds a number or a flag and hence no secret: a short value is quoted."""
    if not isinstance(node, Scalar) or node.is_null:
        return describe_kind(node)
    if len(node.text) > _LONGEST_QUOTED or not node.text.isprintable():
        return "text"
    is_text = node.kind is ScalarKind.TEXT or (node.kind is ScalarKind.PLAIN and _NO_TEXT.match(node.text) is None)
    return f'text "{node.text}"' if is_text else node.text
