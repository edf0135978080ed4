"""The JSON Schema (draft 2020-12) of the language, for editors, made from the models that read it.

It says what one field may hold and which keys exclude each other; what concerns several fields, and what no
regular expression can say, only reading a workflow tells. Whatever is read without a complaint fits the schema.
"""

from collections.abc import Iterator

from deepsquare.workflow.models import Workflow
from deepsquare.workflow.module import Module
from deepsquare.workflow.shapes import (
    Alternatives,
    Choice,
    Flag,
    ListOf,
    Model,
    RecordOf,
    Shape,
    Text,
    Whole,
    keys_of,
)

JsonSchema = dict[str, object]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_NULL: JsonSchema = {"type": "null"}
_SCALARS = ["string", "number", "boolean", "null"]
"""What an editor may take a bare word for that stands in a text field."""


def workflow_schema() -> JsonSchema:
    """The schema of a workflow file: a job, at the top or under one `job` key."""
    wrapped = {
        "type": "object",
        "required": ["job"],
        "properties": {"job": _reference(Workflow), "$schema": {"type": "string"}},
        "additionalProperties": False,
    }
    is_wrapped = {"required": ["job"], "not": {"anyOf": [{"required": ["resources"]}, {"required": ["steps"]}]}}
    return {
        "$schema": _DRAFT,
        "title": "A DeepSquare workflow",
        "if": is_wrapped,
        "then": wrapped,
        "else": _reference(Workflow),
        "$defs": _definitions(Workflow),
    }


def module_schema() -> JsonSchema:
    """The schema of a `module.yaml` that holds no template."""
    return {"$schema": _DRAFT, "title": "A DeepSquare module", **_reference(Module), "$defs": _definitions(Module)}


def _definitions(root: type[Model]) -> JsonSchema:
    models: dict[str, type[Model]] = {}
    waiting = [root]
    while waiting:
        model = waiting.pop()
        if model.__name__ not in models:
            models[model.__name__] = model
            waiting += [inner for field in keys_of(model) for inner in _models_in(field.key.shape)]
    return {name: _record(models[name], is_root=models[name] is root) for name in sorted(models)}


def _models_in(shape: Shape) -> Iterator[type[Model]]:
    if isinstance(shape, ListOf):
        yield from _models_in(shape.of)
    elif isinstance(shape, RecordOf):
        yield shape.model()


def _reference(model: type[Model]) -> JsonSchema:
    return {"$ref": f"#/$defs/{model.__name__}"}


def _record(model: type[Model], *, is_root: bool) -> JsonSchema:
    properties: JsonSchema = {"$schema": {"type": "string"}} if is_root else {}
    for field in keys_of(model):
        value = _value(field.key.shape)
        if not field.required:
            value = {"anyOf": [value, _NULL]}
        properties[field.key.name] = {**value, "description": field.key.meaning}
    schema: JsonSchema = {
        "type": "object",
        "description": (model.__doc__ or "").partition("\n")[0],
        "properties": properties,
        "required": [field.key.name for field in keys_of(model) if field.required],
        "additionalProperties": False,
    }
    return {**schema, **_choice_of_keys(model.alternatives)} if model.alternatives is not None else schema


def _choice_of_keys(alternatives: Alternatives) -> JsonSchema:
    given = [{"required": [key], "properties": {key: {"not": _NULL}}} for key in alternatives.keys]
    return {"oneOf": given if alternatives.is_required else [*given, {"not": {"anyOf": given}}]}


def _value(shape: Shape) -> JsonSchema:
    match shape:
        case Text():
            value: JsonSchema = {"type": _SCALARS}
            return {
                **value,
                **({"pattern": shape.pattern} if shape.pattern else {}),
                **({"writeOnly": True} if shape.is_secret else {}),
            }
        case Whole():
            return {"type": "integer", "minimum": shape.minimum, "maximum": shape.maximum}
        case Flag():
            return {"type": "boolean"}
        case Choice():
            return {"enum": list(shape.values)}
        case ListOf():
            return {"type": "array", "items": _value(shape.of)}
        case RecordOf():
            return _reference(shape.model())
