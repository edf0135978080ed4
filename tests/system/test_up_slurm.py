"""`dps up --slurm`: one of the two providers is this machine's Slurm."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.needs import need
from tests.support.slurm import slurm_lab, unavailable
from tests.system.grid_process import assert_nothing_runs, dps, up

pytestmark = pytest.mark.system

EXAMPLE = Path(__file__).parents[2] / "examples" / "several-tasks.yaml"


def test_a_workflow_runs_on_slurm_through_the_grid_of_one_machine(tmp_path: Path) -> None:
    need(unavailable())
    shutil.copy(EXAMPLE, tmp_path)
    with slurm_lab() as lab, up(tmp_path, "--slurm", variables=lab.environment):
        answer = dps(tmp_path, "submit", EXAMPLE.name, "--use", "tier=premium", "--watch")
        assert answer.returncode == 0, answer.stderr
        assert "500500" in answer.stdout
        states = [site["state"] for site in json.loads(dps(tmp_path, "provider", "list", "--json").stdout)]
        assert states == ["serving", "serving"]
    assert_nothing_runs(tmp_path)
