"""The workflows that DeepSquare published: read without an error, placeholders apart."""

import os
from pathlib import Path

import pytest

from deepsquare.workflow import Severity, load
from tests.support.modules import PUBLISHED_MODULES

SAMPLES = Path(__file__).parents[3] / "shared" / "workflows"
PLACEHOLDERS = {"cs2.yaml": {262, 264, 266, 270}}
"""Lines where the author of a workflow left something to fill in."""


def samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.yaml"))


@pytest.mark.skipif(not SAMPLES.is_dir() and not os.environ.get("CI"), reason="the published workflows are not here")
def test_published_workflows_are_here() -> None:
    assert {sample.name for sample in samples()} >= PLACEHOLDERS.keys()


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_a_published_workflow_is_refused_only_for_what_is_to_be_filled_in(sample: Path) -> None:
    loaded = load(sample.read_text(), sample.name, PUBLISHED_MODULES)
    errors = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
    assert (loaded.workflow is None) == bool(errors)
    assert {problem.line for problem in errors} == PLACEHOLDERS.get(sample.name, set())
    lines = sample.read_text().splitlines()
    assert all("TO-BE-FILLED" in lines[line - 1] for line in PLACEHOLDERS.get(sample.name, set()))
