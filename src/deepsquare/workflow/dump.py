"""Models -> canonical data and text: published keys in the order of the models, nothing that is the default."""

import json
from typing import cast

from deepsquare.workflow.models import Workflow
from deepsquare.workflow.shapes import Model, keys_of


def to_data(workflow: Workflow) -> dict[str, object]:
    """Plain data (dicts, lists, texts, numbers) that `from_data` reads back as the same workflow."""
    return plain(workflow)


def dump(workflow: Workflow) -> str:
    """Canonical text, JSON and therefore YAML, that `load` reads back as the same workflow."""
    return json.dumps(to_data(workflow), indent=2) + "\n"


def plain(record: Model) -> dict[str, object]:
    """A record of any model as plain data."""
    data: dict[str, object] = {}
    for field in keys_of(type(record)):
        value = getattr(record, field.attribute)
        if field.required or value != field.default:
            data[field.key.name] = _value(value)
    return data


def _value(value: object) -> object:
    if isinstance(value, Model):
        return plain(value)
    if isinstance(value, tuple):
        return [_value(item) for item in cast("tuple[object, ...]", value)]
    return value
