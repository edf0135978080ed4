"""The workflows that DeepSquare published: read without a complaint but for what this version cannot do yet."""

import os
from pathlib import Path

import pytest

from deepsquare.workflow import Severity, load

SAMPLES = Path(__file__).parents[3] / "shared" / "workflows"
SUPPORTED = {"hello-world.yaml"}


def samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.yaml"))


@pytest.mark.skipif(not SAMPLES.is_dir() and not os.environ.get("CI"), reason="the published workflows are not here")
def test_published_workflows_are_here() -> None:
    assert {sample.name for sample in samples()} >= SUPPORTED


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_a_published_workflow_is_refused_only_for_what_is_not_supported_yet(sample: Path) -> None:
    loaded = load(sample.read_text(), sample.name)
    errors = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
    assert (loaded.workflow is not None) == (sample.name in SUPPORTED) == (not errors)
    lines = sample.read_text().splitlines()
    for problem in errors:
        assert "not supported by this version yet" in problem.message
        assert problem.line is not None
        key = problem.path.rpartition(".")[2]
        assert key in lines[problem.line - 1]
