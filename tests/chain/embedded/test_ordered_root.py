"""The root over a list against the library for tries."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from deepsquare.chain.embedded.ordered_root import ordered_root
from deepsquare.chain.rlp_encoding import encode


def root_of_a_trie(items: list[bytes]) -> bytes:
    trie = HexaryTrie({})
    for position, item in enumerate(items):
        trie[encode(position)] = item
    return bytes(trie.root_hash)


short_and_long = st.binary(min_size=1, max_size=3) | st.binary(min_size=24, max_size=40) | st.binary(min_size=1)


@given(st.lists(short_and_long, max_size=24))
@example([])
@example([b"x"])
def test_the_root_is_that_of_the_trie(items: list[bytes]) -> None:
    assert ordered_root(items) == root_of_a_trie(items)


@pytest.mark.parametrize("count", [15, 16, 17, 127, 128, 129, 255, 256, 257, 300])
@pytest.mark.parametrize("size", [1, 31, 200])
def test_so_is_that_of_many_items(count: int, size: int) -> None:
    items = [bytes([1 + position % 255]) * size for position in range(count)]
    assert ordered_root(items) == root_of_a_trie(items)
