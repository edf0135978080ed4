"""The root over a list, as blocks have it of their transactions and receipts (yellow paper, 4.3.2 and appendix D).

It is that of a Merkle-Patricia trie whose keys are the positions in RLP. All that a trie keeps for later changes is
left out here, which makes it ten times as fast; the library for tries is the oracle of this module's tests.
"""

from collections.abc import Sequence
from typing import Final

from deepsquare.chain.keccak import keccak256
from deepsquare.chain.rlp_encoding import Item, encode

EMPTY_ROOT: Final = keccak256(encode(b""))
_HASH_BYTES: Final = 32
_NIBBLES: Final = "0123456789abcdef"

_Leaf = tuple[str, bytes]
"""A key in hex, a digit a step, and what it leads to. No key is the beginning of another."""


def ordered_root(items: Sequence[bytes]) -> bytes:
    """The root over these items in this order."""
    if not items:
        return EMPTY_ROOT
    leaves = sorted((encode(position).hex(), item) for position, item in enumerate(items))
    return keccak256(encode(_node(leaves, 0)))


def _node(leaves: Sequence[_Leaf], depth: int) -> list[Item]:
    """The node over sorted leaves whose keys are the same up to a depth."""
    first, last = leaves[0][0], leaves[-1][0]
    if len(leaves) == 1:
        return [_path(first[depth:], is_leaf=True), leaves[0][1]]
    fork = depth
    while first[fork] == last[fork]:
        fork += 1
    if fork > depth:
        return [_path(first[depth:fork], is_leaf=False), _reference(_node(leaves, fork))]
    branches = ([leaf for leaf in leaves if leaf[0][depth] == digit] for digit in _NIBBLES)
    return [*(_reference(_node(branch, depth + 1)) if branch else b"" for branch in branches), b""]


def _reference(node: list[Item]) -> Item:
    """A node within another: itself where it is short, else its hash."""
    encoded = encode(node)
    return node if len(encoded) < _HASH_BYTES else keccak256(encoded)


def _path(digits: str, *, is_leaf: bool) -> bytes:
    """Steps as whole bytes, marked with whether they are odd in number and lead to a leaf."""
    is_odd = len(digits) % 2
    return bytes.fromhex(f"{2 * is_leaf + is_odd:x}" + ("" if is_odd else "0") + digits)
