"""The published hello-world, unmodified, through the compiler and a real bash."""

import os
from pathlib import Path

import pytest

from tests.support.scripts import ScriptSite, script_of

SAMPLE = Path(__file__).parents[3] / "shared" / "workflows" / "hello-world.yaml"


@pytest.mark.skipif(not SAMPLE.exists() and not os.environ.get("CI"), reason="the published workflows are not here")
def test_the_published_hello_world_compiles_and_runs(site: ScriptSite) -> None:
    outcome = site.run(script_of(SAMPLE.read_text()))
    assert (outcome.exit_code, outcome.stdout) == (0, "Running: hello world\nHello World\n")
