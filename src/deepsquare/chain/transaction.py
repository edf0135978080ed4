"""A transaction as the chain wants it signed: EIP-1559 (type 2), or legacy with replay protection (EIP-155).

Only these two, and the few lines of RLP they need: the account libraries do the same after 0.9 s of
imports, while `dps submit` has one second for everything. They are the oracle in this module's tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from deepsquare.chain.keccak import checksum_address, keccak256
from deepsquare.model import Address

_Item: TypeAlias = bytes | int | Sequence["_Item"]

_TYPE_2 = b"\x02"
_STRING, _LIST = 0x80, 0xC0
_SHORT_BYTES = 56
_EIP_155_OFFSET = 35


@dataclass(frozen=True, slots=True)
class Fees:
    """What a transaction offers per unit of gas, in wei of the chain's coin."""

    max_fee: int
    """The most to pay; the whole gas price on a chain without a base fee."""
    priority_fee: int | None
    """The tip on a chain with a base fee; None where the chain has none."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """An unsigned transaction. `to` is None where it creates a contract."""

    chain_id: int
    nonce: int
    gas: int
    fees: Fees
    to: Address | None
    data: bytes
    value: int = 0

    def signing_payload(self) -> bytes:
        """The bytes whose Keccak-256 is signed."""
        if self.fees.priority_fee is None:
            return _rlp([*self._legacy_fields(), self.chain_id, b"", b""])
        return _TYPE_2 + _rlp(self._typed_fields())

    def signed(self, y_parity: int, r: int, s: int) -> bytes:
        """The bytes to send, with the signature in its place."""
        if self.fees.priority_fee is None:
            return _rlp([*self._legacy_fields(), y_parity + _EIP_155_OFFSET + 2 * self.chain_id, r, s])
        return _TYPE_2 + _rlp([*self._typed_fields(), y_parity, r, s])

    def _legacy_fields(self) -> list[_Item]:
        return [self.nonce, self.fees.max_fee, self.gas, self._to(), self.value, self.data]

    def _typed_fields(self) -> list[_Item]:
        tip = self.fees.priority_fee or 0
        fees: list[_Item] = [tip, self.fees.max_fee]
        return [self.chain_id, self.nonce, *fees, self.gas, self._to(), self.value, self.data, []]

    def _to(self) -> bytes:
        return bytes.fromhex(self.to[2:]) if self.to is not None else b""


def created_address(account: Address, nonce: int) -> Address:
    """Where the contract lies that an account's transaction with this nonce creates."""
    return checksum_address(keccak256(_rlp([bytes.fromhex(account[2:]), nonce]))[-20:])


def _rlp(item: _Item) -> bytes:
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < _STRING:
            return item
        return _length(len(item), _STRING) + item
    body = b"".join(_rlp(part) for part in item)
    return _length(len(body), _LIST) + body


def _length(count: int, kind: int) -> bytes:
    if count < _SHORT_BYTES:
        return bytes([kind + count])
    encoded = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([kind + _SHORT_BYTES - 1 + len(encoded)]) + encoded
