"""docs/metascheduler.md names every setting and every rule."""

from pathlib import Path

import pytest

from deepsquare.metascheduler.settings import MetaSchedulerSettings
from deepsquare.scheduling import Rule

PAGE = (Path(__file__).parents[2] / "docs" / "metascheduler.md").read_text()


@pytest.mark.parametrize("name", MetaSchedulerSettings.model_fields)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    default = MetaSchedulerSettings.model_fields[name].default
    written = str(default) if isinstance(default, str) else f"{default:g}"
    assert f"| `{name}` | {written} |" in PAGE


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_documented(rule: Rule) -> None:
    assert f"| `{rule}` |" in PAGE
