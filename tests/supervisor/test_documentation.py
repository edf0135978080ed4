"""docs/supervisor.md names every setting with its default, and its example is one."""

import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from deepsquare.clusters.port import RunState
from deepsquare.supervisor.settings import (
    ContainerSettings,
    LimitSettings,
    PaceSettings,
    PriceSettings,
    SupervisorSettings,
    ToolSettings,
    VolumeSettings,
)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "supervisor.md").read_text()
TABLES: dict[str, type[BaseModel]] = {
    "prices": PriceSettings,
    "volumes": VolumeSettings,
    "tools": ToolSettings,
    "containers": ContainerSettings,
    "limits": LimitSettings,
    "pace": PaceSettings,
}


@pytest.mark.parametrize("table", SupervisorSettings.model_fields)
def test_every_table_is_documented(table: str) -> None:
    assert f"### `[{table}]`" in PAGE


@pytest.mark.parametrize(("table", "name"), [(table, name) for table in TABLES for name in TABLES[table].model_fields])
def test_every_setting_is_documented_in_its_table(table: str, name: str) -> None:
    section = PAGE.split(f"### `[{table}]`")[1].split("\n#")[0]
    assert f"| `{name}` |" in section


@pytest.mark.parametrize(("table", "name"), [(t, name) for t in ("limits", "pace") for name in TABLES[t].model_fields])
def test_every_default_is_documented(table: str, name: str) -> None:
    default = TABLES[table].model_fields[name].default
    assert f"| `{name}` | {default} |" in PAGE


def test_every_setting_says_what_it_is() -> None:
    for model in TABLES.values():
        assert all(field.description for field in model.model_fields.values())


def test_the_example_can_be_read() -> None:
    values = tomllib.loads((ROOT / "examples" / "supervisor.toml").read_text())
    known = {name: values[name] for name in values if name in SupervisorSettings.model_fields}
    settings = SupervisorSettings.model_validate(known)
    assert settings.prices.prices.cpu_per_minute == 10**16
    assert settings.labels["zone"] == "alps"


def test_the_page_names_every_way_in_which_a_job_ends_on_a_cluster() -> None:
    words = {
        RunState.COMPLETED: "| completed |",
        RunState.FAILED: "| failed |",
        RunState.OUT_OF_MEMORY: "| out of memory |",
        RunState.TIMEOUT: "| time limit |",
        RunState.CANCELLED: "| cancelled after",
        RunState.LOST: "node or boot failure |",
        RunState.UNSTARTED: "| no node could start it,",
    }
    assert words.keys() == {state for state in RunState if state.is_over}
    assert all(word in PAGE for word in words.values())
