"""YAML 1.2 text -> the events of its parsing, each with its place: two parsers, one form.

libyaml, in C, reads what is written every day. It knows YAML 1.1 where the two differ, which it then refuses (JSON's
escaped surrogate pairs, unknown directives, a colon that begins a word between brackets), or it differs in the
place of an empty value alone: what both accept means the same. So a text that it refuses is given to the other
parser, ruamel.yaml's in Python, ten times as slow, whose word and whose error count. Neither constructs anything.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from deepsquare.workflow.problems import Position


class NotYaml(Exception):
    """The parser cannot go on. `position` is None where it does not say where."""

    def __init__(self, reason: str, position: Position | None) -> None:
        super().__init__(reason)
        self.position = position


class Event(NamedTuple):
    """What begins, ends or stands at a place. Only a scalar has a value and a style (`""`: bare words)."""

    kind: str
    """Of both parsers: "ScalarEvent", "AliasEvent", "SequenceStartEvent", "MappingEndEvent" ..."""
    position: Position
    anchor: str | None
    tag: str | None
    value: str
    style: str


Parser = Callable[[str], Iterator[Event]]
"""Yields the events of a text up to the end of its last document; raises `NotYaml`."""


def parsers() -> Iterator[Parser]:
    """The parsers in the order in which they are asked; the last one's errors are told."""
    import yaml  # noqa: PLC0415  (imported when a text is read; importing takes longer than reading)

    if yaml.__with_libyaml__:
        yield parse_fast
    yield parse_exactly


def parse_fast(text: str) -> Iterator[Event]:
    """By libyaml; it must be there."""
    import yaml  # noqa: PLC0415

    try:
        yield from _located(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise NotYaml(str(error), None) from None


def parse_exactly(text: str) -> Iterator[Event]:
    """By ruamel.yaml."""
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    try:
        yield from _located(YAML(typ="safe", pure=True).parse(text))
    except MarkedYAMLError as error:
        has_no_end = error.context_mark is not None and "end of stream" in str(error.problem)
        mark = error.context_mark if has_no_end else error.problem_mark or error.context_mark
        reason = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise NotYaml(reason, None if mark is None else Position(mark.line + 1, mark.column + 1)) from None
    except (YAMLError, ValueError, OverflowError, AssertionError) as error:
        # without a place, for escapes beyond Unicode and for versions that it does not know
        raise NotYaml(str(error), None) from None


def _located(parsed: Iterable[Any]) -> Iterator[Event]:
    for event in parsed:
        kind = type(event).__name__
        mark = event.start_mark
        position = Position(mark.line + 1, mark.column + 1)
        if kind == "ScalarEvent":
            value = event.value.replace("\a", "") if event.style == ">" else event.value  # ruamel marks folds with it
            yield Event(kind, position, event.anchor, event.tag, value, event.style or "")
        else:
            yield Event(kind, position, getattr(event, "anchor", None), getattr(event, "tag", None), "", "")
