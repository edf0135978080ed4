"""What several suites share: how hard rules are tried, where files lie, and a real Slurm, started once per worker."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.needs import need
from tests.support.programs import Watchman
from tests.support.slurm import SlurmLab, slurm_lab, unavailable

# How many examples a rule meets: few in `make check`, many in `make test`, and most in `make thorough`, which takes
# hours. No deadline: the machine may be busy.
settings.register_profile("quick", max_examples=8, deadline=None)
settings.register_profile("long", max_examples=200, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile("quick")

# Databases wait for the disk at each commit, which proves nothing here: no test cuts the power.
_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a private folder there
_ENOUGH_BYTES = 2 * 1024**3


def _may_hold_tests(folder: Path) -> bool:
    """Is there room for the files of all tests, and may programs start from there?"""
    try:
        facts = os.statvfs(folder)
    except OSError:
        return False
    return (
        facts.f_bavail * facts.f_frsize >= _ENOUGH_BYTES
        and not facts.f_flag & os.ST_NOEXEC
        and os.access(folder, os.W_OK)
    )


if _may_hold_tests(_MEMORY):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

# What is started in the background inherits these as ignored, and hands them on to every shell that a test starts.
for number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Watchman(), "watchman")
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage only in what the tests make: what they import stays, and is large."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def lab() -> Iterator[SlurmLab]:
    """A Slurm with a history of ended jobs."""
    need(unavailable())
    with slurm_lab() as running:
        yield running


@pytest.fixture
def own_lab() -> Iterator[SlurmLab]:
    """A Slurm of this test alone, to be broken; it keeps no history."""
    need(unavailable())
    with slurm_lab(with_history=False) as running:
        yield running
