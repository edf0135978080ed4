"""Where each setting comes from, and what is said about a wrong one."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from deepsquare.sdk.configuration import SETTINGS, Configuration, load
from deepsquare.sdk.errors import InvalidValue

GRID = """
[chain]
rpc = "http://from.grid:1"
id = 7
meta_scheduler = "0x0000000000000000000000000000000000000001"

[gateway]
url = "http://from.grid:2"
"""


@pytest.fixture(autouse=True)
def _no_user_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "grid.toml").write_text(GRID, encoding="utf-8")
    (tmp_path / ".dps").mkdir()
    (tmp_path / ".dps" / "config.toml").write_text('grid = "../grid.toml"\nkeystore = "mine.json"\n', encoding="utf-8")
    return tmp_path


def settings(
    folder: Path, arguments: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> Configuration:
    return load(arguments, environment=environment or {}, folder=folder)


def test_arguments_win_over_the_environment_and_that_over_files(folder: Path) -> None:
    environment = {"DEEPSQUARE_RPC": "http://from.environment:1", "DEEPSQUARE_CHAIN_ID": "8"}
    found = settings(folder, {"chain_id": "9"}, environment).values
    assert (found["chain_id"].value, found["chain_id"].source) == ("9", "--chain-id")
    assert (found["rpc"].value, found["rpc"].source) == ("http://from.environment:1", "DEEPSQUARE_RPC")
    assert found["gateway"].value == "http://from.grid:2"


def test_the_socket_of_another_node_is_not_taken_for_the_one_that_is_named(folder: Path) -> None:
    grid = folder / "grid.toml"
    grid.write_text(GRID.replace("id = 7", 'id = 7\nwebsocket = "ws://from.grid:1"'), encoding="utf-8")
    assert settings(folder).get("websocket") == "ws://from.grid:1"
    assert settings(folder, {"rpc": "http://other:1"}).get("websocket") is None
    both = settings(folder, {"rpc": "http://other:1", "websocket": "ws://other:1"})
    assert both.get("websocket") == "ws://other:1"
    assert settings(folder, {"websocket": "ws://other:1"}).get("rpc") == "http://from.grid:1"


def test_each_value_of_a_file_knows_its_line(folder: Path) -> None:
    found = settings(folder).values
    assert found["rpc"].source == f"{folder / '.dps' / '../grid.toml'}:3"
    assert found["keystore"].source == f"{folder / '.dps' / 'config.toml'}:2"


def test_paths_in_a_file_start_from_its_folder(folder: Path) -> None:
    assert settings(folder).path("keystore") == folder / ".dps" / "mine.json"


def test_a_file_named_by_the_environment_wins_over_the_local_one(folder: Path) -> None:
    (folder / "other.toml").write_text('rpc = "http://other:1"\n', encoding="utf-8")
    found = settings(folder, environment={"DEEPSQUARE_CONFIG": "other.toml"})
    assert found.get("rpc") == "http://other:1"
    assert found.get("gateway") is None


def test_nothing_set_is_an_empty_configuration(tmp_path: Path) -> None:
    assert not settings(tmp_path).values


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("rpc", "localhost"), ("websocket", "http://a:1"), ("chain_id", "-1"), ("meta_scheduler", "0x12"), ("grid", "")],
)
def test_a_wrong_argument_is_named_by_its_option(tmp_path: Path, name: str, wrong: str) -> None:
    option = next(setting.flag for setting in SETTINGS if setting.name == name)
    with pytest.raises(InvalidValue, match=option):
        settings(tmp_path, {name: wrong})


def test_a_wrong_value_in_a_file_is_named_by_file_line_and_key(folder: Path) -> None:
    grid = folder / "grid.toml"
    grid.write_text(GRID.replace("id = 7", 'id = "seven"'), encoding="utf-8")
    with pytest.raises(InvalidValue, match=r"grid\.toml:4: chain_id = 'seven': expected a whole number"):
        settings(folder)


def test_an_unknown_key_is_refused_with_those_that_there_are(folder: Path) -> None:
    (folder / ".dps" / "config.toml").write_text('\ncolour = "red"\n', encoding="utf-8")
    with pytest.raises(InvalidValue, match=r"config\.toml:2: unknown key 'colour'.*keystore"):
        settings(folder)


def test_a_file_that_is_no_toml_is_refused_with_the_place(folder: Path) -> None:
    (folder / ".dps" / "config.toml").write_text("grid = \n", encoding="utf-8")
    with pytest.raises(InvalidValue, match=r"config\.toml: .*line 1"):
        settings(folder)


def test_a_grid_file_that_is_missing_is_named_with_who_named_it(folder: Path) -> None:
    with pytest.raises(InvalidValue, match=r"nowhere\.toml.*--grid"):
        settings(folder, {"grid": "nowhere.toml"})


def test_a_setting_that_a_call_needs_and_nobody_set_says_how_to_set_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="--rpc"):
        settings(tmp_path).require("rpc")
