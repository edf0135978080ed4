"""`dps demo`, as a newcomer runs it."""

import json
import shutil
from pathlib import Path

import pytest

from deepsquare.cli.exits import ExitCode
from tests.system.grid_process import assert_nothing_runs, dps

pytestmark = pytest.mark.system

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_demo_shows_everything_ends_well_and_leaves_nothing(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    before = {path.name for path in tmp_path.iterdir()}
    answer = dps(tmp_path, "demo")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("Running: ")
    for shown in ("valley", "summit", "CHOSEN", "PENDING", "SCHEDULED", "RUNNING", "FINISHED", "locked =", "refunded"):
        assert shown in answer.stderr
    assert_nothing_runs(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - before == {".dps"}
    assert [path.name for path in (tmp_path / ".dps").iterdir()] == ["demo"]


def test_a_second_demo_uses_the_same_grid(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    for number in (1, 2):
        answer = dps(tmp_path, "demo", "--json", "--quiet")
        assert answer.returncode == 0, answer.stderr
        events = [json.loads(line) for line in answer.stdout.splitlines()]
        assert {event["job"] for event in events} == {number}


def test_a_demo_of_a_job_that_fails_ends_as_the_job(tmp_path: Path) -> None:
    answer = dps(tmp_path, "demo", "--workflow", str(EXAMPLES / "failing-step.yaml"))
    assert answer.returncode == ExitCode.JOB_FAILED, answer.stderr
    assert "Bill:" in answer.stderr
    assert_nothing_runs(tmp_path)
