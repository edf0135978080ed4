"""Settings files of services: each error with file, line and key."""

from pathlib import Path

import pytest

from deepsquare.chain.embedded.settings import NodeSettings
from deepsquare.cli.exits import ExitCode
from deepsquare.cli.services.provider_file import ProviderFile
from deepsquare.cli.services.settings_file import read_settings
from deepsquare.sdk.errors import InvalidValue
from tests.cli.driver import dps

PROVIDER = """
journal = "journal.sqlite"
[prices]
cpu_per_minute = "0.1"
memory_mb_per_minute = "0.001"
[cluster]
kind = "local"
root = "cluster"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_relative_paths_start_from_the_files_folder(file: Path) -> None:
    file.write_text(PROVIDER, encoding="utf-8")
    settings = read_settings(ProviderFile, file)
    assert settings.journal == file.parent / "journal.sqlite"
    assert settings.cluster.kind == "local"
    assert settings.cluster.root == file.parent / "cluster"


def test_a_set_value_wins_over_the_file(file: Path) -> None:
    file.write_text('database = "chain.sqlite"\nport = 1\n', encoding="utf-8")
    assert read_settings(NodeSettings, file, ["port=2", "host=::1"]).port == 2


def test_a_nested_value_can_be_set(file: Path) -> None:
    file.write_text(PROVIDER, encoding="utf-8")
    assert read_settings(ProviderFile, file, ["limits.longest_job_minutes=60"]).limits.longest_job_minutes == 60


def test_a_wrong_value_names_file_line_and_key(file: Path) -> None:
    file.write_text('database = "chain.sqlite"\nport = 70000\n', encoding="utf-8")
    with pytest.raises(InvalidValue, match=r"settings\.toml:2: port: "):
        read_settings(NodeSettings, file)


def test_all_wrong_values_are_told_at_once(file: Path) -> None:
    file.write_text("port = -1\nchain_id = 0\n", encoding="utf-8")
    with pytest.raises(InvalidValue) as refused:
        read_settings(NodeSettings, file)
    assert len(refused.value.message.splitlines()) == 3


def test_a_wrong_set_value_names_the_option(file: Path) -> None:
    file.write_text(PROVIDER, encoding="utf-8")
    with pytest.raises(InvalidValue, match=r"--set pace\.look_seconds: pace\.look_seconds: "):
        read_settings(ProviderFile, file, ["pace.look_seconds=0"])


@pytest.mark.parametrize(("text", "told"), [("port = \n", "line 1"), ("", "database")])
def test_a_service_with_a_wrong_file_ends_with_one_sentence(file: Path, text: str, told: str) -> None:
    file.write_text(text, encoding="utf-8")
    answer = dps("node", "--settings", file)
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_service_that_cannot_start_says_why(tmp_path: Path, file: Path) -> None:
    (tmp_path / "chain.sqlite").write_text("this is no database, and long enough to be read as one " * 20)
    file.write_text('database = "chain.sqlite"\nport = 0\n', encoding="utf-8")
    answer = dps("node", "--settings", file)
    assert answer.exit_code == ExitCode.SERVICE_FAILED
    assert "chain.sqlite" in answer.stderr
