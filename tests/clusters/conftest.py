"""Both clusters, for the tests that hold for each."""

from pathlib import Path

import pytest

from deepsquare.clusters.port import Cluster
from tests.clusters.places import LocalPlace, Place, SlurmPlace

ADAPTERS = [pytest.param("local", marks=pytest.mark.programs), pytest.param("slurm", marks=pytest.mark.system)]


@pytest.fixture(params=ADAPTERS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A cluster of each kind."""
    if request.param == "local":
        return LocalPlace(tmp_path / "cluster")
    return SlurmPlace(request.getfixturevalue("lab"))


@pytest.fixture
def cluster(place: Place) -> Cluster:
    """One adapter on the place."""
    return place.open()
