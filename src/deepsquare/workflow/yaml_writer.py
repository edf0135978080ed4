"""Plain data and models -> YAML in blocks, as templates print it: it can be indented, and is read back as the same."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import cast

from deepsquare.workflow.dump import plain
from deepsquare.workflow.shapes import Model

_PLAIN = re.compile(r"\A[A-Za-z_](?:[A-Za-z0-9_ ./-]*[A-Za-z0-9_./-])?\Z")
_MEANINGFUL = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def to_plain(value: object) -> object:
    """A value of a template as plain data: models become mappings of their published keys."""
    if isinstance(value, Model):
        return plain(value)
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in cast("list[object]", value)]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    return value


def to_yaml(value: object) -> str:
    """YAML without a line end behind it; an empty text for nothing and for what is empty.

    Texts are quoted where bare words would not do, so that each stands in one line.
    """
    data = to_plain(value)
    if data is None or data in ([], {}):
        return ""
    return "\n".join(_lines(data))


def _lines(data: object) -> Iterator[str]:
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from _entry(f"{_scalar(key)}:", value)
    elif isinstance(data, list) and data:
        for item in data:
            first, *others = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in others)
    else:
        yield _scalar(data)


def _entry(key: str, value: object) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield key
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{key} {_scalar(value)}"


def _scalar(data: object) -> str:
    if isinstance(data, str) and _PLAIN.match(data) and data.lower() not in _MEANINGFUL:
        return data
    return json.dumps(data, ensure_ascii=False)
