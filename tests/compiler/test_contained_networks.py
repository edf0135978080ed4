"""Containers of a real Apptainer in networks of their own: side by side on one node, and on nodes of a real Slurm."""

import shutil
import subprocess
from typing import Any

import pytest

from deepsquare import compiler
from deepsquare.workflow import from_data
from tests.support import registry as registries
from tests.support.internet import ConnectedSite
from tests.support.needs import need
from tests.support.slurm import SlurmLab
from tests.support.slurm_scripts import Slurm

pytestmark = pytest.mark.system


@pytest.fixture(scope="module", autouse=True)
def _apptainer() -> None:
    need(registries.unavailable())


BUILD = f"""
mkdir -p root/{{bin,dev,etc,proc,root,sys,tmp,var/tmp,data}}
cp {shutil.which("busybox")} root/bin && touch root/etc/passwd root/etc/group root/etc/resolv.conf
cp --parents /bin/bash $(ldd /bin/bash | grep -o '/[^ ]*') root
"""
"""An image of one program for everything, and a bash that talks TCP."""
SERVE = 'echo "hello from $SLURMD_NODENAME" >/tmp/hello; exec busybox nc -ll -p 8000 -e busybox cat /tmp/hello'
ASK = "until busybox timeout -s KILL 5 busybox cat </dev/tcp/10.0.0.2/8000; do busybox sleep 0.3; done 2>/dev/null"
MOUNT = """
busybox mkdir "$STORAGE_PATH/database"
busybox mount -o bind "$STORAGE_PATH/database" /data && echo kept >/data/row && busybox cat "$STORAGE_PATH/database/row"
"""


def contained(text: str, address: str, **more: Any) -> dict[str, Any]:
    """A step as the published database is: root of its own network, with an address in the job's."""
    network = {
        "network": "slirp4netns",
        "mapUid": 0,
        "mapGid": 0,
        "customNetworkInterfaces": [{"vnet": {"name": "backend", "address": address}}],
    }
    run = {"command": text, "shell": "/bin/bash", "container": {"image": "/root", "apptainer": True}, **network}
    return {"run": {**run, **more}}


def script(serve: str, ask: str, **more: Any) -> str:
    """A job of two containers that run at the same time."""
    data = {
        "enableLogging": True,
        "resources": {"tasks": 4, "cpusPerTask": 1, "memPerCpu": 100, "gpus": 0},
        "virtualNetworks": [{"name": "backend", "gatewayAddress": "10.0.0.1/24"}],
        "steps": [
            {"run": {"command": BUILD, "shell": "/bin/bash"}},
            {"launch": {"steps": [contained(serve, "10.0.0.2/24")]}},
            contained(ask, "10.0.0.3/24", **more),
        ],
    }
    return compiler.compile(from_data(data), salt="0" * 32).text


def test_containers_meet_and_mount_what_they_keep(inner_site: ConnectedSite) -> None:
    look = "busybox id -u; busybox cat /etc/resolv.conf; busybox ip -4 address show vnet0 | busybox grep -o 10.0.0.3/24"
    outcome = inner_site.run(
        script(SERVE, f"{ASK}; {MOUNT}{look}", dns=["1.1.1.1", "8.8.8.8"]), {"SLURMD_NODENAME": "one"}
    )
    expected = "hello from one\nkept\n0\nnameserver 1.1.1.1\nnameserver 8.8.8.8\n10.0.0.3/24\n"
    assert (outcome.exit_code, outcome.stdout) == (0, expected), outcome.stderr


def test_containers_on_nodes_of_slurm_meet(slurm: Slurm, lab: SlurmLab) -> None:
    """Nothing leaves this machine: the nodes of the lab are all on it, and speak to its own address.

    Slurm lets a job end only when no process of its cgroup is left, and looks ever more rarely: where init is slow to
    reap, that takes a minute. So this waits for what the script itself does last.
    """
    if not subprocess.run(["ip", "-4", "route", "show", "default"], capture_output=True, check=True).stdout:
        pytest.skip("this machine has no address of its own but that of its loopback")
    slurm.submit(script(SERVE, f'echo "asked from $SLURMD_NODENAME"; {ASK}'), SPREAD)
    lab.wait_until(lambda: "hello from" in slurm.output(), "the containers have met")
    lab.wait_until(lambda: list(slurm.shared.glob("job-*")) == [], "the scratch folder is removed")
    output = slurm.output()
    assert "deepsquare: " not in output
    asked, answer, *_ = output.splitlines()
    assert asked.removeprefix("asked from ") != answer.removeprefix("hello from ")


SPREAD = ("--nodes=2", "--ntasks=4", "--ntasks-per-node=2", "--cpus-per-task=1", "--mem-per-cpu=100M")
