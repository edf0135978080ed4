"""What a template works with: texts, whole numbers, truth, nothing, lists, mappings and the models of a workflow.

Fields of models go by their published keys, whose case does not count: Go's `.Job.Resources.MemPerCPU` is `memPerCpu`.
"""

import difflib
from collections.abc import Mapping

from deepsquare.workflow.shapes import Model, keys_of
from deepsquare.workflow.template.errors import Misuse

Value = object
"""str, int, bool, None, a list or tuple of values, a mapping from texts to values, or a `Model`."""


def is_true(value: Value) -> bool:
    """False for nothing, false, 0, and what is empty."""
    return isinstance(value, Model) or bool(value)


def describe(value: Value) -> str:
    """What a value is; never the value, which may be a secret."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case _:
            return "a mapping"


def text_of(value: Value) -> str:
    """A single value as it is printed; nothing is an empty text. Raises `Misuse`."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | str():
            return str(value)
        case _:
            raise Misuse(f"{describe(value)} cannot be printed; take a part of it, or use toYaml")


def field_of(value: Value, name: str) -> Value:
    """A field of a model or an entry of a mapping; nothing where an entry is not there. Raises `Misuse`."""
    if isinstance(value, Model):
        fields = {field.key.name.lower(): field for field in keys_of(type(value))}
        field = fields.get(name.lower())
        if field is None:
            close = difflib.get_close_matches(name.lower(), fields, n=1)
            meant = f"; did you mean .{fields[close[0]].key.name}?" if close else ""
            raise Misuse(f"there is no field {name} here{meant}")
        found: Value = getattr(value, field.attribute)
        return found
    if isinstance(value, Mapping):
        return value.get(name)
    if value is None:
        raise Misuse(f"there is nothing that could have a field {name}; ask with `if` whether it is there")
    raise Misuse(f"{describe(value)} has no fields")
