"""The door for plain data: the same language without lines, where an unknown key is an error."""

from types import MappingProxyType
from typing import Any

import pytest

from deepsquare.workflow import Severity, from_data
from deepsquare.workflow.limits import MAX_TEXT_BYTES, MAX_VALUES

RESOURCES = {"tasks": 1, "gpus": 0, "cpusPerTask": 1, "memPerCpu": 10}


def test_mappings_and_sequences_of_any_kind_are_read() -> None:
    loaded = from_data(MappingProxyType({"resources": RESOURCES, "steps": ({"name": "a"},)}))
    assert loaded.require().steps[0].name == "a"


def test_a_job_may_stand_under_its_key() -> None:
    assert from_data({"job": {"resources": RESOURCES, "steps": []}}).workflow is not None


def test_unknown_keys_are_errors_only_where_the_door_is_strict() -> None:
    data = {"resources": RESOURCES, "steps": [], "x": 1}
    assert from_data(data).workflow is None
    lenient = from_data(data, strict=False)
    assert lenient.workflow is not None
    assert [problem.severity for problem in lenient.problems] == [Severity.WARNING]


@pytest.mark.parametrize("data", [None, [], "text", 7, object(), b"bytes", {1: 2}, {"steps": {1, 2}}, {"a\0": 1}])
def test_data_that_is_no_job_is_refused(data: Any) -> None:
    loaded = from_data(data)
    assert loaded.workflow is None
    assert all(problem.line is None for problem in loaded.problems)


def test_data_that_holds_itself_is_refused() -> None:
    steps: list[Any] = []
    steps.append({"steps": steps})
    loaded = from_data({"resources": RESOURCES, "steps": steps})
    assert any("64 deep" in problem.message for problem in loaded.problems)


TOO_LONG = "x" * (MAX_TEXT_BYTES + 1)


@pytest.mark.parametrize(
    ("big", "message"),
    [
        (TOO_LONG, "the workflow is too long; at most 1048576 characters are read"),
        ({TOO_LONG: 1}, "the workflow is too long; at most 1048576 characters are read"),
        ([None] * MAX_VALUES, "a workflow may have 100000 values, not more"),
    ],
    ids=["text", "key", "list"],
)
def test_data_that_is_too_big_is_refused(big: Any, message: str) -> None:
    loaded = from_data({"resources": RESOURCES, "steps": [], "x": big}, strict=False)
    assert loaded.workflow is None
    assert [problem.message for problem in loaded.problems] == [message]
