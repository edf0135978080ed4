"""docs/metascheduler.md names every setting, rule, route and error code."""

from pathlib import Path

import pytest

from deepsquare.metascheduler.codes import ErrorCode
from deepsquare.metascheduler.door import ROUTES
from deepsquare.metascheduler.settings import MetaSchedulerSettings
from deepsquare.scheduling import Rule

PAGE = (Path(__file__).parents[2] / "docs" / "metascheduler.md").read_text()


@pytest.mark.parametrize("name", MetaSchedulerSettings.model_fields)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    default = MetaSchedulerSettings.model_fields[name].default
    written = f"{default:g}" if isinstance(default, float) else str(default)
    assert f"| `{name}` | {written} |" in PAGE


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_documented(rule: Rule) -> None:
    assert f"| `{rule}` |" in PAGE


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_every_route_is_documented(method: str, path: str) -> None:
    assert f"| `{method} {path}` |" in PAGE


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_code_is_documented(code: ErrorCode) -> None:
    assert f"| `{code.text}` | {code.status} | {code.hint} |" in PAGE
