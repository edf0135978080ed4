"""The embedded chain: a whole EVM node in one process and one SQLite file, for grids on one machine and for tests.

`EmbeddedChain` is the node, and implements the `Rpc` port; `server` puts it on a socket; `Node` in `service` is what
`dps node` runs. Any other node may take its place: nothing above the `Rpc` port knows which one it talks to.
"""

from deepsquare.chain.embedded.chain import EmbeddedChain
from deepsquare.chain.embedded.errors import (
    CannotListen,
    DatabaseInUse,
    EmbeddedChainError,
    NotAChainDatabase,
    WrongChainId,
)

__all__ = ["CannotListen", "DatabaseInUse", "EmbeddedChain", "EmbeddedChainError", "NotAChainDatabase", "WrongChainId"]
