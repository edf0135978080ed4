from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_grid import RunningGrid, running_grid
from tests.support.programs import PROGRAMS


@pytest.fixture(scope="session", params=PROGRAMS)
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGrid]:
    """One grid for all tests of the CLI; each submits jobs of its own."""
    with running_grid(tmp_path_factory.mktemp("grid")) as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of whoever runs the tests is found, and none is written for them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
