"""A private key that signs: transactions for the chain, typed data (EIP-712) for our own services.

The key comes from hex digits, from a version 3 keystore, or from the environment variable
`DEEPSQUARE_KEY`; it is in no message, no `repr`, and never on a command line.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from deepsquare.chain import keystore
from deepsquare.chain.errors import InvalidKey
from deepsquare.chain.keccak import keccak256
from deepsquare.chain.transaction import Transaction
from deepsquare.chain.typed_data import Types, account_of, digest

if TYPE_CHECKING:
    from coincurve import PrivateKey

KEY_VARIABLE = "DEEPSQUARE_KEY"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction ready to be sent, as often as needed: the same bytes count once."""

    raw: bytes
    hash: str


class Signer:
    """One account's key."""

    def __init__(self, key: bytes) -> None:
        import coincurve  # noqa: PLC0415 - a native library that readers of the chain never need

        if len(key) != _KEY_BYTES:
            raise InvalidKey(f"a private key has {_KEY_BYTES} bytes (64 hex digits), this one {len(key)}")
        try:
            self._key: PrivateKey = coincurve.PrivateKey(key)
        except ValueError:
            raise InvalidKey("these 32 bytes are no private key: zero, or above the curve's order") from None
        self.address = account_of(self._key.public_key.format(compressed=False))

    @classmethod
    def from_key(cls, text: str) -> Self:
        """The signer of a key in hex digits, with or without `0x`."""
        try:
            key = bytes.fromhex(text.strip().removeprefix("0x"))
        except ValueError:
            raise InvalidKey("a private key is written as 64 hex digits") from None
        return cls(key)

    @classmethod
    def from_keystore(cls, path: Path, password: str) -> Self:
        """The signer of a version 3 keystore file."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidKey(f"{path} cannot be read as a keystore: {type(error).__name__}") from error
        return cls(keystore.decrypt(text, password))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The signer of the key in `DEEPSQUARE_KEY`."""
        text = environment.get(KEY_VARIABLE, "")
        if not text:
            raise InvalidKey(f"no key: set {KEY_VARIABLE} to a private key in hex digits, or name a keystore")
        return cls.from_key(text)

    def sign_transaction(self, transaction: Transaction) -> SignedTransaction:
        """The transaction with this account's signature, and its hash."""
        r, s, parity = self._sign(keccak256(transaction.signing_payload()))
        raw = transaction.signed(parity, r, s)
        return SignedTransaction(raw, "0x" + keccak256(raw).hex())

    def sign_typed_data(self, domain: Mapping[str, Any], types: Types, message: Mapping[str, Any]) -> bytes:
        """The 65 bytes r, s, v (27 or 28) over an EIP-712 message; `typed_data.recover` is the other side."""
        r, s, parity = self._sign(digest(domain, types, message))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])

    def to_keystore(self, password: str, *, scrypt_n: int = keystore.SCRYPT_N) -> str:
        """The text of a version 3 keystore that holds this key."""
        return keystore.encrypt(self._key.secret, password, self.address, scrypt_n=scrypt_n)

    def __repr__(self) -> str:
        return f"Signer({self.address})"

    def _sign(self, hashed: bytes) -> tuple[int, int, int]:
        signature = self._key.sign_recoverable(hashed, hasher=None)
        return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
