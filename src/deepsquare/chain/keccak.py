"""Keccak-256 and the two things made of it everywhere: function selectors and checksummed addresses.

The backend is named outright: the library's own choice depends on what else is installed and can be
five times slower.
"""

import functools

from eth_hash.backends.pysha3 import keccak256

from deepsquare.model import Address

__all__ = ["checksum_address", "keccak256", "selector"]

_ADDRESS_BYTES = 20
_ADDRESSES_REMEMBERED = 10_000
"""Every event and every job names the same few accounts again."""
_HALF_OF_A_HEX_DIGIT = 8


def selector(signature: str) -> bytes:
    """The four bytes that name a function or an error: `selector("transfer(address,uint256)")`."""
    return keccak256(signature.encode())[:4]


@functools.lru_cache(maxsize=_ADDRESSES_REMEMBERED)
def checksum_address(raw: str | bytes) -> Address:
    """The EIP-55 form of an address given as 20 bytes or 40 hex digits in any case.

    Raises `ValueError` where it is neither.
    """
    text = raw.hex() if isinstance(raw, bytes) else raw.removeprefix("0x").lower()
    if len(bytes.fromhex(text)) != _ADDRESS_BYTES:
        raise ValueError(f"{text!r} is no address; an address has 40 hex digits")
    digest = keccak256(text.encode()).hex()
    mixed = (
        letter.upper() if int(nibble, 16) >= _HALF_OF_A_HEX_DIGIT else letter
        for letter, nibble in zip(text, digest, strict=False)
    )
    return Address("0x" + "".join(mixed))
