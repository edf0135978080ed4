"""Promises about what a node's and a contract's words become."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.chain import abi
from deepsquare.chain.errors import RpcError
from deepsquare.chain.pool_answer import PoolAnswer, classify
from deepsquare.chain.refusals import REFUSALS, refusal, revert_data

DEEDS = re.findall(
    r"\w+",
    "ask cancel change check choose deploy get give have leave let look mint name raise read register report "
    "request send shorten sign submit take tell transfer try use wait lock",
)
"""What whoever was refused may do."""
REASON = bytes.fromhex("08c379a0") + abi.encode(("string",), ("out of stock",))


@pytest.mark.parametrize(
    ("code", "message", "data", "expected"),
    [
        (3, "execution reverted: out of stock", "0x0102", b"\1\2"),
        (-32000, "execution reverted", "0x0102", b"\1\2"),
        (-32015, "VM execution error.", "Reverted 0x0102", b"\1\2"),
        (-32603, "Internal error: reverted", {"message": "reverted", "data": "0x0102"}, b"\1\2"),
        (3, "execution reverted", None, b""),
        (3, "execution reverted", "0x", b""),
        (-32000, "insufficient funds for transfer", "0x0102", None),
        (-32601, "the method does not exist", None, None),
    ],
)
def test_revert_data_is_found_however_the_node_says_it(
    code: int, message: str, data: Any, expected: bytes | None
) -> None:
    assert revert_data(RpcError("eth_call", code, message, data)) == expected


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (REASON, "Error", "out of stock"),
        (bytes.fromhex("4e487b71") + abi.encode(("uint256",), (0x11,)), "Panic", "too large"),
        (bytes.fromhex("4e487b71") + abi.encode(("uint256",), (0x99,)), "Panic", "panic 0x99"),
        (b"", "Unknown", "without a reason"),
        (b"\xde\xad\xbe\xef", "Unknown", "0xdeadbeef"),
        (REASON[:20], "Unknown", "0x08c379a0"),
    ],
)
def test_what_no_contract_of_ours_says_is_told_as_far_as_it_goes(data: bytes, name: str, words: str) -> None:
    said = refusal(data)
    assert said.name == name
    assert words in str(said)


@pytest.mark.parametrize("name", REFUSALS)
def test_every_refusal_says_what_happened_and_begins_its_next_step_with_what_to_do(name: str) -> None:
    what, next_step = REFUSALS[name]
    assert what
    assert next_step.partition(" ")[0].rstrip(",") in DEEDS
    assert "; " not in what + next_step, "the halves of a message are told apart by it"


@pytest.mark.parametrize("data", [REASON, bytes.fromhex("4e487b71") + abi.encode(("uint256",), (0x99,)), b""])
def test_what_no_contract_of_ours_says_has_a_next_step_too(data: bytes) -> None:
    assert str(refusal(data)).rpartition("; ")[2].partition(" ")[0] in DEEDS


@given(st.sampled_from(sorted(abi.errors())), st.binary(max_size=200))
def test_no_revert_data_breaks_the_reader(code: bytes, rest: bytes) -> None:
    assert str(refusal(code + rest))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("already known", PoolAnswer.ALREADY_KNOWN),
        ("transaction already imported", PoolAnswer.ALREADY_KNOWN),
        ("nonce too low: next nonce 3, tx nonce 2", PoolAnswer.NONCE_TAKEN),
        ("replacement transaction underpriced", PoolAnswer.NONCE_TAKEN),
        ("Replacement transaction underpriced", PoolAnswer.NONCE_TAKEN),
        ("nonce too high", PoolAnswer.NONCE_AHEAD),
        ("Nonce too distant from current sender nonce", PoolAnswer.NONCE_AHEAD),
        ("transaction underpriced: tip needed 1, tip permitted 0", PoolAnswer.FEE_TOO_LOW),
        ("max fee per gas less than block base fee: address 0x1", PoolAnswer.FEE_TOO_LOW),
        ("insufficient funds for gas * price + value", PoolAnswer.NO_FUNDS),
        ("Upfront cost exceeds account balance", PoolAnswer.NO_FUNDS),
        ("intrinsic gas too low", PoolAnswer.OTHER),
        ("exceeds block gas limit", PoolAnswer.OTHER),
    ],
)
def test_the_words_of_nodes_are_understood(said: str, meant: PoolAnswer) -> None:
    assert classify(RpcError("eth_sendRawTransaction", -32000, said)) is meant
