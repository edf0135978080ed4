"""A job with a container through a whole grid: placed by the label of its runtime, run by a real Apptainer."""

import json
import shutil
from pathlib import Path

import pytest

from deepsquare.cli.exits import ExitCode
from tests.support.needs import need
from tests.support.registry import unavailable
from tests.system.grid_process import dps, output_of, up

pytestmark = pytest.mark.system

WORKFLOW = f"""
enableLogging: true
resources: {{tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: 0}}
steps:
  - name: an image built from nothing
    run:
      shell: /bin/bash
      command: |
        mkdir -p root/{{bin,dev,etc,proc,root,sys,tmp,var/tmp}}
        cp {shutil.which("busybox")} root/bin && ln -s busybox root/bin/sh && touch root/etc/passwd root/etc/group
  - name: its container
    run:
      container: {{image: /root, apptainer: true}}
      command: echo "inside, $STORAGE_PATH"
"""


def test_a_container_runs_where_its_label_tells_that_it_can(tmp_path: Path) -> None:
    need(unavailable())
    (tmp_path / "box.yaml").write_text(WORKFLOW, encoding="utf-8")
    (tmp_path / "never.yaml").write_text(WORKFLOW.replace("apptainer: true", "apptainer: false"), encoding="utf-8")
    with up(tmp_path):
        assert output_of(tmp_path, "box.yaml").endswith("Running: its container\ninside, /deepsquare\n")
        sites = json.loads(dps(tmp_path, "provider", "list", "--json").stdout)
        assert all("container.apptainer" in site["labels"] for site in sites)
        if shutil.which("enroot") is None:
            refused = dps(tmp_path, "submit", "never.yaml", "--credits", "1")
            assert refused.returncode == ExitCode.NO_PROVIDER
            assert "container.enroot" in refused.stderr
