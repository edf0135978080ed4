"""The workflows that DeepSquare published: read without a complaint but for placeholders and what is not there yet."""

import os
from pathlib import Path

import pytest

from deepsquare.workflow import Severity, load
from tests.support.modules import PUBLISHED_MODULES

SAMPLES = Path(__file__).parents[3] / "shared" / "workflows"
NOT_SUPPORTED = {"cs2.yaml", "mariadb-stack.yaml", "text-generation-inference.yaml"}
PLACEHOLDERS = {"cs2.yaml": {262, 264, 266, 270}}
"""Lines where the author of a workflow left something to fill in."""


def samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.yaml"))


@pytest.mark.skipif(not SAMPLES.is_dir() and not os.environ.get("CI"), reason="the published workflows are not here")
def test_published_workflows_are_here() -> None:
    assert {sample.name for sample in samples()} >= NOT_SUPPORTED


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_a_published_workflow_is_refused_only_for_what_is_not_supported_yet(sample: Path) -> None:
    loaded = load(sample.read_text(), sample.name, PUBLISHED_MODULES)
    errors = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
    assert (loaded.workflow is None) == bool(errors)
    assert not errors or sample.name in NOT_SUPPORTED
    lines = sample.read_text().splitlines()
    assert {problem.line for problem in errors if "TO-BE-FILLED" in lines[(problem.line or 0) - 1]} == PLACEHOLDERS.get(
        sample.name, set()
    )
    for problem in errors:
        assert problem.line is not None
        assert "not supported by this version yet" in problem.message or "TO-BE-FILLED" in lines[problem.line - 1]
