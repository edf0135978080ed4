"""Whatever the contracts can do, this package can: each function that changes something has a typed method."""

import json
import re
from pathlib import Path

import pytest

from deepsquare.chain import abi

PACKAGE = Path(abi.__file__).parent
SAID = set(re.findall(r'"(\w+)"', "".join(path.read_text(encoding="utf-8") for path in PACKAGE.glob("*.py"))))
ELSEWHERE = {
    "requestNewJob": "published; `requestJob` says more",
    "assign": "`assignBatch`, also for one",
    "claim": "`claimBatch`, also for one",
    "report": "`reportBatch`, also for one",
    "increaseAllowance": "`approve` sets the allowance absolutely",
    "decreaseAllowance": "`approve` sets the allowance absolutely",
    "permit": "travels in `requestNewJobWithPermit`",
    "transferFrom": "the MetaScheduler's own business with the token",
    "renounceRole": "the admin revokes; a key that is lost cannot renounce",
    "multicall": "batches of our own report each entry; wallets may use it",
}
"""Bound to nothing, and why."""


def changing(contract: str) -> list[str]:
    artifact = json.loads((PACKAGE / "artifacts" / f"{contract}.json").read_text(encoding="utf-8"))
    return [
        entry["name"]
        for entry in artifact["abi"]
        if entry["type"] == "function" and entry["stateMutability"] not in {"view", "pure"}
    ]


@pytest.mark.parametrize("contract", abi.CONTRACTS)
def test_every_function_that_changes_something_has_a_typed_method(contract: str) -> None:
    assert not set(changing(contract)) - SAID - ELSEWHERE.keys()


def test_no_reason_is_given_for_what_is_not_there() -> None:
    assert ELSEWHERE.keys() <= {name for contract in abi.CONTRACTS for name in changing(contract)}
