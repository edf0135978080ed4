"""docs/contracts.md names every function, event, error and setting of the contracts."""

import re
from pathlib import Path

import pytest

from tests.contracts.shipped import CONTRACTS, artifact

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"


def section(contract: str) -> str:
    """The part of the page under the heading of this contract."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^## {contract}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/contracts.md has no heading '## {contract}'"
    return found[1]


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize("kind", ["function", "event", "error"])
def test_everything_a_contract_has_is_on_its_page(contract: str, kind: str) -> None:
    written = set(re.findall(r"`(\w+)", section(contract)))
    entries = {each["name"] for each in artifact(contract)["abi"] if each["type"] == kind}
    assert entries - written == set()


@pytest.mark.parametrize("contract", CONTRACTS)
def test_nothing_on_the_page_of_a_contract_is_gone_from_it(contract: str) -> None:
    rows = re.findall(r"^\| ((?:`\w+[^`]*`(?:, )?)+) \|", section(contract), re.MULTILINE)
    written = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    known = {each["name"] for each in artifact(contract)["abi"] if "name" in each}
    assert written - known == set()
