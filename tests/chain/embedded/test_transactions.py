from typing import Any

import pytest
import rlp
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.chain.embedded.transactions import InvalidTransaction, decode

KEY = (7).to_bytes(32, "big")
SENDER = bytes.fromhex(Account.from_key(KEY).address[2:])
CHAIN_ID = 179188

numbers = st.integers(min_value=0, max_value=2**96)
addresses = st.one_of(st.none(), st.binary(min_size=20, max_size=20).filter(any))
access_lists = st.lists(
    st.fixed_dictionaries(
        {
            "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
            "storageKeys": st.lists(st.integers(0, 2**256 - 1).map(lambda slot: f"0x{slot:064x}"), max_size=3),
        }
    ),
    max_size=3,
)


def signed(**fields: Any) -> bytes:
    return bytes(Account.sign_transaction({"chainId": CHAIN_ID, **fields}, KEY).raw_transaction)


@given(
    kind=st.sampled_from([0, 1, 2]),
    nonce=st.integers(0, 2**63),
    gas=st.integers(0, 2**40),
    fee=numbers,
    value=numbers,
    data=st.binary(max_size=200),
    to=addresses,
    access_list=access_lists,
)
def test_what_was_signed_is_what_is_decoded(
    *,
    kind: int,
    nonce: int,
    gas: int,
    fee: int,
    value: int,
    data: bytes,
    to: bytes | None,
    access_list: list[dict[str, Any]],
) -> None:
    fields: dict[str, Any] = {"nonce": nonce, "gas": gas, "value": value, "data": data}
    if to is not None:
        fields["to"] = to
    fields |= {"maxFeePerGas": fee, "maxPriorityFeePerGas": 1} if kind == 2 else {"gasPrice": fee}
    if kind:
        fields |= {"type": kind, "accessList": access_list}
    raw = signed(**fields)
    found = decode(raw, CHAIN_ID)
    tip = 1 if kind == 2 else fee
    assert (found.kind, found.nonce, found.gas, found.max_fee, found.max_priority_fee) == (kind, nonce, gas, fee, tip)
    assert (found.value, found.data, found.to, found.sender, found.raw) == (value, data, to, SENDER, raw)
    assert [address.hex() for address, _ in found.access_list] == (
        [entry["address"][2:] for entry in access_list] if kind else []
    )


def test_the_hash_is_the_one_that_wallets_compute() -> None:
    account = Account.from_key(KEY)
    fields = {"chainId": CHAIN_ID, "nonce": 1, "gas": 21_000, "gasPrice": 0, "value": 1, "to": account.address}
    transaction = account.sign_transaction(fields)
    assert decode(bytes(transaction.raw_transaction), CHAIN_ID).hash == bytes(transaction.hash)


def legacy(*, v: int = 35 + 2 * CHAIN_ID, s: int = 1, to: bytes = b"", nonce: bytes = b"") -> bytes:
    return bytes(rlp.encode([nonce, b"", b"\x52\x08", to, b"", b"", v, 1, s]))


def nested_lists(depth: int) -> bytes:
    encoded = b""
    for _ in range(depth):
        size = len(encoded).to_bytes(3, "big")
        encoded = b"\xfa" + size + encoded
    return encoded


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "typed transaction too short"),
        (b"\x03\xc0", "transaction type not supported: 3"),
        (b"\x04\xc0", "transaction type not supported: 4"),
        (b"\x00\xc0", "transaction type not supported: 0"),
        (b"\x02\x80", "expected input list"),
        (b"\x02\xff", "malformed"),
        (nested_lists(10_000), "malformed"),
        (b"\xc0", "expected 9 fields"),
        (b"\x02\xc0", "expected 12 fields"),
        (legacy(v=27), "only replay-protected"),
        (legacy(to=b"\1" * 19), "address of 20"),
        (legacy(nonce=b"\0\1"), "non-canonical integer"),
        (legacy(s=2**255), "invalid transaction v, r, s values"),
        (legacy(s=0), "invalid transaction v, r, s values"),
        (b"\xf8" + b"\0" * 131_072, "oversized data"),
        (bytes(rlp.encode([[], [], [], [], [], [], [], [], []])), "a list where a string belongs"),
    ],
)
def test_bytes_that_are_no_transaction_are_refused_with_the_reason(raw: bytes, words: str) -> None:
    with pytest.raises(InvalidTransaction, match=words):
        decode(raw, CHAIN_ID)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_break_the_decoder(raw: bytes) -> None:
    with pytest.raises(InvalidTransaction):
        decode(raw, CHAIN_ID)


@given(st.data())
def test_no_damage_to_a_transaction_breaks_the_decoder(data: st.DataObject) -> None:
    raw = bytearray(signed(nonce=0, gas=21_000, maxFeePerGas=1, maxPriorityFeePerGas=1, value=0, to=SENDER, type=2))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    try:
        found = decode(bytes(raw), CHAIN_ID)
    except InvalidTransaction:
        return
    assert found.sender != SENDER
