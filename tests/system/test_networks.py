"""A job with a network of its own through a whole grid: placed by the labels of its site, run in namespaces."""

import json
from pathlib import Path

import pytest

from deepsquare.cli.exits import ExitCode
from tests.support.needs import need_program
from tests.system.grid_process import dps, output_of, up

pytestmark = pytest.mark.system

WORKFLOW = """
enableLogging: true
resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: 0}
steps:
  - run:
      network: pasta
      dns: [192.0.2.53]
      mapUid: 1234
      command: id -u && cat /etc/resolv.conf
"""
TUNNEL = "customNetworkInterfaces: [{bore: {boreAddress: 'tunnel.example:2200', targetPort: 80}}]"


def test_a_network_is_made_where_its_label_tells_that_it_can(tmp_path: Path) -> None:
    need_program("pasta", "passt")
    (tmp_path / "own.yaml").write_text(WORKFLOW, encoding="utf-8")
    (tmp_path / "tunnel.yaml").write_text(WORKFLOW.replace("mapUid: 1234", TUNNEL), encoding="utf-8")
    with up(tmp_path):
        assert output_of(tmp_path, "own.yaml") == "1234\nnameserver 192.0.2.53\n"
        for site in json.loads(dps(tmp_path, "provider", "list", "--json").stdout):
            assert site["labels"]["network.pasta"] == "yes"
            assert "network.tunnel" not in site["labels"]
        refused = dps(tmp_path, "submit", "tunnel.yaml", "--credits", "1")
        assert refused.returncode == ExitCode.NO_PROVIDER
        assert "network.tunnel" in refused.stderr
