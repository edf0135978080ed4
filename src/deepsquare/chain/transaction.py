"""A transaction as the chain wants it signed: EIP-1559 (type 2), or legacy with replay protection (EIP-155).

Only these two: the account libraries do the same after 0.9 s of imports, while `dps submit` has one second for
everything. They are the oracle in this module's tests.
"""

from dataclasses import dataclass

from deepsquare.chain.keccak import checksum_address, keccak256
from deepsquare.chain.rlp_encoding import Item, encode
from deepsquare.model import Address

_TYPE_2 = b"\x02"
_EIP_155_OFFSET = 35
_ADDRESS_BYTES = 20


@dataclass(frozen=True, slots=True)
class Fees:
    """What a transaction offers per unit of gas, in wei of the chain's coin."""

    max_fee: int
    """The most to pay; the whole gas price on a chain without a base fee."""
    priority_fee: int | None
    """The tip on a chain with a base fee; None where the chain has none."""

    @property
    def are_nothing(self) -> bool:
        """Whether gas costs nothing at these fees."""
        return self.max_fee == 0


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
            return encode([*self._legacy_fields(), self.chain_id, b"", b""])
        return _TYPE_2 + encode(self._typed_fields())

    def signed(self, y_parity: int, r: int, s: int) -> bytes:
        """The bytes to send, with the signature in its place."""
        if self.fees.priority_fee is None:
            return encode([*self._legacy_fields(), y_parity + _EIP_155_OFFSET + 2 * self.chain_id, r, s])
        return _TYPE_2 + encode([*self._typed_fields(), y_parity, r, s])

    def _legacy_fields(self) -> list[Item]:
        return [self.nonce, self.fees.max_fee, self.gas, self._to(), self.value, self.data]

    def _typed_fields(self) -> list[Item]:
        tip = self.fees.priority_fee or 0
        fees: list[Item] = [tip, self.fees.max_fee]
        return [self.chain_id, self.nonce, *fees, self.gas, self._to(), self.value, self.data, []]

    def _to(self) -> bytes:
        return bytes.fromhex(self.to[2:]) if self.to is not None else b""


def created_address(account: Address, nonce: int) -> Address:
    """Where the contract lies that an account's transaction with this nonce creates."""
    return checksum_address(created_by(bytes.fromhex(account[2:]), nonce))


def created_by(account: bytes, nonce: int) -> bytes:
    """As `created_address`, both addresses as 20 bytes (yellow paper, 7)."""
    return keccak256(encode([account, nonce]))[-_ADDRESS_BYTES:]
