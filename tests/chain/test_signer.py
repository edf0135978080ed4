"""Promises of keys and signatures; the account library is the oracle."""

import json
from pathlib import Path
from typing import Literal

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.chain.errors import InvalidKey, InvalidSignature
from deepsquare.chain.keccak import checksum_address
from deepsquare.chain.keystore import SCRYPT_N_FOR_RANDOM_PASSWORDS
from deepsquare.chain.signer import Signer
from deepsquare.chain.transaction import Fees, Transaction
from deepsquare.chain.typed_data import recover
from deepsquare.model import Address

KEY = "4c" * 32
SIGNER = Signer.from_key(KEY)
DOMAIN = {
    "name": "DeepSquare Gateway",
    "version": "1",
    "chainId": 179188,
    "verifyingContract": SIGNER.address,
}
TYPES = {
    "Letter": [
        ("sender", "Person"),
        ("text", "string"),
        ("data", "bytes"),
        ("hash", "bytes32"),
        ("urgent", "bool"),
        ("year", "int16"),
        ("count", "uint256"),
    ],
    "Person": [("name", "string"), ("account", "address")],
}
LETTER = {
    "sender": {"name": "Zoë", "account": SIGNER.address},
    "text": "hello",
    "data": b"\x00\x01",
    "hash": b"\x07" * 32,
    "urgent": True,
    "year": -44,
    "count": 2**256 - 1,
}

amounts = st.integers(min_value=0, max_value=2**128)


def test_a_key_gives_the_account_that_every_wallet_gives() -> None:
    assert SIGNER.address == Account.from_key(KEY).address
    assert Signer.from_key("0x" + KEY).address == SIGNER.address


@given(number=st.binary(min_size=20, max_size=20))
def test_addresses_have_the_case_of_eip_55(number: bytes) -> None:
    from eth_utils.address import to_checksum_address  # noqa: PLC0415 - the oracle alone

    expected = Address(to_checksum_address(number))
    assert checksum_address(number) == expected
    assert checksum_address("0x" + number.hex().upper()) == expected


@given(
    nonce=st.integers(0, 2**32),
    gas=st.integers(21_000, 30_000_000),
    max_fee=amounts,
    tip=st.none() | amounts,
    value=amounts,
    data=st.binary(max_size=300),
    creates=st.booleans(),
    chain_id=st.integers(1, 2**40),
)
def test_a_transaction_is_signed_as_the_account_library_signs_it(  # noqa: PLR0917 - one argument per field
    nonce: int, gas: int, max_fee: int, tip: int | None, value: int, data: bytes, creates: bool, chain_id: int
) -> None:
    to = None if creates else Address("0x" + "Aa" * 20)
    fees = Fees(max_fee + (tip or 0), tip)
    signed = SIGNER.sign_transaction(Transaction(chain_id, nonce, gas, fees, to, data, value))
    fields = {"nonce": nonce, "gas": gas, "value": value, "data": data, "chainId": chain_id}
    fields |= {"to": ""} if to is None else {"to": checksum_address(to)}
    if tip is None:
        fields |= {"gasPrice": fees.max_fee}
    else:
        fields |= {"type": 2, "maxFeePerGas": fees.max_fee, "maxPriorityFeePerGas": tip}
    expected = Account.from_key(KEY).sign_transaction(fields)
    assert signed.raw == bytes(expected.raw_transaction)
    assert signed.hash == "0x" + bytes(expected.hash).hex()


def test_typed_data_is_signed_as_the_account_library_signs_it() -> None:
    message = encode_typed_data(
        DOMAIN,
        {name: [{"name": member, "type": kind} for member, kind in members] for name, members in TYPES.items()},
        LETTER,
    )
    expected = Account.from_key(KEY).sign_message(message).signature
    assert SIGNER.sign_typed_data(DOMAIN, TYPES, LETTER) == bytes(expected)


def test_the_account_that_signed_is_recovered_and_no_other() -> None:
    signature = SIGNER.sign_typed_data(DOMAIN, TYPES, LETTER)
    assert recover(DOMAIN, TYPES, LETTER, signature) == SIGNER.address
    assert recover(DOMAIN, TYPES, LETTER | {"text": "hullo"}, signature) != SIGNER.address
    assert recover(DOMAIN | {"chainId": 1}, TYPES, LETTER, signature) != SIGNER.address


@pytest.mark.parametrize(
    "broken",
    [b"", b"\x01" * 64, b"\x00" * 65, b"\x01" * 64 + b"\x1d", b"\xff" * 64 + b"\x1b"],
    ids=["nothing", "too short", "zeros", "wrong last byte", "beyond the curve"],
)
def test_what_is_no_signature_is_refused(broken: bytes) -> None:
    with pytest.raises(InvalidSignature):
        recover(DOMAIN, TYPES, LETTER, broken)


def test_the_mirrored_form_of_a_signature_is_refused() -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    signature = SIGNER.sign_typed_data(DOMAIN, TYPES, LETTER)
    mirrored = (order - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    with pytest.raises(InvalidSignature, match="canonical"):
        recover(DOMAIN, TYPES, LETTER, signature[:32] + mirrored + bytes([55 - signature[64]]))


@pytest.mark.parametrize(
    ("kind", "value"),
    [("uint8", 256), ("uint8", -1), ("int8", 128), ("bytes4", b"abc"), ("uint256[]", [1]), ("Unknown", 1)],
)
def test_a_member_that_does_not_fit_its_type_is_an_error_and_never_cut(kind: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"fit|takes|not supported"):
        SIGNER.sign_typed_data(DOMAIN, {"Message": [("member", kind)]}, {"member": value})


def test_a_keystore_opens_with_its_password_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(SIGNER.to_keystore("correct horse", scrypt_n=SCRYPT_N_FOR_RANDOM_PASSWORDS))
    assert Signer.from_keystore(path, "correct horse").address == SIGNER.address
    with pytest.raises(InvalidKey, match="password"):
        Signer.from_keystore(path, "wrong horse")
    assert Account.decrypt(path.read_text(), "correct horse") == bytes.fromhex(KEY)


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
def test_keystores_of_other_wallets_open(tmp_path: Path, kdf: Literal["scrypt", "pbkdf2"]) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(Account.encrypt(bytes.fromhex(KEY), "secret", kdf=kdf, iterations=1024)))
    assert Signer.from_keystore(path, "secret").address == SIGNER.address


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 3, "crypto": {}}', '{"version": 1, "crypto": {}}'])
def test_a_broken_keystore_is_told_without_its_content(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    with pytest.raises(InvalidKey, match="keystore"):
        Signer.from_keystore(path, "secret")
    with pytest.raises(InvalidKey, match="cannot be read"):
        Signer.from_keystore(tmp_path / "missing.json", "secret")


@pytest.mark.parametrize("text", ["", "xyz", "12", "00" * 32, "ff" * 32])
def test_a_text_that_is_no_key_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        Signer.from_key(text)
    assert not text or text not in str(caught.value)


def test_the_environment_holds_a_key_or_the_error_says_what_to_set() -> None:
    assert Signer.from_environment({"DEEPSQUARE_KEY": KEY}).address == SIGNER.address
    with pytest.raises(InvalidKey, match="DEEPSQUARE_KEY"):
        Signer.from_environment({})


def test_a_signer_shows_its_account_and_not_its_key() -> None:
    assert KEY not in repr(SIGNER)
    assert SIGNER.address in repr(SIGNER)
