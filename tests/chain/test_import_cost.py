"""What importing the package may cost: the command line loads it before it knows what it needs."""

import subprocess
import sys

import pytest

import deepsquare.chain

HEAVY = (
    "eth_abi",
    "eth_account",
    "eth_utils",
    "coincurve",
    "httpx",
    "pydantic",
    "websockets",
    "web3",
    "eth",
    "sqlite3",
)


@pytest.mark.programs
@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import deepsquare.chain", ()),
        ("from deepsquare.chain import Ledger, Sender, CustomerAccount, EventReader, HttpRpc, load_grid", ()),
        ("from deepsquare.chain import Signer; Signer(b'1' * 32)", ("coincurve",)),
    ],
)
def test_heavy_libraries_wait_until_they_are_needed(statement: str, allowed: tuple[str, ...]) -> None:
    report = f"{statement}\nimport sys\nprint(*sorted(sys.modules.keys() & set({HEAVY})))"
    loaded = subprocess.run([sys.executable, "-c", report], check=True, capture_output=True, text=True).stdout.split()
    assert set(loaded) <= set(allowed)


@pytest.mark.parametrize("name", deepsquare.chain.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(deepsquare.chain, name).__name__ == name


def test_a_name_that_is_none_says_so() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Wallet'"):
        deepsquare.chain.Wallet  # noqa: B018 - the access itself is the test
