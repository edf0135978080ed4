"""Slips of newcomers: each of them is told at its place, with what to write."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deepsquare.workflow import load

RESOURCES = "resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 10, gpus: 0}\n"
SLIPS: dict[str, dict[str, Any]] = YAML(typ="safe").load(Path(__file__).with_name("slips.yaml"))


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_with_what_to_write(slip: str) -> None:
    written = SLIPS[slip]["written"]
    is_whole = written.lower().startswith("resources:") or written.startswith("-")
    problems = load(written if is_whole else RESOURCES + written).problems
    assert "\n".join(problem.describe("").removeprefix(":") for problem in problems) == SLIPS[slip]["told"]
