"""Which runtimes of containers a supervisor finds on its site, and what the grid hears of them."""

from pathlib import Path

import pytest

from deepsquare.model import Label
from deepsquare.supervisor.presence import Presence
from deepsquare.supervisor.runtimes import runtime_labels
from deepsquare.supervisor.settings import ContainerSettings, SupervisorSettings, ToolSettings
from tests.supervisor.stage import CREDIT_PER_MINUTE, SETTINGS, Stage

pytestmark = pytest.mark.programs


def program(folder: Path, name: str, text: str) -> str:
    """A program that runs a line of shell."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def site(apptainer: str, enroot: str, **containers: tuple[str, ...]) -> SupervisorSettings:
    return SupervisorSettings(
        prices=SETTINGS.prices,
        tools=ToolSettings(apptainer=apptainer, enroot=enroot),
        containers=ContainerSettings.model_validate(containers),
    )


@pytest.fixture
def apptainer(tmp_path: Path) -> str:
    return program(tmp_path, "apptainer", '[ "$1" = --version ] && echo "apptainer version 1.4.5-2+b1"')


@pytest.fixture
def enroot(tmp_path: Path) -> str:
    return program(tmp_path, "enroot", '[ "$1" = version ] && echo 3.5.0')


def test_each_runtime_that_is_there_is_a_label_with_its_version(apptainer: str, enroot: str) -> None:
    labels = runtime_labels(site(apptainer, enroot))
    assert labels == [Label("container.apptainer", "1.4.5"), Label("container.enroot", "3.5.0")]


def test_what_is_not_there_fails_or_tells_no_version_is_no_label(tmp_path: Path) -> None:
    silent = program(tmp_path, "silent", "echo hello")
    broken = program(tmp_path, "broken", "echo version 1.2.3; exit 1")
    assert runtime_labels(site(silent, broken)) == []
    assert runtime_labels(site(str(tmp_path / "none"), str(tmp_path))) == []


def test_a_runtime_that_jobs_may_not_use_is_no_label(apptainer: str, enroot: str) -> None:
    settings = site(apptainer, enroot, runtimes=("enroot",))
    assert runtime_labels(settings) == [Label("container.enroot", "3.5.0")]


async def test_the_runtimes_are_registered_and_the_operators_own_label_wins(s: Stage) -> None:
    s.abilities.found = [Label("container.apptainer", "1.4.5"), Label("container.enroot", "3.5.0")]
    await Presence(s.ports(), CREDIT_PER_MINUTE, {"container.enroot": "3.4.1", "zone": "test"}).register()
    (waiting,) = [p for p in await s.grid.ledger.waiting_providers() if p.address == s.signer.address]
    assert {Label("container.apptainer", "1.4.5"), Label("container.enroot", "3.4.1")} <= set(waiting.labels)
    assert Label("container.enroot", "3.5.0") not in waiting.labels
