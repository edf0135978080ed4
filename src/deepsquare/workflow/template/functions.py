"""The functions of templates: Go's own and the part of sprig that makes texts out of values.

Arguments come in sprig's order: what is worked on comes last, so that it may come through a `|`. All are pure. How
much text they make is counted by the interpreter; what could make much out of little asks first.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import cast

from deepsquare.workflow.shapes import Model
from deepsquare.workflow.template.errors import Misuse
from deepsquare.workflow.template.values import Value, describe, is_true, text_of
from deepsquare.workflow.yaml_writer import to_plain, to_yaml

MAX_TEXT = 1024 * 1024
"""Characters of any one text."""

MAX_ITEMS = 10_000
"""Values of any one list."""

_MAX_NUMBER = 2**63


class Function:
    """What a name stands for: the function, and how many arguments it takes."""

    def __init__(self, call: Callable[..., Value], least: int, most: int | None) -> None:
        self.call = call
        self.least = least
        self.most = most


def _number(value: Value) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Misuse(f"expected a number, found {describe(value)}")
    return value


def _bounded(number: int) -> int:
    if not -_MAX_NUMBER <= number < _MAX_NUMBER:
        raise Misuse("the number becomes too large")
    return number


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise Misuse(f"expected a text, found {describe(value)}")
    return value


def _list(value: Value) -> list[Value]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise Misuse(f"expected a list, found {describe(value)}")
    return list(cast("list[Value]", value))


def _mapping(value: Value) -> Mapping[str, Value]:
    if not isinstance(value, Mapping):
        raise Misuse(f"expected a mapping, found {describe(value)}")
    return value


def _room(characters: int) -> None:
    if characters > MAX_TEXT:
        raise Misuse(f"the text becomes longer than {MAX_TEXT} characters")


def _single(value: Value) -> Value:
    """What is not made of other values: those that are would take time to compare, and could hold themselves."""
    if isinstance(value, list | tuple | Mapping | Model):
        raise Misuse(f"expected a single value, found {describe(value)}")
    return value


def _part(value: Value) -> Value:
    """What a list or a mapping may be made of."""
    return value if isinstance(value, Model) else _single(value)


# -- comparing


def _same_kind(one: Value, other: Value) -> None:
    _single(one)
    _single(other)
    if one is not None and other is not None and describe(one) != describe(other):
        raise Misuse(f"{describe(one)} cannot be compared with {describe(other)}")


def _equal(first: Value, *others: Value) -> bool:
    for other in others:
        _same_kind(first, other)
    return any(first == other for other in others)


def _not_equal(one: Value, other: Value) -> bool:
    return not _equal(one, other)


def _less(one: Value, other: Value) -> bool:
    _same_kind(one, other)
    if isinstance(one, str):
        return one < _text(other)
    return _number(one) < _number(other)


def _at_most(one: Value, other: Value) -> bool:
    return not _less(other, one)


# -- lists and mappings


def _length(value: Value) -> int:
    if value is None:
        return 0
    if isinstance(value, str | list | tuple | Mapping):
        return len(value)
    raise Misuse(f"{describe(value)} has no length")


def _index(value: Value, *keys: Value) -> Value:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(_text(key))
            continue
        items, number = _list(value), _number(key)
        if not 0 <= number < len(items):
            raise Misuse(f"the list has {len(items)} values; there is none with the number {number}")
        value = items[number]
    return value


def _numbers(start: int, stop: int, step: int) -> list[Value]:
    if step == 0:
        raise Misuse("a step of 0 never comes to an end")
    found = range(start, stop, step)
    if len(found) > MAX_ITEMS:
        raise Misuse(f"a list may have {MAX_ITEMS} values, not more")
    return list(found)


def _until(count: Value) -> list[Value]:
    number = _number(count)
    return _numbers(0, number, 1 if number >= 0 else -1)


def _until_step(start: Value, stop: Value, step: Value) -> list[Value]:
    return _numbers(_number(start), _number(stop), _number(step))


def _dict(*pairs: Value) -> Mapping[str, Value]:
    if len(pairs) % 2:
        raise Misuse("each key needs a value")
    return {_text(key): _part(value) for key, value in zip(pairs[::2], pairs[1::2], strict=True)}


def _has(needle: Value, items: Value) -> bool:
    return _single(needle) in [item for item in _list(items) if not isinstance(item, Model)]


def _has_key(mapping: Value, key: Value) -> bool:
    return _text(key) in _mapping(mapping)


def _get(mapping: Value, key: Value) -> Value:
    return _mapping(mapping).get(_text(key), "")


def _unique(items: Value) -> list[Value]:
    return list({(type(item), _single(item)): item for item in _list(items)}.values())


def _without(items: Value, *unwanted: Value) -> list[Value]:
    refused = set(map(_single, unwanted))
    return [item for item in _list(items) if isinstance(item, Model) or item not in refused]


def _first(items: Value) -> Value:
    return next(iter(_list(items)), None)


def _last(items: Value) -> Value:
    return next(reversed(_list(items)), None)


# -- choosing


def _default(fallback: Value, value: Value = None) -> Value:
    return value if is_true(value) else fallback


def _coalesce(*values: Value) -> Value:
    return next(filter(is_true, values), None)


def _ternary(yes: Value, no: Value, condition: Value) -> Value:
    if not isinstance(condition, bool):
        raise Misuse(f"expected true or false, found {describe(condition)}")
    return yes if condition else no


def _fail(message: Value) -> Value:
    raise Misuse(f"the module says: {_text(message)}")


# -- texts


def _print(*values: Value) -> str:
    """As Go prints: a space between two values of which neither is a text."""
    text = ""
    for index, value in enumerate(values):
        apart = index > 0 and not isinstance(value, str) and not isinstance(values[index - 1], str)
        text += (" " if apart else "") + text_of(value)
    return text


def _printf(form: Value, *values: Value) -> str:
    parts = _text(form).split("%%")
    waiting = list(values)
    text = []
    for part in parts:
        head, *rest = part.split("%")
        done = head
        for verb in rest:
            if not waiting or verb[:1] not in ("s", "d", "v", "q"):
                raise Misuse("printf knows %s, %d, %v, %q and %%, each with its value")
            value = waiting.pop(0)
            shown = str(_number(value)) if verb[0] == "d" else text_of(value)
            done += (json.dumps(shown, ensure_ascii=False) if verb[0] == "q" else shown) + verb[1:]
        text.append(done)
    if waiting:
        raise Misuse("printf has more values than places for them")
    return "%".join(text)


def _indent(count: Value, text: Value) -> str:
    lines, pad = _text(text).split("\n"), _number(count)
    if pad < 0:
        raise Misuse("an indentation cannot be below 0")
    _room(len(lines) * pad)
    return "\n".join(" " * pad + line for line in lines)


def _nindent(count: Value, text: Value) -> str:
    return "\n" + _indent(count, text)


def _repeat(count: Value, text: Value) -> str:
    _room(max(0, _number(count)) * len(_text(text)))
    return _text(text) * _number(count)


def _replace(old: Value, new: Value, text: Value) -> str:
    _room(_text(text).count(_text(old)) * len(_text(new)))
    return _text(text).replace(_text(old), _text(new))


def _join(separator: Value, items: Value) -> str:
    texts = [text_of(item) for item in _list(items)]
    _room(sum(map(len, texts)) + len(texts) * len(_text(separator)))
    return _text(separator).join(texts)


def _split(separator: Value, text: Value) -> list[Value]:
    if not _text(separator):
        raise Misuse("a text is split at a text that is not empty")
    found: list[Value] = list(_text(text).split(_text(separator)))
    if len(found) > MAX_ITEMS:
        raise Misuse(f"a list may have {MAX_ITEMS} values, not more")
    return found


def _truncate(count: Value, text: Value) -> str:
    number = _number(count)
    return _text(text)[:number] if number >= 0 else _text(text)[number:]


def _quote(*values: Value) -> str:
    return " ".join(json.dumps(text_of(value), ensure_ascii=False) for value in values if value is not None)


def _single_quote(*values: Value) -> str:
    return " ".join(f"'{text_of(value)}'" for value in values if value is not None)


def _to_number(value: Value) -> int:
    """As sprig does: what is no number is 0."""
    if isinstance(value, str):
        digits = value.removeprefix("-")
        is_number = digits.isascii() and digits.isdigit() and len(digits) < len(str(_MAX_NUMBER))
        return int(value) if is_number else 0
    return int(value) if isinstance(value, int) else 0


def _trim_prefix(prefix: Value, text: Value) -> str:
    return _text(text).removeprefix(_text(prefix))


def _trim_suffix(suffix: Value, text: Value) -> str:
    return _text(text).removesuffix(_text(suffix))


def _decoded(text: Value) -> str:
    try:
        return base64.b64decode(_text(text).encode(), validate=True).decode()
    except ValueError:
        raise Misuse("this is no base64 of a text") from None


def _json(value: Value) -> str:
    return json.dumps(to_plain(value), ensure_ascii=False, separators=(",", ":"))


# -- numbers


def _sum(*numbers: Value) -> int:
    return _bounded(sum(map(_number, numbers)))


def _product(*numbers: Value) -> int:
    product = 1
    for number in numbers:
        product = _bounded(product * _number(number))
    return product


def _quotient(one: Value, other: Value) -> int:
    """As Go divides: towards zero."""
    if _number(other) == 0:
        raise Misuse("a number cannot be divided by 0")
    size = abs(_number(one)) // abs(_number(other))
    return size if (_number(one) < 0) == (_number(other) < 0) else -size


def _remainder(one: Value, other: Value) -> int:
    return _number(one) - _quotient(one, other) * _number(other)


def _with_text(work: Callable[[str], Value]) -> Callable[[Value], Value]:
    return lambda value: work(_text(value))


def _is_model_or(value: Value) -> bool:
    return not isinstance(value, Model) and not is_true(value)


FUNCTIONS: dict[str, Function] = {
    # Go's own; `and` and `or` are the interpreter's, for they need not look at all of their arguments
    "not": Function(lambda value: not is_true(value), 1, 1),
    "eq": Function(_equal, 2, None),
    "ne": Function(_not_equal, 2, 2),
    "lt": Function(_less, 2, 2),
    "le": Function(_at_most, 2, 2),
    "gt": Function(lambda one, other: _less(other, one), 2, 2),
    "ge": Function(lambda one, other: _at_most(other, one), 2, 2),
    "len": Function(_length, 1, 1),
    "index": Function(_index, 1, None),
    "print": Function(_print, 0, None),
    "printf": Function(_printf, 1, None),
    # values
    "default": Function(_default, 1, 2),
    "empty": Function(_is_model_or, 1, 1),
    "coalesce": Function(_coalesce, 0, None),
    "ternary": Function(_ternary, 3, 3),
    "fail": Function(_fail, 1, 1),
    "toYaml": Function(to_yaml, 1, 1),
    "toJson": Function(_json, 1, 1),
    # texts
    "toString": Function(text_of, 1, 1),
    "quote": Function(_quote, 1, None),
    "squote": Function(_single_quote, 1, None),
    "indent": Function(_indent, 2, 2),
    "nindent": Function(_nindent, 2, 2),
    "upper": Function(_with_text(str.upper), 1, 1),
    "lower": Function(_with_text(str.lower), 1, 1),
    "trim": Function(_with_text(str.strip), 1, 1),
    "trimAll": Function(lambda characters, text: _text(text).strip(_text(characters)), 2, 2),
    "trimPrefix": Function(_trim_prefix, 2, 2),
    "trimSuffix": Function(_trim_suffix, 2, 2),
    "trunc": Function(_truncate, 2, 2),
    "replace": Function(_replace, 3, 3),
    "repeat": Function(_repeat, 2, 2),
    "contains": Function(lambda part, text: _text(part) in _text(text), 2, 2),
    "hasPrefix": Function(lambda prefix, text: _text(text).startswith(_text(prefix)), 2, 2),
    "hasSuffix": Function(lambda suffix, text: _text(text).endswith(_text(suffix)), 2, 2),
    "b64enc": Function(_with_text(lambda text: base64.b64encode(text.encode()).decode()), 1, 1),
    "b64dec": Function(_decoded, 1, 1),
    "sha256sum": Function(_with_text(lambda text: hashlib.sha256(text.encode()).hexdigest()), 1, 1),
    # lists and mappings
    "list": Function(lambda *items: list(map(_part, items)), 0, None),
    "dict": Function(_dict, 0, None),
    "get": Function(_get, 2, 2),
    "hasKey": Function(_has_key, 2, 2),
    "first": Function(_first, 1, 1),
    "last": Function(_last, 1, 1),
    "rest": Function(lambda items: _list(items)[1:], 1, 1),
    "initial": Function(lambda items: _list(items)[:-1], 1, 1),
    "has": Function(_has, 2, 2),
    "uniq": Function(_unique, 1, 1),
    "without": Function(_without, 1, None),
    "join": Function(_join, 2, 2),
    "splitList": Function(_split, 2, 2),
    "until": Function(_until, 1, 1),
    "untilStep": Function(_until_step, 3, 3),
    # numbers
    "int": Function(_to_number, 1, 1),
    "atoi": Function(_to_number, 1, 1),
    "add": Function(_sum, 1, None),
    "add1": Function(lambda number: _sum(number, 1), 1, 1),
    "sub": Function(lambda one, other: _bounded(_number(one) - _number(other)), 2, 2),
    "mul": Function(_product, 1, None),
    "div": Function(_quotient, 2, 2),
    "mod": Function(_remainder, 2, 2),
    "max": Function(lambda *numbers: max(map(_number, numbers)), 1, None),
    "min": Function(lambda *numbers: min(map(_number, numbers)), 1, None),
}
