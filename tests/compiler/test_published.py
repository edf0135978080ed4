"""The published workflows that this version supports, unmodified, through the compiler and a real bash."""

import os
import subprocess
from pathlib import Path

import pytest

from deepsquare import compiler, workflow
from tests.support.modules import MemoryModules
from tests.support.scripts import BASH, ScriptSite, script_of

SAMPLES = Path(__file__).parents[3] / "shared" / "workflows"
ARE_HERE = SAMPLES.is_dir() or bool(os.environ.get("CI"))

pytestmark = pytest.mark.skipif(not ARE_HERE, reason="the published workflows are not here")


PUBLISHED_MODULES = "github.com/deepsquare-io/workflow-modules"
MODULES = MemoryModules(
    {
        f"{PUBLISHED_MODULES}/tty2web": """\
name: tty2web
description: Puts a program where the published module of this name puts its own.
minimumResources: {tasks: 1, cpusPerTask: 1, memPerCpu: 10, gpusPerTask: 0}
inputs:
  - {key: VERSION, description: which one, default: v1}
steps:
  - name: setup
    run:
      command: echo "$VERSION" > "$STORAGE_PATH/tty2web"
""",
        f"{PUBLISHED_MODULES}/http-filebrowser": """\
name: http-filebrowser
description: Says what it would serve, with the inputs and the template of the published module of this name.
inputs:
  - {key: ROOT, description: what is served}
  - {key: NO_AUTH, description: without a password, default: 'false'}
steps:
  - name: '{{ range .Step.Use.Args }}{{ if eq .Key "NO_AUTH" }}{{ .Value }}{{ end }}{{ end }}'
    run:
      command: echo "${ROOT:-$STORAGE_PATH} $NO_AUTH"
""",
    }
)
"""Stand-ins for the modules that published workflows use: the same places and inputs, other steps."""

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
        problems = workflow.load((SAMPLES / name).read_text(), modules=MODULES).problems
        errors = [problem for problem in problems if problem.severity is workflow.Severity.ERROR]
        assert all(NOT_YET[name] in problem.path or problem.path.endswith(".vnet") for problem in errors)


def supported() -> list[Path]:
    return [
        sample
        for sample in sorted(SAMPLES.glob("*.yaml"))
        if workflow.load(sample.read_text(), modules=MODULES).workflow
    ]


def test_the_published_hello_world_compiles_and_runs(site: ScriptSite) -> None:
    outcome = site.run(script_of((SAMPLES / "hello-world.yaml").read_text()))
    assert (outcome.exit_code, outcome.stdout) == (0, "Running: hello world\nHello World\n")


@pytest.mark.parametrize("sample", supported(), ids=lambda sample: sample.name)
def test_a_published_workflow_compiles_to_a_script_that_bash_understands(sample: Path) -> None:
    script = compiler.compile(workflow.load(sample.read_text(), modules=MODULES), salt="0" * 32).text
    subprocess.run([BASH, "-n"], input=script.encode(), check=True, capture_output=True)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("interactive.two-steps-module.yaml", "[]"), ("stable-diffusion-webui.yaml", "[{key: NO_AUTH, value: 'true'}]")],
)
def test_a_published_workflow_s_use_of_a_module_is_understood(name: str, arguments: str) -> None:
    lines = (SAMPLES / name).read_text().splitlines()
    (source,) = [line.split()[-1] for line in lines if line.strip().startswith("source:")]
    head = "resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 500, gpus: 0}\nsteps:\n"
    loaded = workflow.load(f"{head}  - use: {{source: {source}, args: {arguments}}}\n", modules=MODULES)
    assert [problem for problem in loaded.problems if problem.severity is workflow.Severity.ERROR] == []
    assert len(loaded.modules) == 1
