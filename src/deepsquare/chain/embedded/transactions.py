"""Signed transactions as they arrive: decoding, hash, sender.

Types 0 (EIP-155 only), 1 and 2. Blob and set-code transactions are refused by name: nothing in the grid sends them.
Raises `InvalidTransaction` with the words geth uses, because clients match on them. Knows nothing of state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import coincurve
import rlp
from rlp.exceptions import RLPException

from deepsquare.chain.keccak import keccak256
from deepsquare.chain.rlp_encoding import encode
from deepsquare.chain.transaction import created_by

MAX_TRANSACTION_BYTES = 128 * 1024
MAX_INITCODE_BYTES = 49_152
_HALF_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2
_ADDRESS_BYTES = 20
_SLOT_BYTES = 32
_LEGACY_FIELDS = 9
_SIGNATURE_FIELDS = 3
_FIRST_LEGACY_BYTE = 0xC0
_EIP155_OFFSET = 35
_TRANSACTIONS_REMEMBERED = 512
_TYPED_KINDS = frozenset({1, 2})

AccessList = tuple[tuple[bytes, tuple[int, ...]], ...]


class InvalidTransaction(Exception):
    """A transaction that can never, or not now, be part of this chain; the message is geth's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A message to the EVM. `to` is None when it creates a contract; `value` is in wei."""

    sender: bytes
    to: bytes | None
    value: int = 0
    data: bytes = b""
    gas: int
    access_list: AccessList = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction(Call):
    """A signed transaction. Fees are in wei per gas; a legacy gas price stands in both of them."""

    kind: int
    chain_id: int
    nonce: int
    max_fee: int
    max_priority_fee: int
    hash: bytes
    y_parity: int
    r: int
    s: int
    raw: bytes = field(repr=False)

    @property
    def most_it_can_cost(self) -> int:
        """Wei that the sender must own for the transaction to be valid."""
        return self.gas * self.max_fee + self.value

    @property
    def created(self) -> bytes | None:
        """The address of the contract that it creates, or would have if it did not fail."""
        if self.to is not None:
            return None
        return created_by(self.sender, self.nonce)

    def price_at(self, base_fee: int) -> int:
        """Wei per gas that it pays in a block with this base fee."""
        return min(self.max_fee, self.max_priority_fee + base_fee)


@lru_cache(maxsize=_TRANSACTIONS_REMEMBERED)
def decode(raw: bytes, chain_id: int) -> Transaction:
    """The transaction in `raw`, its sender recovered. Raises `InvalidTransaction`.

    Remembers the last ones: recovering a sender takes a tenth of a millisecond, and a transaction is read again soon.
    """
    if not raw:
        raise InvalidTransaction("typed transaction too short")
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise InvalidTransaction(f"oversized data: transaction size {len(raw)}, limit {MAX_TRANSACTION_BYTES}")
    is_legacy = raw[0] >= _FIRST_LEGACY_BYTE
    if not is_legacy and raw[0] not in _TYPED_KINDS:
        raise InvalidTransaction(f"transaction type not supported: {raw[0]} (this node takes types 0, 1 and 2)")
    payload = raw if is_legacy else raw[1:]
    try:
        fields = rlp.decode(payload)
        if not isinstance(fields, list):
            raise InvalidTransaction("rlp: expected input list for a transaction")
        return _decode_legacy(fields, raw, chain_id) if is_legacy else _decode_typed(fields, raw, chain_id)
    except (RLPException, TypeError, ValueError, RecursionError) as error:
        raise InvalidTransaction(f"rlp: malformed transaction: {error}") from error


def _decode_legacy(fields: Sequence[Any], raw: bytes, chain_id: int) -> Transaction:
    _expect_fields(fields, _LEGACY_FIELDS, lists=0)
    v = _integer(fields[6])
    if v < _EIP155_OFFSET:
        raise InvalidTransaction("only replay-protected (EIP-155) transactions allowed over RPC")
    signed_for, y_parity = divmod(v - _EIP155_OFFSET, 2)
    signing_hash = keccak256(encode([*fields[:6], _minimal(signed_for), b"", b""]))
    price = _integer(fields[1])
    return _assemble(
        raw,
        chain_id,
        signing_hash,
        kind=0,
        signed_for=signed_for,
        nonce=fields[0],
        max_fee=price,
        max_priority_fee=price,
        body=fields[2:6],
        access_list=(),
        signature=(y_parity, _integer(fields[7]), _integer(fields[8])),
    )


def _decode_typed(fields: Sequence[Any], raw: bytes, chain_id: int) -> Transaction:
    kind = raw[0]
    fee_fields = kind  # type 1 has one price, type 2 has tip and cap
    body_at = 2 + fee_fields
    _expect_fields(fields, body_at + 5 + _SIGNATURE_FIELDS, lists=1)
    signing_hash = keccak256(bytes([kind]) + encode(fields[:-_SIGNATURE_FIELDS]))
    return _assemble(
        raw,
        chain_id,
        signing_hash,
        kind=kind,
        signed_for=_integer(fields[0]),
        nonce=fields[1],
        max_priority_fee=_integer(fields[2]),
        max_fee=_integer(fields[body_at - 1]),
        body=fields[body_at : body_at + 4],
        access_list=_access_list(fields[body_at + 4]),
        signature=(_integer(fields[-3]), _integer(fields[-2]), _integer(fields[-1])),
    )


def _assemble(
    raw: bytes,
    chain_id: int,
    signing_hash: bytes,
    *,
    kind: int,
    signed_for: int,
    nonce: bytes,
    max_fee: int,
    max_priority_fee: int,
    body: Sequence[bytes],
    access_list: AccessList,
    signature: tuple[int, int, int],
) -> Transaction:
    if signed_for != chain_id:
        raise InvalidTransaction(f"invalid chain id for signer: have {signed_for} want {chain_id}")
    gas, to, value, data = body
    if len(to) not in (0, _ADDRESS_BYTES):
        raise InvalidTransaction(f"rlp: input string of {len(to)} bytes where an address of 20 belongs")
    y_parity, r, s = signature
    return Transaction(
        sender=_recover_sender(signing_hash, y_parity, r, s),
        to=bytes(to) or None,
        value=_integer(value),
        data=bytes(data),
        gas=_integer(gas),
        access_list=access_list,
        kind=kind,
        chain_id=signed_for,
        nonce=_integer(nonce),
        max_fee=max_fee,
        max_priority_fee=max_priority_fee,
        hash=keccak256(raw),
        y_parity=y_parity,
        r=r,
        s=s,
        raw=raw,
    )


def _recover_sender(signing_hash: bytes, y_parity: int, r: int, s: int) -> bytes:
    if y_parity not in (0, 1) or not 0 < s <= _HALF_CURVE_ORDER:
        raise InvalidTransaction("invalid transaction v, r, s values")
    try:
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([y_parity])
        key = coincurve.PublicKey.from_signature_and_message(signature, signing_hash, hasher=None)
    except (ValueError, OverflowError) as error:
        raise InvalidTransaction("invalid transaction v, r, s values") from error
    return keccak256(key.format(compressed=False)[1:])[-_ADDRESS_BYTES:]


def _access_list(entries: Sequence[Any]) -> AccessList:
    found = []
    for address, slots in entries:
        if len(address) != _ADDRESS_BYTES or any(len(slot) != _SLOT_BYTES for slot in slots):
            raise InvalidTransaction("rlp: malformed access list")
        found.append((bytes(address), tuple(int.from_bytes(slot, "big") for slot in slots)))
    return tuple(found)


def _expect_fields(fields: Sequence[Any], count: int, lists: int) -> None:
    if len(fields) != count:
        raise InvalidTransaction(f"rlp: expected {count} fields in the transaction, found {len(fields)}")
    if sum(isinstance(each, list) for each in fields) != lists:
        raise InvalidTransaction("rlp: a list where a string belongs in the transaction")


def _integer(data: bytes) -> int:
    if data[:1] == b"\0":
        raise InvalidTransaction("rlp: non-canonical integer (leading zero bytes)")
    return int.from_bytes(data, "big")


def _minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
