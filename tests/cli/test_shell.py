"""A newcomer is told what to type before `dps` is a command."""

from pathlib import Path

import pytest

from deepsquare.cli.shell import activation, is_activated


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment that this program runs in, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr("sys.base_prefix", "/usr")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    return tmp_path / ".venv"


@pytest.mark.usefixtures("environment")
def test_the_environment_of_this_folder_is_named_as_one_types_it() -> None:
    assert activation() == ". .venv/bin/activate"
    assert not is_activated()


def test_an_environment_elsewhere_is_named_in_full(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = environment.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert activation() == f". {environment}/bin/activate"


def test_an_active_environment_needs_nothing(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(environment))
    assert is_activated()


@pytest.mark.usefixtures("environment")
def test_an_installation_for_everybody_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", "/usr")
    assert activation() == ""
    assert is_activated()
