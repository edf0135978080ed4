"""The contracts' interfaces, as compiled: names and types to bytes and back.

Read from `artifacts/<Contract>.json` when first needed and kept for the life of the process. How values
become bytes is the business of `abi_types`.
"""

import functools
import hashlib
import importlib.resources
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepsquare.chain import abi_types
from deepsquare.chain.errors import InvalidValue
from deepsquare.chain.keccak import keccak256, selector
from deepsquare.chain.receipt import Log

META_SCHEDULER = "MetaScheduler"
PROVIDER_MANAGER = "ProviderManager"
CREDIT = "Credit"
CONTRACTS = (META_SCHEDULER, PROVIDER_MANAGER, CREDIT)


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a contract."""

    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def encode(self, *arguments: Any) -> bytes:
        """The data of a call."""
        return self.selector + encode(self.inputs, arguments)

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """What the function returned."""
        return decode(self.outputs, data)


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One custom error: its name and its arguments."""

    name: str
    arguments: tuple[str, ...]
    types: tuple[str, ...]

    def decode(self, data: bytes) -> dict[str, Any]:
        """The arguments by name, without the selector in front."""
        return dict(zip(self.arguments, decode(self.types, data), strict=True))


@dataclass(frozen=True, slots=True)
class EventKind:
    """One event: its name and its arguments, those in the topics apart from those in the data."""

    name: str
    topic: bytes
    indexed: tuple[tuple[str, str], ...]
    plain: tuple[tuple[str, str], ...]

    def decode(self, log: Log) -> dict[str, Any]:
        """The arguments by name."""
        values = {
            name: decode((kind,), topic)[0] for (name, kind), topic in zip(self.indexed, log.topics[1:], strict=True)
        }
        data = decode([kind for _, kind in self.plain], log.data)
        return values | {name: value for (name, _), value in zip(self.plain, data, strict=True)}


@dataclass(frozen=True, slots=True)
class Abi:
    """One contract."""

    functions: Mapping[str, Function]
    events: Mapping[str, EventKind]
    errors: Mapping[bytes, ErrorKind]
    constructor: tuple[str, ...]
    bytecode: bytes
    runtime_sha256: str
    """Of the code as it lies on a chain, with zeros in place of the immutables."""
    immutables: tuple[tuple[int, int], ...]
    """Where those lie in it: start and length, in bytes."""

    def creation(self, *arguments: Any) -> bytes:
        """The data of the transaction that deploys the contract."""
        return self.bytecode + encode(self.constructor, arguments)

    def is_code(self, code: bytes) -> bool:
        """Whether this is the contract's code as it lies on a chain, whatever its immutables are."""
        blank = bytearray(code)
        for start, length in self.immutables:
            blank[start : start + length] = bytes(length)
        return hashlib.sha256(blank).hexdigest() == self.runtime_sha256


@functools.cache
def load(contract: str) -> Abi:
    """The compiled interface of one of `CONTRACTS`."""
    folder = importlib.resources.files("deepsquare.chain") / "artifacts"
    artifact = json.loads((folder / f"{contract}.json").read_text(encoding="utf-8"))
    entries: list[dict[str, Any]] = artifact["abi"]
    return Abi(
        functions={entry["name"]: _function(entry) for entry in entries if entry["type"] == "function"},
        events={entry["name"]: _event(entry) for entry in entries if entry["type"] == "event"},
        errors={_selector(entry): _error(entry) for entry in entries if entry["type"] == "error"},
        constructor=next((_types(entry["inputs"]) for entry in entries if entry["type"] == "constructor"), ()),
        bytecode=bytes.fromhex(artifact["bytecode"].removeprefix("0x")),
        runtime_sha256=artifact["runtime"]["sha256"],
        immutables=tuple((start, length) for start, length in artifact["runtime"]["immutables"]),
    )


@functools.cache
def errors() -> Mapping[bytes, ErrorKind]:
    """The custom errors of all our contracts by selector: a call of one may fail in another."""
    return {code: kind for contract in CONTRACTS for code, kind in load(contract).errors.items()}


def encode(types: Iterable[str], values: Sequence[Any]) -> bytes:
    """ABI-encode values. Raises `InvalidValue` where one does not fit its type."""
    try:
        return abi_types.arguments(tuple(types)).encode(values)
    except (ValueError, TypeError) as error:
        raise InvalidValue(f"a value does not fit into the contract: {error}") from error


def decode(types: Iterable[str], data: bytes) -> tuple[Any, ...]:
    """ABI-decode values: structs and lists as tuples, addresses in lower case. Raises `ValueError` for other data."""
    values: tuple[Any, ...] = abi_types.arguments(tuple(types)).decode(memoryview(data), 0)
    return values


def _function(entry: Mapping[str, Any]) -> Function:
    return Function(_selector(entry), _types(entry["inputs"]), _types(entry["outputs"]))


def _error(entry: Mapping[str, Any]) -> ErrorKind:
    return ErrorKind(entry["name"], tuple(field["name"] for field in entry["inputs"]), _types(entry["inputs"]))


def _event(entry: Mapping[str, Any]) -> EventKind:
    fields = [(field["name"], _type(field), bool(field["indexed"])) for field in entry["inputs"]]
    return EventKind(
        name=entry["name"],
        topic=keccak256(_signature(entry).encode()),
        indexed=tuple((name, kind) for name, kind, is_indexed in fields if is_indexed),
        plain=tuple((name, kind) for name, kind, is_indexed in fields if not is_indexed),
    )


def _selector(entry: Mapping[str, Any]) -> bytes:
    return selector(_signature(entry))


def _signature(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}({','.join(_types(entry['inputs']))})"


def _types(fields: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(_type(field) for field in fields)


def _type(field: Mapping[str, Any]) -> str:
    kind = str(field["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_types(field['components']))}){kind.removeprefix('tuple')}"
