"""The examples of the tree do what their first lines say."""

import os
from pathlib import Path

import pytest

from deepsquare import workflow
from tests.support.scripts import Outcome, ScriptSite, script_of

EXAMPLES = Path(__file__).parents[2] / "examples"

EXPECTED = {
    "hello-world.yaml": (
        0,
        "Running: hello world\nHello World\n" + "".join(f"part {part} of 4 is done\n" for part in range(1, 5)),
    ),
    "environment-between-steps.yaml": (
        0,
        "Running: find out\nRunning: use it\nBye: the greeting had 6 words\nroses, violets\nand = signs\n",
    ),
    "several-tasks.yaml": (
        0,
        "Running: sum the parts\nRunning: sum the whole\nthe numbers from 1 to 1000 sum up to 500500\n",
    ),
    "failing-step.yaml": (3, "Running: prepare\nall is well\nRunning: check\n"),
}


@pytest.fixture
def site(site: ScriptSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptSite:
    """A site on which `sleep` takes no time."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "sleep").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return site


def run(site: ScriptSite, name: str) -> Outcome:
    return site.run(script_of((EXAMPLES / name).read_text()))


def test_every_example_has_its_test() -> None:
    assert {path.name for path in EXAMPLES.glob("*.yaml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_is_read_without_a_complaint(name: str) -> None:
    assert workflow.load((EXAMPLES / name).read_text()).problems == ()


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_does_what_it_says(site: ScriptSite, name: str) -> None:
    outcome = run(site, name)
    assert (outcome.exit_code, outcome.stdout) == EXPECTED[name]
    assert site.scratch_folders() == []


def test_the_failing_example_says_which_step_failed(site: ScriptSite) -> None:
    assert run(site, "failing-step.yaml").stderr == (
        "the input is missing\ndeepsquare: steps[0].steps[1] failed with exit code 3\n"
    )
