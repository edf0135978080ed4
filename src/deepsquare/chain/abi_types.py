"""Solidity's ABI encoding: the types that our contracts use, from Python values to bytes and back.

Written here because of what it costs to load: the usual library takes 0.4 s to import, most of it for
validation models that nothing here needs, while `dps submit` has one second for everything. That library
is the oracle in the tests. Fixed-size arrays, function types and fixed-point numbers are not supported.

Data that is read was written by anybody: text that is no UTF-8 is replaced, lengths and offsets are
checked before they are followed, and everything else that is wrong is a `ValueError`.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_WORD = 32
_ADDRESS_BYTES = 20


class AbiType(Protocol):
    """One type. `size` is what a value takes in the head of a sequence: its words, or one offset."""

    @property
    def is_dynamic(self) -> bool: ...

    @property
    def size(self) -> int: ...

    def encode(self, value: Any) -> bytes:
        """The value's own bytes, without an offset. Raises `ValueError` or `TypeError` where it does not fit."""
        ...

    def decode(self, data: memoryview, at: int) -> Any:
        """The value that begins at a byte. Raises `ValueError` where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class _Integer:
    name: str
    lowest: int
    highest: int
    is_dynamic: bool = False
    size: int = _WORD

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, int) or not self.lowest <= value <= self.highest:
            raise ValueError(f"{value!r} is no {self.name}")
        return value.to_bytes(_WORD, "big", signed=self.lowest < 0)

    def decode(self, data: memoryview, at: int) -> int:
        value = int.from_bytes(_slice(data, at, _WORD), "big", signed=self.lowest < 0)
        if not self.lowest <= value <= self.highest:
            raise ValueError(f"{value} is no {self.name}")
        return value


@dataclass(frozen=True, slots=True)
class _Bool:
    is_dynamic: bool = False
    size: int = _WORD

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bool):
            raise TypeError(f"{value!r} is no bool")
        return int(value).to_bytes(_WORD, "big")

    def decode(self, data: memoryview, at: int) -> bool:
        return bool(_Integer("bool", 0, 1).decode(data, at))


@dataclass(frozen=True, slots=True)
class _Address:
    is_dynamic: bool = False
    size: int = _WORD

    def encode(self, value: Any) -> bytes:
        raw = bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else b""
        if len(raw) != _ADDRESS_BYTES:
            raise ValueError(f"{value!r} is no address")
        return raw.rjust(_WORD, b"\0")

    def decode(self, data: memoryview, at: int) -> str:
        word = _slice(data, at, _WORD)
        if any(word[:-_ADDRESS_BYTES]):
            raise ValueError(f"{word.hex()} is no address")
        return f"0x{word[-_ADDRESS_BYTES:].hex()}"


@dataclass(frozen=True, slots=True)
class _FixedBytes:
    length: int
    is_dynamic: bool = False
    size: int = _WORD

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bytes) or len(value) != self.length:
            raise ValueError(f"{value!r} is not of {self.length} bytes")
        return value.ljust(_WORD, b"\0")

    def decode(self, data: memoryview, at: int) -> bytes:
        word = _slice(data, at, _WORD)
        if any(word[self.length :]):
            raise ValueError(f"{word.hex()} is no bytes{self.length}")
        return bytes(word[: self.length])


@dataclass(frozen=True, slots=True)
class _Bytes:
    is_dynamic: bool = True
    size: int = _WORD

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bytes):
            raise TypeError(f"{value!r} is no bytes")
        return len(value).to_bytes(_WORD, "big") + value + b"\0" * (-len(value) % _WORD)

    def decode(self, data: memoryview, at: int) -> bytes:
        return bytes(_slice(data, at + _WORD, _length(data, at)))


@dataclass(frozen=True, slots=True)
class _String:
    is_dynamic: bool = True
    size: int = _WORD

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is no text")
        return _Bytes().encode(value.encode())

    def decode(self, data: memoryview, at: int) -> str:
        return _Bytes().decode(data, at).decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class _List:
    item: AbiType
    is_dynamic: bool = True
    size: int = _WORD

    def encode(self, value: Any) -> bytes:
        return len(value).to_bytes(_WORD, "big") + _encode_all([self.item] * len(value), value)

    def decode(self, data: memoryview, at: int) -> tuple[Any, ...]:
        count = _length(data, at)
        start = at + _WORD
        if count * self.item.size > len(data) - start:
            raise ValueError(f"{count} entries are more than there is data")
        return _decode_all([self.item] * count, data, start)


class _Tuple:
    def __init__(self, items: Sequence[AbiType]) -> None:
        self.items = tuple(items)
        self.is_dynamic = any(item.is_dynamic for item in items)
        self.size = _WORD if self.is_dynamic else sum(item.size for item in items)

    def encode(self, value: Any) -> bytes:
        return _encode_all(self.items, value)

    def decode(self, data: memoryview, at: int) -> tuple[Any, ...]:
        return _decode_all(self.items, data, at)


@functools.cache
def arguments(types: tuple[str, ...]) -> AbiType:
    """The type of a sequence of values, such as the arguments of a function."""
    return _Tuple([parse(name) for name in types])


@functools.cache
def parse(name: str) -> AbiType:
    """The type of a name such as `(string,uint64)[]`. Raises `ValueError` for one that is not supported."""
    if name.endswith("[]"):
        return _List(parse(name[:-2]))
    if name.startswith("(") and name.endswith(")"):
        return _Tuple([parse(member) for member in _members(name[1:-1])])
    simple: dict[str, AbiType] = {"bool": _Bool(), "address": _Address(), "bytes": _Bytes(), "string": _String()}
    return simple.get(name) or _sized(name)


def _sized(name: str) -> AbiType:
    stem = name.rstrip("0123456789")
    size = int(name[len(stem) :] or 0)
    if stem == "uint" and size:
        return _Integer(name, 0, 2**size - 1)
    if stem == "int" and size:
        return _Integer(name, -(2 ** (size - 1)), 2 ** (size - 1) - 1)
    if stem == "bytes" and size:
        return _FixedBytes(size)
    raise ValueError(f"the ABI type {name!r} is not supported")


def _members(text: str) -> list[str]:
    """The parts between the commas that stand outside of inner parentheses."""
    members, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            members.append(text[start:place])
            start = place + 1
    return [*members, text[start:]] if text else []


def _encode_all(items: Sequence[AbiType], values: Sequence[Any]) -> bytes:
    """Static values in place, the dynamic ones behind all of them with their offsets in place."""
    if len(items) != len(values):
        raise ValueError(f"{len(values)} values where {len(items)} are expected")
    tail_at = sum(item.size for item in items)
    heads, tails = [], []
    for item, value in zip(items, values, strict=True):
        encoded = item.encode(value)
        if not item.is_dynamic:
            heads.append(encoded)
            continue
        heads.append(tail_at.to_bytes(_WORD, "big"))
        tails.append(encoded)
        tail_at += len(encoded)
    return b"".join(heads + tails)


def _decode_all(items: Sequence[AbiType], data: memoryview, start: int) -> tuple[Any, ...]:
    values, at = [], start
    for item in items:
        values.append(item.decode(data, start + _length(data, at) if item.is_dynamic else at))
        at += item.size
    return tuple(values)


def _length(data: memoryview, at: int) -> int:
    """A length or an offset: never more than there is data."""
    number = int.from_bytes(_slice(data, at, _WORD), "big")
    if number > len(data):
        raise ValueError(f"{number} lies outside of {len(data)} bytes")
    return number


def _slice(data: memoryview, at: int, length: int) -> memoryview:
    if at + length > len(data):
        raise ValueError(f"the data ends after {len(data)} bytes, in the middle of a value")
    return data[at : at + length]
