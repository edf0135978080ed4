"""RLP as the library writes it."""

import rlp
from hypothesis import example, given
from hypothesis import strategies as st

from deepsquare.chain.rlp_encoding import Item, encode

items = st.recursive(st.binary(max_size=70) | st.integers(0, 2**256), lambda part: st.lists(part, max_size=60))


@given(items)
@example(b"\x7f")
@example(b"\x80")
@example(b"x" * 70_000)
@example([b"x" * 54])
@example([b"x" * 55])
def test_every_item_is_encoded_as_by_the_library(item: Item) -> None:
    assert encode(item) == rlp.encode(item)
