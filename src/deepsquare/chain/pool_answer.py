"""What a node means when it does not simply take a transaction.

There are no codes for these answers, only words, and each node has its own. Unknown words are nothing we
may act on: they are passed on as they came.
"""

import enum

from deepsquare.chain.errors import RpcError


class PoolAnswer(enum.Enum):
    """What the node's refusal means for the sender."""

    ALREADY_KNOWN = enum.auto()
    """The node has these very bytes: as good as taken."""
    NONCE_TAKEN = enum.auto()
    """Another transaction of the account has this nonce, mined or waiting."""
    NONCE_AHEAD = enum.auto()
    """A transaction before this one is missing."""
    FEE_TOO_LOW = enum.auto()
    NO_FUNDS = enum.auto()
    OTHER = enum.auto()


_WORDS: tuple[tuple[PoolAnswer, tuple[str, ...]], ...] = (
    (PoolAnswer.ALREADY_KNOWN, ("already known", "known transaction", "already imported", "already exists")),
    (PoolAnswer.NONCE_TAKEN, ("nonce too low", "nonce is too low", "old nonce", "replacement", "could not replace")),
    (PoolAnswer.NONCE_AHEAD, ("nonce too high", "nonce is too high", "nonce too distant", "nonce gap")),
    (
        PoolAnswer.FEE_TOO_LOW,
        ("underpriced", "base fee", "basefee", "gas price too low", "gas price below", "fee cap", "fee too low"),
    ),
    (PoolAnswer.NO_FUNDS, ("insufficient funds", "insufficient balance", "upfront cost", "lacks funds", "can't pay")),
)


def classify(error: RpcError) -> PoolAnswer:
    """What `error` means; the first kind whose words it holds."""
    said = error.node_message.lower()
    return next((answer for answer, words in _WORDS if any(word in said for word in words)), PoolAnswer.OTHER)
