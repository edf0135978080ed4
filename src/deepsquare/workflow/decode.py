"""The located tree -> models, driven by the models' own shapes, with every problem at its place.

A record is built only where all of its fields are good, but every field is looked at, so that one reading
tells everything. What concerns more than one field of the workflow is left to `rules`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from deepsquare.workflow.advice import as_list, as_record, as_text
from deepsquare.workflow.characters import text_complaint
from deepsquare.workflow.guesses import Guesses
from deepsquare.workflow.problems import Path, ProblemList
from deepsquare.workflow.shapes import Alternatives, Choice, Flag, ListOf, Model, RecordOf, Shape, Text, Whole, keys_of
from deepsquare.workflow.tree import Entries, Entry, Items, Node, Scalar, ScalarKind, describe_kind, describe_value

_DECIMAL = re.compile(r"\A[-+]?[0-9]{1,20}\Z")
_WITH_ZERO_IN_FRONT = re.compile(r"\A0[0-9]+\Z")
_OCTAL_DIGITS = re.compile(r"\A0[0-7]{1,10}\Z")
_SIZE = re.compile(r"\A([0-9]{1,9})\s*([KMGT])i?B?\Z", re.IGNORECASE)
_KILOBYTES = {"K": 1, "M": 1024, "G": 1024**2, "T": 1024**3}
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_WORDS_FOR_TRUTH = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


_Read = TypeVar("_Read", bound=Model)


class _Invalid:
    """Stands for a value that has a problem; the problem is in the list."""


_INVALID = _Invalid()


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record that was read well, with its place; `rules` looks at each of them."""

    path: Path
    node: Entries
    record: Model


class _Place(NamedTuple):
    """A node and the path to it."""

    node: Node
    path: Path


class Decoder:
    """Reads one tree. `strict`: an unknown key is an error, not a warning."""

    def __init__(self, problems: ProblemList, *, strict: bool) -> None:
        self._problems = problems
        self._strict = strict
        self._guesses = Guesses()
        self.decoded: list[Decoded] = []

    def record(self, node: Node, model: type[_Read]) -> _Read | None:
        """The record of this model in `node`, or None where it has an error."""
        value = self._record(_Place(node, ()), model)
        return value if isinstance(value, model) else None

    def _value(self, place: _Place, shape: Shape) -> object:
        """The value, or `_INVALID`."""
        match shape:
            case RecordOf():
                return self._record(place, shape.model())
            case ListOf():
                return self._list(place, shape)
            case Text():
                return self._text(place, shape)
            case Whole():
                return self._whole(place, shape)
            case Flag():
                return self._flag(place)
            case Choice():
                return self._choice(place, shape)

    def _invalid(self, place: _Place, message: str, hint: str = "") -> _Invalid:
        self._problems.error(place.path, place.node.position, message, hint)
        return _INVALID

    # -- single values

    def _text(self, place: _Place, shape: Text) -> str | _Invalid:
        node = place.node
        if not isinstance(node, Scalar) or node.kind is ScalarKind.VALUE:
            return self._invalid(place, f"expected a text, found {describe_kind(node)}", as_text(node))
        complaint = text_complaint(node.text)
        if complaint is not None:
            return self._invalid(place, complaint)
        size = len(node.text.encode())
        if size > shape.max_bytes:
            return self._invalid(place, f"this text has {size} bytes; at most {shape.max_bytes} can be passed on")
        refusal = shape.check(node.text) if shape.check is not None else None
        if refusal is not None:
            return self._invalid(place, refusal.message, refusal.hint)
        return node.text

    def _whole(self, place: _Place, shape: Whole) -> int | _Invalid:
        node = place.node
        if not isinstance(node, Scalar) or _DECIMAL.match(node.text) is None:
            hint = _number_meant(node.text) if isinstance(node, Scalar) else ""
            return self._invalid(place, f"expected a whole number, found {describe_value(node)}", hint)
        if node.kind is ScalarKind.TEXT:
            return self._invalid(place, f"expected a whole number, found {describe_value(node)}", "remove the quotes")
        if _WITH_ZERO_IN_FRONT.match(node.text):
            message = f"numbers are decimal, and {describe_value(node)} begins with a zero"
            return self._invalid(place, message, _without_zero(node.text))
        number = int(node.text)
        if number < shape.minimum:
            return self._invalid(place, f"expected at least {shape.minimum}, found {number}")
        if number > shape.maximum:
            return self._invalid(place, f"expected at most {shape.maximum}, found {number}")
        return number

    def _flag(self, place: _Place) -> bool | _Invalid:
        node = place.node
        if isinstance(node, Scalar):
            if node.kind is not ScalarKind.TEXT and node.text in _TRUE | _FALSE:
                return node.text in _TRUE
            word = _WORDS_FOR_TRUTH.get(node.text.lower())
            hint = f"write {word}" if word is not None else "remove the quotes" if node.text in _TRUE | _FALSE else ""
            return self._invalid(place, f"expected true or false, found {describe_value(node)}", hint)
        return self._invalid(place, f"expected true or false, found {describe_value(node)}")

    def _choice(self, place: _Place, shape: Choice) -> str | _Invalid:
        expected = ", ".join(shape.values)
        node = place.node
        if not isinstance(node, Scalar) or node.kind is ScalarKind.VALUE:
            return self._invalid(place, f"expected one of {expected}, found {describe_kind(node)}")
        if node.text not in shape.values:
            meant = self._guesses.nearest(node.text, shape.values)
            return self._invalid(place, f"expected one of {expected}", f"did you mean {meant}?" if meant else "")
        return node.text

    # -- lists and records

    def _list(self, place: _Place, shape: ListOf) -> tuple[object, ...] | _Invalid:
        if not isinstance(place.node, Items):
            message = f"expected a list, found {describe_kind(place.node)}"
            return self._invalid(place, message, as_list(place.node, place.path, shape))
        values = [
            self._value(_Place(node, (*place.path, index)), shape.of) for index, node in enumerate(place.node.nodes)
        ]
        return _INVALID if any(isinstance(value, _Invalid) for value in values) else tuple(values)

    def _record(self, place: _Place, model: type[Model]) -> Model | _Invalid:
        node = place.node
        if not isinstance(node, Entries):
            return self._invalid(
                place, f"expected a mapping, found {describe_kind(node)}", as_record(node, place.path, model)
            )
        values: dict[str, object] = {}
        known = {field.key.name for field in keys_of(model)}
        meant = {key: self._guess(key, model) for key in node.entries if key not in known}
        is_good = self._check_keys(node, model, place.path, meant)
        for field in keys_of(model):
            entry = node.entries.get(field.key.name)
            if entry is None or (not field.required and _is_null(entry.node)):
                if field.required:
                    self._missing(node, field.key.name, place.path, meant)
                    is_good = False
                continue
            value = self._value(_Place(entry.node, (*place.path, field.key.name)), field.key.shape)
            if isinstance(value, _Invalid):
                is_good = False
            values[field.attribute] = value
        if not is_good:
            return _INVALID
        record = model(**values)
        self.decoded.append(Decoded(place.path, node, record))
        return record

    def _missing(self, node: Entries, key: str, path: Path, meant: Mapping[str, str | None]) -> None:
        written = next((wrong for wrong, right in meant.items() if right == key), None)
        hint = f"you wrote {written}" if written is not None else ""
        self._problems.error((*path, key), node.position, f"{key} is required", hint)

    # -- keys

    def _check_keys(self, node: Entries, model: type[Model], path: Path, meant: Mapping[str, str | None]) -> bool:
        """Reports unknown keys and ones that exclude each other; False where no record can be built.

        `meant`: what the writer of each unknown key may have meant.
        """
        is_good = True
        for key, right in meant.items():
            is_good &= self._unknown(key, node.entries[key], path, right)
        return is_good & (model.alternatives is None or self._check_alternatives(node, model.alternatives, path))

    def _check_alternatives(self, node: Entries, alternatives: Alternatives, path: Path) -> bool:
        given = [key for key in alternatives.keys if key in node.entries and not _is_null(node.entries[key].node)]
        for key in given[1:]:
            message = f"only one of {', '.join(alternatives.keys)} can stand here, but there are {' and '.join(given)}"
            self._problems.error((*path, key), node.entries[key].key_position, message, alternatives.advice)
        if not given and alternatives.is_required:
            self._problems.error(path, node.position, f"expected one of {', '.join(alternatives.keys)}")
        return len(given) == 1 or not (given or alternatives.is_required)

    def _unknown(self, key: str, entry: Entry, path: Path, meant: str | None) -> bool:
        if key == "$schema" and not path:
            return True
        report = self._problems.error if self._strict else self._problems.warning
        report((*path, key), entry.key_position, "this key is unknown", f"did you mean {meant}?" if meant else "")
        return not self._strict

    def _guess(self, key: str, model: type[Model]) -> str | None:
        """What the writer of an unknown key may have meant, where one key is like it."""
        if key in model.aliases:
            return model.aliases[key]
        known = {field.key.name.lower(): field.key.name for field in keys_of(model)}
        nearest = self._guesses.nearest(key.lower().replace("_", "").replace("-", ""), known, cutoff=0.75)
        return None if nearest is None else known[nearest]


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null


def _number_meant(text: str) -> str:
    """What to write in place of a size with a unit: sizes of a workflow are in MB."""
    size = _SIZE.match(text)
    if size is None:
        return ""
    return f"write the number alone; in MB it is {max(1, int(size[1]) * _KILOBYTES[size[2].upper()] // 1024)}"


def _without_zero(text: str) -> str:
    """What may be meant by a number that begins with a zero."""
    octal = f"; the octal {text} is {int(text, 8)}" if _OCTAL_DIGITS.match(text) else ""
    return f"write {int(text)}{octal}"
