"""What several suites share: a real Slurm, started once per worker."""

import os
from collections.abc import Iterator

import pytest

from tests.support.slurm import SlurmLab, slurm_lab, unavailable


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
