"""EIP-712: what a person or a service signs when it speaks to us outside a transaction, and who signed it.

Covers the members that our messages have (atomic types, `string`, `bytes`, and structs of them); arrays
raise. The account libraries are the oracle in the tests; they are not used here because of what importing
them costs (see `transaction`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from deepsquare.chain.errors import InvalidSignature
from deepsquare.chain.keccak import checksum_address, keccak256
from deepsquare.model import Address

Types = Mapping[str, Sequence[tuple[str, str]]]
"""Struct name -> its members as (name, type), for example `{"Access": [("account", "address")]}`."""

_DOMAIN_MEMBERS: Final = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
)
_SIGNATURE_BYTES = 65
_FIRST_RECOVERY_ID = 27
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def digest(domain: Mapping[str, Any], types: Types, message: Mapping[str, Any]) -> bytes:
    """The 32 bytes to sign. The primary type is the one struct that no other one mentions."""
    domain_types = {"EIP712Domain": [member for member in _DOMAIN_MEMBERS if member[0] in domain]}
    separator = _hash_struct("EIP712Domain", domain_types, domain)
    return keccak256(b"\x19\x01" + separator + _hash_struct(_primary(types), types, message))


def recover(domain: Mapping[str, Any], types: Types, message: Mapping[str, Any], signature: bytes) -> Address:
    """The account that signed. Raises `InvalidSignature` for bytes that are no signature at all.

    A signature of something else gives some other account: compare, never just succeed. The second,
    mirrored form of a signature is refused, so that there is one per message and key.
    """
    import coincurve  # noqa: PLC0415 - a native library that only signing and checking need

    if len(signature) != _SIGNATURE_BYTES:
        raise InvalidSignature(f"a signature has {_SIGNATURE_BYTES} bytes, this one {len(signature)}")
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise InvalidSignature("the signature is not in its canonical (low s) form")
    recovery_id = signature[64] - _FIRST_RECOVERY_ID if signature[64] >= _FIRST_RECOVERY_ID else signature[64]
    if recovery_id not in (0, 1):
        raise InvalidSignature(f"the last byte of a signature is 27 or 28, this one {signature[64]}")
    try:
        public_key = coincurve.PublicKey.from_signature_and_message(
            signature[:64] + bytes([recovery_id]), digest(domain, types, message), hasher=None
        )
    except ValueError as error:
        raise InvalidSignature("these bytes are no signature") from error
    return account_of(public_key.format(compressed=False))


def account_of(public_key: bytes) -> Address:
    """The account of an uncompressed public key (65 bytes, the first of them 4)."""
    return checksum_address(keccak256(public_key[1:])[-20:])


def _primary(types: Types) -> str:
    mentioned = {kind for name, members in types.items() for _, kind in members if kind != name}
    primaries = [name for name in types if name not in mentioned]
    if len(primaries) != 1:
        raise ValueError(f"typed data needs one primary type, found {primaries or 'none'}")
    return primaries[0]


def _hash_struct(name: str, types: Types, values: Mapping[str, Any]) -> bytes:
    encoded = b"".join(_encode_member(kind, types, values[member]) for member, kind in types[name])
    return keccak256(keccak256(_encode_type(name, types).encode()) + encoded)


def _encode_type(name: str, types: Types) -> str:
    others = sorted(_structs_in(name, types) - {name})
    return "".join(
        f"{struct}({','.join(f'{kind} {member}' for member, kind in types[struct])})" for struct in (name, *others)
    )


def _structs_in(name: str, types: Types) -> set[str]:
    found = {name}
    for _, kind in types[name]:
        if kind in types and kind not in found:
            found |= _structs_in(kind, types)
    return found


def _encode_member(kind: str, types: Types, value: Any) -> bytes:
    if kind in types:
        return _hash_struct(kind, types, value)
    if kind == "string":
        return keccak256(str(value).encode())
    if kind == "bytes":
        return keccak256(_as_bytes(value))
    if kind == "bool":
        return int(bool(value)).to_bytes(32, "big")
    if kind == "address":
        return bytes.fromhex(checksum_address(value)[2:]).rjust(32, b"\0")
    return _encode_sized(kind, value)


def _encode_sized(kind: str, value: Any) -> bytes:
    """`bytesN`, `uintN` and `intN`; a value that does not fit is an error, never cut."""
    stem = kind.rstrip("0123456789")
    size = int(kind[len(stem) :] or 0)
    if stem == "bytes":
        raw = _as_bytes(value)
        if len(raw) != size:
            raise ValueError(f"{kind} takes {size} bytes, got {len(raw)}")
        return raw.ljust(32, b"\0")
    if stem in ("uint", "int") and size:
        lowest, highest = (0, 2**size - 1) if stem == "uint" else (-(2 ** (size - 1)), 2 ** (size - 1) - 1)
        if not lowest <= value <= highest:
            raise ValueError(f"{value} does not fit into {kind}")
        return int(value).to_bytes(32, "big", signed=stem == "int")
    raise ValueError(f"typed data members of type {kind!r} are not supported")


def _as_bytes(value: bytes | str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else value
