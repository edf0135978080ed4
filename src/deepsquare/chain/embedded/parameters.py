"""Reading what JSON-RPC clients send: quantities, hashes, addresses, blocks, calls, log filters.

Each reader returns our own types or raises `JsonRpcError` (-32602) that names what it saw and what it expected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deepsquare.chain.embedded.errors import INVALID_PARAMS, JsonRpcError

_ADDRESS_BYTES = 20
_WORD_BYTES = 32
_MOST_TOPICS = 4
_MOST_ALTERNATIVES = 500
_WORD_LIMIT = 2**256

PRESENT_TAGS: Final = frozenset({"latest", "pending", "safe", "finalized"})
"""One node decides alone and never reorganizes: the head is safe and final, and nothing executable is pending."""


@dataclass(frozen=True, slots=True)
class BlockId:
    """A block as clients name it: the present (no field set), a number, or a hash."""

    number: int | None = None
    hash: bytes | None = None
    is_pending: bool = False

    @property
    def is_present(self) -> bool:
        return self.number is None and self.hash is None


PRESENT = BlockId()


@dataclass(frozen=True, slots=True)
class CallRequest:
    """The call object of eth_call and eth_estimateGas; None where the client left the choice to us."""

    sender: bytes
    to: bytes | None
    value: int
    data: bytes
    gas: int | None
    access_list: tuple[tuple[bytes, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """The filter object of eth_getLogs and subscriptions."""

    from_block: BlockId
    to_block: BlockId
    block_hash: bytes | None
    addresses: tuple[bytes, ...]
    topics: tuple[tuple[bytes, ...] | None, ...]


def argument(params: Sequence[Any], index: int) -> Any:
    """The parameter at `index`, which must be there."""
    if len(params) <= index:
        raise _invalid(f"missing value for required argument {index}")
    return params[index]


def optional(params: Sequence[Any], index: int, default: Any = None) -> Any:
    """The parameter at `index`, or `default` where it is absent or null."""
    found = params[index] if len(params) > index else None
    return default if found is None else found


def data(value: Any) -> bytes:
    """Bytes of any length."""
    if not isinstance(value, str) or not value.startswith(("0x", "0X")):
        raise _invalid(f"expected hex data with 0x prefix, got {_shown(value)}")
    try:
        return bytes.fromhex(value[2:])
    except ValueError as error:
        raise _invalid(f"expected hex data of even length, got {_shown(value)}") from error


def address(value: Any) -> bytes:
    return _sized(value, _ADDRESS_BYTES, "an address")


def word(value: Any) -> bytes:
    """A hash or a topic."""
    return _sized(value, _WORD_BYTES, "a hash")


def quantity(value: Any) -> int:
    """A number below 2**256. Leading zeros are accepted, as older clients send them."""
    if not isinstance(value, str) or not value.startswith(("0x", "0X")):
        raise _invalid(f"expected a hex quantity with 0x prefix, got {_shown(value)}")
    try:
        number = int(value, 16)
    except ValueError as error:
        raise _invalid(f"expected a hex quantity, got {_shown(value)}") from error
    if not 0 <= number < _WORD_LIMIT:
        raise _invalid(f"hex quantity larger than 256 bits: {_shown(value)}")
    return number


def block_id(value: Any) -> BlockId:
    """A tag, a number, or an object with blockNumber or blockHash (EIP-1898)."""
    if isinstance(value, Mapping):
        if "blockHash" in value:
            return BlockId(hash=word(value["blockHash"]))
        return BlockId(number=quantity(value.get("blockNumber")))
    if value in PRESENT_TAGS:
        return BlockId(is_pending=value == "pending")
    return BlockId(number=0 if value == "earliest" else quantity(value))


def call_request(value: Any) -> CallRequest:
    fields = _object(value, "a call")
    payload = fields.get("input") if fields.get("input") is not None else fields.get("data")
    to = fields.get("to")
    gas = fields.get("gas")
    sender = fields.get("from")
    return CallRequest(
        sender=address(sender) if sender is not None else b"\0" * _ADDRESS_BYTES,
        to=address(to) if to else None,
        value=quantity(fields.get("value") or "0x0"),
        data=data(payload) if payload is not None else b"",
        gas=quantity(gas) if gas is not None else None,
        access_list=_access_list(fields.get("accessList")),
    )


def log_filter(value: Any) -> LogFilter:
    fields = _object(value, "a filter")
    block_hash = fields.get("blockHash")
    if block_hash is not None and (fields.get("fromBlock") or fields.get("toBlock")):
        raise _invalid("cannot specify both blockHash and fromBlock/toBlock, choose one or the other")
    return LogFilter(
        from_block=block_id(fields.get("fromBlock") or "latest"),
        to_block=block_id(fields.get("toBlock") or "latest"),
        block_hash=word(block_hash) if block_hash is not None else None,
        addresses=_addresses(fields.get("address")),
        topics=_topics(fields.get("topics")),
    )


def _addresses(value: Any) -> tuple[bytes, ...]:
    if value is None:
        return ()
    return tuple(address(item) for item in _alternatives(value))


def _topics(value: Any) -> tuple[tuple[bytes, ...] | None, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MOST_TOPICS:
        raise _invalid(f"expected a list of at most {_MOST_TOPICS} topics, got {_shown(value)}")
    # An empty list of alternatives, like null, stands for "anything".
    return tuple(tuple(word(item) for item in _alternatives(wanted)) if wanted else None for wanted in value)


def _alternatives(value: Any) -> list[Any]:
    alternatives = value if isinstance(value, list) else [value]
    if len(alternatives) > _MOST_ALTERNATIVES:
        raise _invalid(f"expected at most {_MOST_ALTERNATIVES} alternatives, got {len(alternatives)}")
    return alternatives


def _access_list(value: Any) -> tuple[tuple[bytes, tuple[int, ...]], ...]:
    entries = (_object(entry, "an access list entry") for entry in value or ())
    return tuple(
        (
            address(entry.get("address")),
            tuple(int.from_bytes(word(slot), "big") for slot in entry.get("storageKeys") or ()),
        )
        for entry in entries
    )


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _invalid(f"expected {what} object, got {_shown(value)}")
    return value


def _sized(value: Any, size: int, what: str) -> bytes:
    found = data(value)
    if len(found) != size:
        raise _invalid(f"expected {what} of {size} bytes, got {len(found)} bytes")
    return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - a line's worth


def _invalid(problem: str) -> JsonRpcError:
    return JsonRpcError(INVALID_PARAMS, f"invalid argument: {problem}")
