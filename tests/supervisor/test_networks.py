"""Which networks of their own a supervisor finds that jobs can have on its site."""

import os
from pathlib import Path
from typing import Any

import pytest

from deepsquare.model import Label
from deepsquare.supervisor import networks
from deepsquare.supervisor.abilities import InstalledAbilities
from deepsquare.supervisor.networks import network_labels
from deepsquare.supervisor.settings import NetworkSettings, SupervisorSettings, ToolSettings
from tests.supervisor.stage import SETTINGS

pytestmark = pytest.mark.programs

UNSHARE = 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"'
IP = """case $* in
  "link add wg0 type wireguard") [ -e "${0%/*}/kernel-wireguard" ] ;;
  "-4 route get 192.0.2.1") echo "192.0.2.1 via 10.1.0.1 dev eth0 src 10.1.0.7 uid 0" ;;
  *) exit 9 ;;
esac"""
ALL = (
    "user-namespaces",
    "network.slirp4netns",
    "network.pasta",
    "network.tunnel",
    "network.wireguard",
    "network.virtual",
)


class Machine:
    """A machine on which there is nothing but these programs, and a device for networks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.device = folder / "tun"
        self.device.touch()
        for name in ("true", "slirp4netns", "pasta", "wg", "wireguard-go", "bore"):
            self.install(name, "exit 0")
        self.install("unshare", UNSHARE)
        self.install("ip", IP)

    def install(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def remove(self, *names: str) -> None:
        for name in names:
            (self.folder / name).unlink()

    def found(self, *, tunnel: str | None = "bore", **tools: Any) -> list[str]:
        """The keys of the labels, each of which says yes."""
        settings = SupervisorSettings(prices=SETTINGS.prices, tools=ToolSettings(tunnel=tunnel, **tools))
        return self.labels_of(settings)

    def labels_of(self, settings: SupervisorSettings) -> list[str]:
        labels = network_labels(settings, self.device)
        assert {label.value for label in labels} <= {"yes"}
        return [label.key for label in labels]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(networks, "_SYSTEM_FOLDERS", ())
    return Machine(tmp_path)


def but(*keys: str) -> list[str]:
    return [key for key in ALL if key not in keys]


def test_a_machine_that_has_everything_tells_of_everything(machine: Machine) -> None:
    assert machine.found() == list(ALL)


@pytest.mark.parametrize("name", ["slirp4netns", "pasta"])
def test_a_way_out_whose_program_is_missing_or_fails_is_no_label(machine: Machine, name: str) -> None:
    lost = [f"network.{name}", *(["network.virtual"] if name == "pasta" else [])]
    machine.install(name, "exit 1")
    assert machine.found() == but(*lost)
    machine.remove(name)
    assert machine.found() == but(*lost)
    machine.install("elsewhere", "exit 0")
    assert machine.found(**{name: str(machine.folder / "elsewhere")}) == list(ALL)


def test_where_nobody_may_make_namespaces_there_is_no_label(machine: Machine) -> None:
    machine.install("unshare", "echo not permitted >&2; exit 1")
    assert machine.found() == []
    machine.remove("unshare")
    assert machine.found() == []


def test_without_the_device_nothing_leads_out_but_users_can_be_mapped(machine: Machine) -> None:
    machine.device.unlink()
    assert machine.found() == ["user-namespaces"]


def test_without_a_way_out_there_is_nothing_to_add_an_interface_to(machine: Machine) -> None:
    machine.remove("slirp4netns", "pasta")
    assert machine.found() == ["user-namespaces"]


def test_tunnels_need_the_program_that_the_site_names(machine: Machine) -> None:
    assert machine.found(tunnel=None) == but("network.tunnel")
    assert machine.found(tunnel="/nowhere/bore") == but("network.tunnel")


def test_wireguard_is_the_kernels_or_a_programs_and_needs_its_tool(machine: Machine) -> None:
    machine.remove("wireguard-go")
    assert machine.found() == but("network.wireguard", "network.virtual")
    (machine.folder / "kernel-wireguard").touch()
    assert machine.found() == list(ALL)
    machine.remove("wg")
    assert machine.found() == but("network.wireguard", "network.virtual")


def test_virtual_networks_need_an_address_that_other_nodes_reach(machine: Machine) -> None:
    machine.install("ip", "echo Network is unreachable >&2; exit 2")
    assert machine.found() == but("network.virtual")


def test_what_the_site_forbids_is_no_label(machine: Machine) -> None:
    settings = SupervisorSettings(
        prices=SETTINGS.prices, tools=ToolSettings(tunnel="bore"), networks=NetworkSettings(kinds=("pasta",))
    )
    assert machine.labels_of(settings) == but("network.slirp4netns")
    none = settings.model_copy(update={"networks": NetworkSettings(kinds=())})
    assert machine.labels_of(none) == ["user-namespaces"]


def test_system_folders_are_looked_through_as_jobs_do(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("wg", "ip"):
        os.renames(machine.folder / name, machine.folder / "sbin" / name)
    assert machine.found() == but("network.wireguard", "network.virtual")
    monkeypatch.setattr(networks, "_SYSTEM_FOLDERS", (str(machine.folder / "sbin"),))
    assert machine.found() == list(ALL)


async def test_a_supervisor_tells_of_runtimes_and_networks(machine: Machine) -> None:
    machine.install("apptainer", "echo apptainer version 1.4.5")
    settings = SupervisorSettings(prices=SETTINGS.prices)
    labels = await InstalledAbilities(settings).labels()
    assert Label("container.apptainer", "1.4.5") in labels
    assert Label("user-namespaces", "yes") in labels
