"""The published workflows, unmodified, through the compiler and a real bash."""

import os
import subprocess
from pathlib import Path

import pytest

from deepsquare import compiler, workflow
from tests.support.modules import PUBLISHED_MODULES
from tests.support.scripts import BASH, ScriptSite, script_of

SAMPLES = Path(__file__).parents[3] / "shared" / "workflows"
ARE_HERE = SAMPLES.is_dir() or bool(os.environ.get("CI"))

pytestmark = pytest.mark.skipif(not ARE_HERE, reason="the published workflows are not here")


NOT_FILLED_IN = {"cs2.yaml"}


def complete() -> list[Path]:
    return [sample for sample in sorted(SAMPLES.glob("*.yaml")) if sample.name not in NOT_FILLED_IN]


def test_the_published_hello_world_compiles_and_runs(site: ScriptSite) -> None:
    outcome = site.run(script_of((SAMPLES / "hello-world.yaml").read_text()))
    assert (outcome.exit_code, outcome.stdout) == (0, "Running: hello world\nHello World\n")


@pytest.mark.programs
@pytest.mark.parametrize("sample", complete(), ids=lambda sample: sample.name)
def test_a_published_workflow_compiles_to_a_script_that_bash_understands(sample: Path) -> None:
    script = compiler.compile(workflow.load(sample.read_text(), modules=PUBLISHED_MODULES), salt="0" * 32).text
    subprocess.run([BASH, "-n"], input=script.encode(), check=True, capture_output=True)
