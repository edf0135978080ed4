"""What several suites share: how hard rules are tried, and a real Slurm, started once per worker."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.slurm import SlurmLab, slurm_lab, unavailable

# How many examples a rule meets: few in `make check`, many in `make test`, and most in `make thorough`, which takes
# hours. No deadline: the machine may be busy.
settings.register_profile("quick", max_examples=20, deadline=None)
settings.register_profile("long", max_examples=200, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile("quick")

# What is started in the background inherits these as ignored, and hands them on to every shell that a test starts.
for number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def lab() -> Iterator[SlurmLab]:
    """A Slurm with a history of ended jobs."""
    _need_slurm()
    with slurm_lab() as running:
        yield running


@pytest.fixture
def own_lab() -> Iterator[SlurmLab]:
    """A Slurm of this test alone, to be broken; it keeps no history."""
    _need_slurm()
    with slurm_lab(with_history=False) as running:
        yield running


def _need_slurm() -> None:
    """Skip where Slurm cannot run; on CI that is a failure."""
    reason = unavailable()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
