"""Blocks: headers and their hashes, receipts, the roots and the bloom filter over them.

Headers have the fields of Prague and hash as Ethereum's do, and the roots of transactions and receipts are true
Merkle-Patricia roots. One field differs: `state_root` is a running hash over all changes of state (the previous
one, then the changes of the block in order), because the node keeps its state in flat tables and not in a trie.
It says whether two nodes executed the same; it proves no single account, and `eth_getProof` is not offered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from deepsquare.chain.embedded.engine import BlockEnvironment, Log, StateChanges
from deepsquare.chain.embedded.ordered_root import EMPTY_ROOT, ordered_root
from deepsquare.chain.embedded.transactions import Transaction
from deepsquare.chain.keccak import keccak256
from deepsquare.chain.rlp_encoding import Item, encode

BLOOM_BYTES = 256
_BITS_REMEMBERED = 4096
"""Of addresses and topics: each is in a receipt and in its block, and most are in many."""
NO_HASH = b"\0" * 32
NO_ADDRESS = b"\0" * 20
EMPTY_UNCLES_HASH = keccak256(encode([]))
NO_REQUESTS_HASH = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
"""SHA-256 of nothing: the block asks nothing of a consensus layer (EIP-7685)."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block without its transactions. `time` is in unix seconds."""

    number: int
    hash: bytes
    parent_hash: bytes
    time: int
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    bloom: bytes
    gas_used: int
    gas_limit: int
    base_fee: int
    size: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction left in its block. `position` counts transactions, `first_log` logs of the block before."""

    transaction: Transaction
    position: int
    succeeded: bool
    gas_used: int
    cumulative_gas_used: int
    gas_price: int
    first_log: int
    logs: tuple[Log, ...]


def seal(parent: Block | None, environment: BlockEnvironment, receipts: Sequence[Receipt], state_root: bytes) -> Block:
    """The block that follows `parent` with these receipts."""
    bloom = bloom_of(log for receipt in receipts for log in receipt.logs)
    gas_used = receipts[-1].cumulative_gas_used if receipts else 0
    parent_hash = parent.hash if parent else NO_HASH
    bodies = [receipt.transaction.raw for receipt in receipts]
    transactions_root = ordered_root(bodies)
    receipts_root = ordered_root([_encode_receipt(receipt) for receipt in receipts])
    header = encode(
        [
            parent_hash,
            EMPTY_UNCLES_HASH,
            NO_ADDRESS,
            state_root,
            transactions_root,
            receipts_root,
            bloom,
            0,  # difficulty
            environment.number,
            environment.gas_limit,
            gas_used,
            environment.time,
            b"",  # extra data
            NO_HASH,  # previous randao
            b"\0" * 8,  # proof-of-work nonce
            environment.base_fee,
            EMPTY_ROOT,  # withdrawals
            0,  # blob gas used
            0,  # excess blob gas
            NO_HASH,  # parent beacon block root
            NO_REQUESTS_HASH,
        ]
    )
    return Block(
        number=environment.number,
        hash=keccak256(header),
        parent_hash=parent_hash,
        time=environment.time,
        state_root=state_root,
        transactions_root=transactions_root,
        receipts_root=receipts_root,
        bloom=bloom,
        gas_used=gas_used,
        gas_limit=environment.gas_limit,
        base_fee=environment.base_fee,
        size=len(header) + sum(map(len, bodies)),
    )


def next_state_root(previous: bytes, changes: StateChanges) -> bytes:
    """The running hash over all changes of state; code is covered by the code hashes of accounts."""
    accounts: list[Item] = [
        [address, a.nonce, a.balance, a.code_hash] for address, a in sorted(changes.accounts.items())
    ]
    slots: list[Item] = [[address, slot, value] for (address, slot), value in sorted(changes.slots.items())]
    return keccak256(previous + encode([accounts, slots]))


def bloom_of(logs: Iterable[Log]) -> bytes:
    """The 2048-bit filter over addresses and topics (yellow paper, 4.3.1)."""
    bits = 0
    for log in logs:
        for item in (log.address, *log.topics):
            bits |= _bits_of(item)
    return bits.to_bytes(BLOOM_BYTES, "big")


@lru_cache(maxsize=_BITS_REMEMBERED)
def _bits_of(item: bytes) -> int:
    """The three bits of an address or a topic."""
    digest = keccak256(item)
    places = {int.from_bytes(digest[at : at + 2], "big") & 2047 for at in (0, 2, 4)}
    return sum(1 << place for place in places)


def _encode_receipt(receipt: Receipt) -> bytes:
    logs: list[Item] = [[log.address, list(log.topics), log.data] for log in receipt.logs]
    body = encode([int(receipt.succeeded), receipt.cumulative_gas_used, bloom_of(receipt.logs), logs])
    kind = receipt.transaction.kind
    return body if kind == 0 else bytes([kind]) + body
