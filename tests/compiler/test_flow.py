"""Control flow: every outcome in `outcomes.yaml`, seen in real runs of real scripts."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.scripts import ScriptSite, script_of

OUTCOMES: dict[str, dict[str, Any]] = YAML(typ="safe").load(Path(__file__).with_name("outcomes.yaml"))


@pytest.mark.parametrize("promise", OUTCOMES)
def test_a_job_ends_and_prints_as_the_language_promises(bare_site: ScriptSite, promise: str) -> None:
    expected = OUTCOMES[promise]
    job = {
        "enableLogging": True,
        "resources": {"tasks": 4, "gpus": 0, "cpusPerTask": 2, "memPerCpu": 100},
        "steps": expected["steps"],
    }
    outcome = bare_site.run(script_of(json.dumps(job)))
    assert (outcome.exit_code, " ".join(outcome.stdout.split())) == (expected["ends"], expected["prints"])
    assert bare_site.scratch_folders() == []
