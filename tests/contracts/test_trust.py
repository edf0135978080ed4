"""docs/trust.md has every power that a key may hold, and each bound it names is held by a test that exists."""

import re

import pytest

from deepsquare.chain import ContractRefused
from deepsquare.chain.contract import read_one
from tests.contracts.shipped import CONTRACTS, CONTRACTS_FOLDER, Entry, artifact
from tests.support.chain import fresh_grid

ROOT = CONTRACTS_FOLDER.parent
PAGE = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
PARTIES = ("Admin", "Pauser", "Scheduler", "Provider", "Customer", "Gateway", "Stranger")
NOT_FOR_EVERYBODY = {"OwnableUnauthorizedAccount", "RoleRequired"}

NAMED_IN_SOLIDITY = sorted(set(re.findall(r"`(\w+Test\.\w+)`", PAGE)))
NAMED_IN_PYTHON = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAGE)))


def any_value(argument: Entry) -> object:
    """A value of the argument's type: who may call is asked before the values matter."""
    kind = argument["type"]
    if kind.endswith("[]"):
        return []
    if kind == "tuple":
        return tuple(any_value(each) for each in argument["components"])
    if kind == "address":
        return "0x" + "11" * 20
    if kind.startswith("bytes"):
        return bytes(int(kind.removeprefix("bytes") or 0))
    return {"string": "", "bool": False}.get(kind, 0)


async def test_every_function_that_only_an_admin_or_a_role_may_call_is_on_the_page() -> None:
    """Asked of the contracts: a caller from nowhere tries every function there is."""
    powers = set[str]()
    async with fresh_grid() as grid:
        for contract in grid.ledger.contracts:
            for entry in artifact(contract.name)["abi"]:
                if entry["type"] == "function":
                    call = contract.read(entry["name"], *(any_value(each) for each in entry["inputs"]))
                    try:
                        await read_one(grid.rpc, call)
                    except ContractRefused as refused:
                        if refused.name in NOT_FOR_EVERYBODY:
                            powers.add(entry["name"])
    assert {"mint", "withdrawFees", "approveOffer", "assign", "setEnableRequestNewJob"} <= powers
    assert powers - set(re.findall(r"`(\w+)`", PAGE)) == set()


@pytest.mark.parametrize("party", PARTIES)
def test_every_party_has_its_part_of_the_page(party: str) -> None:
    assert re.search(rf"^## {party}$", PAGE, re.MULTILINE)


def test_each_row_names_a_test_that_holds_its_bound() -> None:
    rows = [
        row for row in re.findall(r"^\|.*\|$", PAGE, re.MULTILINE) if not re.match(r"\|-|\| (Function|At|Att)", row)
    ]
    assert rows
    assert [row for row in rows if not re.search(r"Test\.\w+`|\.py::\w+`|see \[clusters\]", row)] == []


@pytest.mark.parametrize("name", NAMED_IN_SOLIDITY)
def test_a_named_test_in_solidity_exists_and_is_run(name: str) -> None:
    contract, function = name.split(".")
    holders = [
        source
        for path in sorted((CONTRACTS_FOLDER / "test").glob("*.sol"))
        if re.search(rf"^contract {contract} ", source := path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(holders) == 1
    assert re.search(rf"^    function {function}\(", holders[0], re.MULTILINE)
    is_called = re.search(rf"^        {function}\(.*\);$", holders[0], re.MULTILINE)
    assert is_called or function.startswith(("test", "afterInvariant"))


@pytest.mark.parametrize("name", NAMED_IN_PYTHON)
def test_a_named_test_in_python_exists(name: str) -> None:
    file, function = name.split("::")
    assert re.search(rf"^(async )?def {function}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_no_function_on_the_page_is_gone() -> None:
    known = {entry.get("name") for contract in CONTRACTS for entry in artifact(contract)["abi"]}
    in_first_column = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    assert in_first_column
    assert {name for cell in in_first_column for name in re.findall(r"`(\w+)`", cell)} - known == set()
