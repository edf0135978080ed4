"""The published workflows, unmodified, through the compiler and a real bash."""

import os
import subprocess
from pathlib import Path

import pytest

from deepsquare import compiler, workflow
from deepsquare.compiler.lower import lower
from deepsquare.compiler.plan import Command, steps_of
from deepsquare.workflow import Loaded
from tests.support.internet import ConnectedSite, Internet
from tests.support.modules import PUBLISHED_MODULES
from tests.support.runtimes import RuntimeStandIn
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


HOSTED = (
    "docker.io/linuxserver/blender:3.4.1",
    "deepsquare.run/library/stable-diffusion:latest",
    "deepsquare.run/library/text-generation-inference:1.4",
    "deepsquare.run/internal/chatbot-runtime:latest",
)
"""What they look for in the library of a site."""
FOLDERS_OF_SITES = ("/opt/models/stable-diffusion", "/data/beegfs/models")
"""What containers of published workflows mount."""


def site_that_has_all(folder: Path) -> dict[str, str]:
    """What a site would need to run them, GPUs and images apart: stand-ins for what they call, files of their names."""
    for image in HOSTED:
        file = folder / "images" / f"registry-1.{image}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (folder / "models").mkdir()
    rclone = folder / "rclone"
    rclone.write_text('#!/bin/sh\nfor place; do [ ! -d "$place" ] || touch "$place/scene.blend"; done\n')
    rclone.chmod(0o755)
    tools = {
        "APPTAINER": RuntimeStandIn(folder / "apptainer").path,
        "ENROOT": RuntimeStandIn(folder / "enroot", name="enroot").path,
        "RCLONE": rclone,
        "CURL": "true",
        "IMAGES": folder / "images",
        "MOUNTS": folder / "models",
    }
    return {f"DEEPSQUARE_SITE_{name}": str(value) for name, value in tools.items()}


@pytest.mark.system
@pytest.mark.parametrize("sample", complete(), ids=lambda sample: sample.name)
def test_a_published_workflow_runs_to_its_end_and_each_of_its_commands_arrives(
    world: Internet, tmp_path: Path, sample: Path
) -> None:
    text = sample.read_text()
    for place in FOLDERS_OF_SITES:
        text = text.replace(place, str(tmp_path / "models"))
    loaded = workflow.load(text, modules=PUBLISHED_MODULES)
    site = ConnectedSite(tmp_path / "site", world, record_only=True)
    outcome = site.run(compiler.compile(loaded, salt="0" * 32).text, site_that_has_all(tmp_path))
    assert outcome.exit_code == 0, outcome.stderr
    assert {call.program[-1] for call in outcome.calls} == commands(loaded)


def commands(loaded: Loaded) -> set[str]:
    """The text of each of its steps."""
    actions = [step.action for step in steps_of(lower(loaded).body)]
    return {action.text for action in actions if isinstance(action, Command)}
