"""RLP, as transactions, blocks and receipts are written before they are hashed (yellow paper, appendix B).

The library for it costs `dps submit` too much of its one second to import, and takes the embedded node five times as
long as this does; it is the oracle of this module's tests, and reads what strangers send.
"""

from collections.abc import Sequence
from typing import TypeAlias

Item: TypeAlias = bytes | int | Sequence["Item"]

_STRING, _LIST = 0x80, 0xC0
_SHORT_BYTES = 56


def encode(item: Item) -> bytes:
    """The bytes of a string, of a number (at least 0), or of a list of items."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < _STRING:
            return item
        return _length(len(item), _STRING) + item
    body = b"".join([encode(part) for part in item])
    return _length(len(body), _LIST) + body


def _length(count: int, kind: int) -> bytes:
    if count < _SHORT_BYTES:
        return bytes((kind + count,))
    encoded = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes((kind + _SHORT_BYTES - 1 + len(encoded),)) + encoded
