"""Plain data (decoded JSON, a GraphQL input) -> the located tree, without lines, under the same limits as a file."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from deepsquare.workflow.characters import join_surrogates, text_complaint
from deepsquare.workflow.limits import MAX_DEPTH, MAX_TEXT_BYTES, MAX_VALUES
from deepsquare.workflow.problems import Path, ProblemList
from deepsquare.workflow.tree import Entries, Entry, Items, Node, Scalar, ScalarKind, Unreadable


def read_data(data: object, problems: ProblemList) -> Node | None:
    """The tree of `data`; None after a problem that makes the rest unreadable."""
    try:
        return _Reader(problems).node(data, (), 1)
    except Unreadable:
        return None


class _Reader:
    def __init__(self, problems: ProblemList) -> None:
        self._problems = problems
        self._characters = 0
        self._values = 0

    def node(self, data: object, path: Path, depth: int) -> Node:
        self._values += 1
        if self._values > MAX_VALUES:
            self._fail(path, f"a workflow may have {MAX_VALUES} values, not more")
        if isinstance(data, str):
            return Scalar(self._text(data, path), ScalarKind.TEXT, None)
        if data is None or isinstance(data, bool | int | float):
            return Scalar(_as_json(data), ScalarKind.VALUE, None)
        if depth > MAX_DEPTH:
            self._fail(path, f"lists and mappings may be nested {MAX_DEPTH} deep, not deeper")
        if isinstance(data, Mapping):
            return self._entries(data, path, depth)
        if isinstance(data, Sequence) and not isinstance(data, bytes | bytearray | memoryview):
            return Items(tuple(self.node(item, (*path, i), depth + 1) for i, item in enumerate(data)), None)
        self._problems.error(path, None, f"a {type(data).__name__} means nothing in a workflow")
        return Scalar("", ScalarKind.VALUE, None)

    def _fail(self, path: Path, message: str) -> NoReturn:
        self._problems.error(path, None, message)
        raise Unreadable

    def _text(self, text: str, path: Path) -> str:
        self._characters += len(text)
        if self._characters > MAX_TEXT_BYTES:
            self._fail(path, f"the workflow is too long; at most {MAX_TEXT_BYTES} characters are read")
        return text if text.isascii() else join_surrogates(text)

    def _entries(self, data: Mapping[object, object], path: Path, depth: int) -> Entries:
        entries: dict[str, Entry] = {}
        for key, value in data.items():
            if not isinstance(key, str):
                self._problems.error(path, None, "a key must be a text")
                continue
            name = self._text(key, path)
            complaint = text_complaint(name)
            if complaint is not None:
                self._problems.error(path, None, complaint)
                continue
            entries[name] = Entry(None, self.node(value, (*path, name), depth + 1))
        return Entries(entries, None)


def _as_json(value: float | bool | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
