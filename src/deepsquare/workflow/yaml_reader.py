"""YAML 1.2 (and with it JSON) text -> the located tree.

It drives the parsers' events (`yaml_events`) instead of their constructors, so that every value keeps its source text
and place, duplicate keys are seen, depth and aliases are bounded while reading, and no tag constructs anything.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

from deepsquare.workflow.characters import UNREADABLE, join_surrogates, text_complaint
from deepsquare.workflow.limits import MAX_DEPTH, MAX_TEXT_BYTES, MAX_VALUES
from deepsquare.workflow.problems import Path, Position, ProblemList
from deepsquare.workflow.tree import Entries, Entry, Items, Node, Scalar, ScalarKind, Unreadable
from deepsquare.workflow.yaml_events import Event, NotYaml, Parser, parsers

_TEXT_TAGS = frozenset({"tag:yaml.org,2002:str", "!"})
_ALLOWED_TAGS = _TEXT_TAGS | {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "map", "seq")}
_MAX_CHARACTER_COMPLAINTS = 10
_WITHOUT_TAG = "remove it, or put a text that begins with ! in quotes"


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A node that aliases may repeat, and what each repetition costs."""

    node: Node
    characters: int
    values: int
    height: int


def read_yaml(text: str, problems: ProblemList) -> Node | None:
    """The tree of the one document in `text`; None after a problem that makes the rest unreadable."""
    text = text.removeprefix("\ufeff")
    if not _check_text(text, problems):
        return None
    shield = _Shield(text)
    refusal = NotYaml("there is no parser", None)
    for parse in parsers():
        found = ProblemList()
        try:
            node = _read(parse, shield, found)
        except NotYaml as error:
            refusal = error
            continue
        problems.extend(found.sorted())
        return node
    place = "" if refusal.position is not None else ", somewhere in it"
    message = f"this is not YAML: {shield.lower(str(refusal))}{place}"
    problems.error((), refusal.position, message, _advice(str(refusal)))
    return None


_ADVICE = (
    (r"'\\t' that cannot start any token", "indent with spaces, not with tabs"),
    ("quoted scalar.*end of stream", "the quote that opens here is never closed"),
    ("that cannot start any token", "put a text that begins with this character in quotes"),
    (
        "mapping values are not allowed here",
        "put a text that holds a colon and a space in quotes, or mend the indentation",
    ),
    (
        "found '<(anchor|alias|scalar|tag|,|])>'",
        "put the whole text in quotes, or write it behind `|` in lines of its own",
    ),
)
"""What a parser says, and what to do about it."""


def _advice(refusal: str) -> str:
    meant = (advice for pattern, advice in _ADVICE if re.search(pattern, refusal))
    return next(meant, "check indentation, quotes and colons")


def _read(parse: Parser, shield: "_Shield", problems: ProblemList) -> Node | None:
    builder = _Builder(parse(shield.raised), shield, problems)
    try:
        return builder.document()
    except Unreadable:
        return None
    except NotYaml as error:
        raise NotYaml(str(error), error.position or builder.position) from None


def _check_text(text: str, problems: ProblemList) -> bool:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        problems.error((), None, f"the text has {size} bytes; at most {MAX_TEXT_BYTES} are read")
        return False
    unreadable = list(islice(UNREADABLE.finditer(text), _MAX_CHARACTER_COMPLAINTS))
    for match in unreadable:
        line_start = text.rfind("\n", 0, match.start()) + 1
        position = Position(text.count("\n", 0, line_start) + 1, match.start() - line_start + 1)
        problems.error((), position, f"the character U+{ord(match[0]):04X} is not allowed")
    return not unreadable


class _Shield:
    """Keeps U+2028 and U+2029, ordinary characters of YAML 1.2, from the parser, which breaks lines at them."""

    def __init__(self, text: str) -> None:
        separators = [mark for mark in "\u2028\u2029" if mark in text]
        unused = (chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in text)
        self._raise = {ord(mark): next(unused) for mark in separators}
        self._lower = {ord(stand_in): chr(mark) for mark, stand_in in self._raise.items()}
        self.raised = text.translate(self._raise) if self._raise else text

    def lower(self, text: str) -> str:
        return text.translate(self._lower) if self._lower else text


class _Builder:
    """Turns the events of one document into nodes."""

    def __init__(self, events: Iterator[Event], shield: _Shield, problems: ProblemList) -> None:
        self._events = events
        self._shield = shield
        self._problems = problems
        self._anchors: dict[str, _Anchored | None] = {}
        self._last: Event | None = None
        self._characters = 0
        self._values = 0
        self._height = 0

    @property
    def position(self) -> Position | None:
        """Where the last event stands that could be read."""
        return None if self._last is None else self._last.position

    def _next(self) -> Event:
        self._last = next(self._events)
        return self._last

    def document(self) -> Node:
        """The node of the only document."""
        self._next()
        event = self._next()
        if event.kind != "DocumentStartEvent":
            self._problems.error((), None, "the text holds no workflow", "start with `resources:` and `steps:`")
            raise Unreadable
        node = self._node(self._next(), (), 1)
        self._next()
        following = self._next()
        if following.kind == "DocumentStartEvent":
            self._fail((), following, "a second document begins here; a file holds one workflow")
        return node

    def _fail(self, path: Path, event: Event, message: str, hint: str = "") -> NoReturn:
        self._problems.error(path, event.position, message, hint)
        raise Unreadable

    def _node(self, event: Event, path: Path, depth: int) -> Node:
        """The node that begins with `event`; afterwards `_height` is its height."""
        if event.kind == "AliasEvent":
            return self._alias(event, path, depth)
        self._check_tag(event, path)
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        characters, values = self._characters, self._values
        self._count(event, path, values=1)
        node = self._new_node(event, path, depth)
        if anchor is not None:
            self._anchors[anchor] = _Anchored(node, self._characters - characters, self._values - values, self._height)
        return node

    def _count(self, event: Event, path: Path, *, characters: int = 0, values: int = 0) -> None:
        self._characters += characters
        self._values += values
        if self._values > MAX_VALUES:
            self._fail(path, event, f"a workflow may have {MAX_VALUES} values, not more")
        if self._characters > 2 * MAX_TEXT_BYTES:
            self._fail(path, event, f"aliases repeat more than {MAX_TEXT_BYTES} characters in all")

    def _new_node(self, event: Event, path: Path, depth: int) -> Node:
        if event.kind == "ScalarEvent":
            self._height = 0
            return self._scalar(event, path)
        if depth > MAX_DEPTH:
            self._fail(path, event, f"lists and mappings may be nested {MAX_DEPTH} deep, not deeper")
        if event.kind == "SequenceStartEvent":
            return self._items(event, path, depth)
        return self._entries(event, path, depth)

    def _alias(self, event: Event, path: Path, depth: int) -> Node:
        name = event.anchor or ""
        anchored = self._anchors.get(name)
        if anchored is None:
            known = name in self._anchors
            message = "an alias cannot stand inside its own anchor" if known else "no anchor of this name"
            self._fail(path, event, message, "" if known else "put a text that begins with * in quotes")
        self._count(event, path, characters=anchored.characters, values=anchored.values)
        if depth + anchored.height - 1 > MAX_DEPTH:
            self._fail(path, event, f"lists and mappings may be nested {MAX_DEPTH} deep, not deeper")
        self._height = anchored.height
        return anchored.node

    def _scalar(self, event: Event, path: Path) -> Scalar:
        text = self._shield.lower(event.value)
        if not text.isascii():
            text = join_surrogates(text)
        self._count(event, path, characters=len(text))
        is_text = bool(event.style) or event.tag in _TEXT_TAGS
        return Scalar(text, ScalarKind.TEXT if is_text else ScalarKind.PLAIN, event.position)

    def _items(self, event: Event, path: Path, depth: int) -> Items:
        nodes: list[Node] = []
        height = 0
        while (item := self._next()).kind != "SequenceEndEvent":
            nodes.append(self._node(item, (*path, len(nodes)), depth + 1))
            height = max(height, self._height)
        self._height = height + 1
        return Items(tuple(nodes), event.position)

    def _entries(self, event: Event, path: Path, depth: int) -> Entries:
        entries: dict[str, Entry] = {}
        height = 0
        while (key_event := self._next()).kind != "MappingEndEvent":
            key = self._key(key_event, path)
            node = self._node(self._next(), (*path, key), depth + 1)
            height = max(height, self._height)
            if key in entries:
                first = entries[key].key_position
                where = f" in line {first.line}" if first is not None else ""
                message = f"this key stands here twice, first{where}"
                self._problems.error(
                    (*path, key), key_event.position, message, "keep one, or begin an entry (-) of its own"
                )
            else:
                entries[key] = Entry(key_event.position, node)
        self._height = height + 1
        return Entries(entries, event.position)

    def _key(self, event: Event, path: Path) -> str:
        if event.kind != "ScalarEvent":
            self._fail(path, event, "a key must be a plain word", "put a text that begins with { or [ in quotes")
        if event.value == "<<" and not event.style:
            self._problems.error(
                path,
                event.position,
                "merge keys (<<) are not part of YAML 1.2",
                "write the keys out, or let an alias stand for a whole value",
            )
        key = self._scalar(event, path).text
        complaint = text_complaint(key)
        if complaint is not None:
            self._fail(path, event, complaint)
        return key

    def _check_tag(self, event: Event, path: Path) -> None:
        if event.tag is not None and event.tag not in _ALLOWED_TAGS:
            self._problems.error(path, event.position, "this tag means nothing in a workflow", _WITHOUT_TAG)
