"""The published workflows that this version supports, unmodified, through the compiler and a real bash."""

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


NOT_YET = {
    "cs2.yaml": "customNetworkInterfaces",  # its keys are still to be filled in
    "mariadb-stack.yaml": "virtualNetworks",
    "text-generation-inference.yaml": "virtualNetworks",
}
"""The ones that do not compile, with what their problems are about."""


def test_only_what_is_not_yet_supported_or_not_filled_in_is_refused() -> None:
    refused = {sample.name for sample in SAMPLES.glob("*.yaml")} - {sample.name for sample in supported()}
    assert refused <= NOT_YET.keys()
    for name in refused:
        problems = workflow.load((SAMPLES / name).read_text(), modules=PUBLISHED_MODULES).problems
        errors = [problem for problem in problems if problem.severity is workflow.Severity.ERROR]
        assert all(NOT_YET[name] in problem.path or problem.path.endswith(".vnet") for problem in errors)


def supported() -> list[Path]:
    return [
        sample
        for sample in sorted(SAMPLES.glob("*.yaml"))
        if workflow.load(sample.read_text(), modules=PUBLISHED_MODULES).workflow
    ]


def test_the_published_hello_world_compiles_and_runs(site: ScriptSite) -> None:
    outcome = site.run(script_of((SAMPLES / "hello-world.yaml").read_text()))
    assert (outcome.exit_code, outcome.stdout) == (0, "Running: hello world\nHello World\n")


@pytest.mark.parametrize("sample", supported(), ids=lambda sample: sample.name)
def test_a_published_workflow_compiles_to_a_script_that_bash_understands(sample: Path) -> None:
    script = compiler.compile(workflow.load(sample.read_text(), modules=PUBLISHED_MODULES), salt="0" * 32).text
    subprocess.run([BASH, "-n"], input=script.encode(), check=True, capture_output=True)
