"""What a grid keeps in its folder: one owner at a time, ports, wallets."""

import socket
from pathlib import Path

import pytest

from deepsquare.cli.failure import GridBusy, GridFailed
from deepsquare.cli.localgrid.accounts import account
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.cli.localgrid.ports import LOOPBACK, keep_ports
from deepsquare.cli.localgrid.providers import providers
from deepsquare.cli.services.provider_file import ProviderFile
from deepsquare.cli.services.settings_file import read_settings


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


def test_a_folder_is_held_by_one_grid_at_a_time(folder: StateFolder) -> None:
    with folder.held(), pytest.raises(GridBusy), StateFolder(folder.path).held():
        pass
    with folder.held():
        assert folder.keys.stat().st_mode & 0o777 == 0o700


def test_ports_are_kept_from_start_to_start(tmp_path: Path) -> None:
    first = keep_ports(tmp_path / "ports.json", ("node", "gateway"))
    assert len(set(first.values())) == 2
    assert keep_ports(tmp_path / "ports.json", ("node", "gateway")) == first


def test_a_port_that_somebody_else_took_is_replaced(tmp_path: Path) -> None:
    first = keep_ports(tmp_path / "ports.json", ("node", "gateway"))
    with socket.create_server((LOOPBACK, first["node"])):
        second = keep_ports(tmp_path / "ports.json", ("node", "gateway"))
    assert second["node"] != first["node"]
    assert second["gateway"] == first["gateway"]


def test_a_wallet_is_made_once_and_readable_by_its_owner_alone(folder: StateFolder) -> None:
    with folder.held():
        first, second = account(folder, "customer"), account(folder, "customer")
        assert first.open().address == second.open().address == first.address
        assert {path.stat().st_mode & 0o777 for path in folder.keys.iterdir()} == {0o600}


def test_a_wallet_whose_making_was_cut_off_is_made_again(folder: StateFolder) -> None:
    with folder.held():
        first = account(folder, "customer")
        first.keystore.unlink()
        assert account(folder, "customer").open().address != ""


def test_the_two_providers_differ_in_price_and_labels_and_their_files_are_sound(folder: StateFolder) -> None:
    with folder.held():
        files = []
        for provider in providers(with_slurm=False):
            path = folder.path / f"{provider.name}.toml"
            path.write_text(provider.settings(folder), encoding="utf-8")
            files.append(read_settings(ProviderFile, path))
    one, other = files
    assert one.prices.cpu_per_minute != other.prices.cpu_per_minute
    assert one.labels != other.labels


def test_slurm_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(GridFailed, match="sbatch"):
        providers(with_slurm=True)
