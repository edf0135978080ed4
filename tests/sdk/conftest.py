from collections.abc import Iterator

import pytest

from tests.support.local_grid import RunningGrid, running_grid
from tests.support.programs import PROGRAMS


@pytest.fixture(scope="session", params=PROGRAMS)
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGrid]:
    """One grid for all tests of the SDK; each submits jobs of its own."""
    with running_grid(tmp_path_factory.mktemp("grid")) as found:
        yield found
