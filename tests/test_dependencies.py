"""docs/dependencies.md gives the reason for every dependency, and the locks pin them all."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = PROJECT["project"]["dependencies"]
DEVELOPMENT = [*PROJECT["dependency-groups"]["dev"], *PROJECT["project"]["optional-dependencies"]["postgresql"]]
PAGE = (ROOT / "docs" / "dependencies.md").read_text()


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=~!; ]", requirement, maxsplit=1)[0]


@pytest.mark.parametrize("requirement", [*RUNTIME, *DEVELOPMENT])
def test_every_dependency_has_its_reason(requirement: str) -> None:
    assert re.search(rf"`{re.escape(name_of(requirement))}(\[\w+\])?`", PAGE)


@pytest.mark.parametrize(
    ("lock", "requirements"), [("requirements.lock", RUNTIME), ("requirements-dev.lock", DEVELOPMENT)]
)
def test_every_dependency_is_pinned_with_hashes(lock: str, requirements: list[str]) -> None:
    text = (ROOT / lock).read_text()
    pinned = set(re.findall(r"^([a-z0-9._-]+)(?:\[.+?\])?==", text, re.MULTILINE))
    assert {name_of(requirement).replace(".", "-") for requirement in requirements} <= pinned
    assert "--hash=sha256:" in text
    assert "://" not in text
