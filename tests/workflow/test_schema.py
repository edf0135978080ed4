"""The JSON Schema for editors: the one in the tree is the present one, and it accepts whatever the language accepts."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepsquare.workflow import Severity, from_data
from deepsquare.workflow.schema import module_schema, workflow_schema
from tests.workflow import test_fields, test_rules

KEPT = Path(__file__).parents[2] / "docs" / "workflow.schema.json"
SCHEMA: dict[str, Any] = workflow_schema()


def fits(value: Any, schema: Any) -> bool:
    """Whether a value fits a schema, as far as ours go."""
    if "$ref" in schema and not fits(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]):
        return False
    if "if" in schema and not fits(value, schema["then"] if fits(value, schema["if"]) else schema["else"]):
        return False
    rules: dict[str, Callable[[Any], bool]] = {
        "type": lambda wanted: any(_is(value, kind) for kind in ([wanted] if isinstance(wanted, str) else wanted)),
        "enum": lambda words: value in words,
        "minimum": lambda least: not _is(value, "number") or value >= least,
        "maximum": lambda most: not _is(value, "number") or value <= most,
        "pattern": lambda pattern: not isinstance(value, str) or re.search(pattern, value) is not None,
        "items": lambda each: not isinstance(value, list) or all(fits(item, each) for item in value),
        "required": lambda keys: not isinstance(value, dict) or set(keys) <= set(value),
        "properties": lambda known: all(fits(value[key], known[key]) for key in known if key in _dict(value)),
        "additionalProperties": lambda allowed: allowed or set(_dict(value)) <= set(schema.get("properties", ())),
        "anyOf": lambda choices: any(fits(value, choice) for choice in choices),
        "oneOf": lambda choices: sum(fits(value, choice) for choice in choices) == 1,
        "not": lambda other: not fits(value, other),
    }
    return all(rules[key](argument) for key, argument in schema.items() if key in rules)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    kinds = {"string": str, "integer": int, "number": (int, float), "array": list, "object": dict, "null": type(None)}
    return kind != "boolean" and isinstance(value, kinds[kind])  # type: ignore[arg-type]


GOOD = [
    *test_fields.ACCEPTED.values(),
    *test_rules.GOOD_BETWEEN_FIELDS.values(),
    *(rule.put(**{rule.key: value}) for rule in test_rules.RULES for value in rule.accepts),
]


def test_the_schema_in_the_tree_is_the_present_one() -> None:
    assert KEPT.read_text() == json.dumps(SCHEMA, indent=2) + "\n", "dps schema > docs/workflow.schema.json"


@pytest.mark.parametrize("data", GOOD)
def test_what_the_language_accepts_fits_the_schema(data: dict[str, Any]) -> None:
    assert fits(data, SCHEMA)
    assert fits({"job": data}, SCHEMA)


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        {"job": {}},
        {**test_fields.job(), "x": 1},
        test_fields.job(steps=[{"run": {"command": "x"}, "steps": []}]),
        test_fields.with_resources(tasks=0),
        test_fields.with_resources(tasks="1"),
        test_fields.with_shell("/bin/zsh"),
        test_fields.with_env(("1A", "x")),
        test_rules.in_loop(),
        test_rules.in_loop(items=[], range={"begin": 1, "end": 2}),
        test_rules.in_bore(targetPort=0),
        test_rules.in_interface(),
    ],
)
def test_what_an_editor_can_see_is_wrong_does_not_fit(data: Any) -> None:
    assert not fits(data, SCHEMA)
    assert any(problem.severity is Severity.ERROR for problem in from_data(data).problems)


def test_the_schema_describes_every_key_and_marks_secrets() -> None:
    for definition in SCHEMA["$defs"].values():
        assert definition["description"]
        assert all(value.get("description") for key, value in definition["properties"].items() if key != "$schema")
    container = SCHEMA["$defs"]["Container"]["properties"]
    assert container["password"]["anyOf"][0]["writeOnly"] is True


def test_modules_have_a_schema_of_their_own() -> None:
    assert module_schema()["$ref"] == "#/$defs/Module"
