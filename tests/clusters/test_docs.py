"""The reference page tells everything: every setting, every state, every word of Slurm."""

import inspect
from pathlib import Path

import pytest

from deepsquare.clusters.local import LocalCluster
from deepsquare.clusters.port import RunState
from deepsquare.clusters.slurm import SlurmSettings
from deepsquare.clusters.slurm.truth import STATES

PAGE = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text()


@pytest.mark.parametrize("name", SlurmSettings.model_fields)
def test_every_setting_of_slurm_is_documented(name: str) -> None:
    assert f"\n| `{name}` |" in PAGE


@pytest.mark.parametrize("name", inspect.signature(LocalCluster).parameters)
def test_every_setting_of_the_local_cluster_is_documented(name: str) -> None:
    assert f"\n| `{name}` |" in PAGE


@pytest.mark.parametrize("state", RunState)
def test_every_state_is_documented_with_slurms_words_for_it(state: RunState) -> None:
    (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{state.value}` |"))
    words = line.split("|")[2]

    assert all(word in words for word, meaning in STATES.items() if meaning is state)
