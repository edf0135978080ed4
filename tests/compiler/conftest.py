"""Sites for the scripts of these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.internet import HOST, ConnectedSite, Internet, internet
from tests.support.needs import need_program
from tests.support.programs import PROGRAMS
from tests.support.scripts import ScriptSite
from tests.support.slurm import SlurmLab
from tests.support.slurm_scripts import Slurm


@pytest.fixture(params=PROGRAMS)
def site(tmp_path: Path) -> ScriptSite:
    """A site whose srun runs what it is given."""
    return ScriptSite(tmp_path / "site")


@pytest.fixture(params=PROGRAMS)
def recording_site(tmp_path: Path) -> ScriptSite:
    """A site whose srun runs nothing and records everything."""
    return ScriptSite(tmp_path / "site", record_only=True)


@pytest.fixture(params=PROGRAMS)
def bare_site(tmp_path: Path) -> ScriptSite:
    """A site whose srun becomes its one task, unrecorded: fast."""
    return ScriptSite(tmp_path / "site", is_bare=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    """A small internet for the networks of steps."""
    for tool, package in (("slirp4netns", "slirp4netns"), ("pasta", "passt"), ("wg", "wireguard-tools")):
        need_program(tool, package)
    folder = tmp_path_factory.mktemp("world")
    (folder / "hello").write_text("hello from the world\n")
    with internet() as world:
        world.serve(world.host, HOST, folder)
        world.serve(world.site, "127.0.0.1", folder)
        yield world


@pytest.fixture
def inner_site(world: Internet, tmp_path: Path) -> ConnectedSite:
    """A site in that world."""
    return ConnectedSite(tmp_path / "site", world)


@pytest.fixture
def slurm(lab: SlurmLab, tmp_path: Path) -> Slurm:
    """A Slurm that runs scripts."""
    return Slurm(lab, tmp_path)
