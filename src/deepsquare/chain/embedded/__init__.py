"""The embedded chain: a whole EVM node in one process and one SQLite file, for grids on one machine and for tests.

`EmbeddedChain` is the node, and implements the `Rpc` port; `server` puts it on a socket; `NodeService` in `service` is
what `dps node` runs. Any other node may take its place: nothing above the `Rpc` port knows which one it talks to.
Names are loaded when first used: who only wants to name an error does not pay for an EVM.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepsquare.chain.embedded.chain import EmbeddedChain
    from deepsquare.chain.embedded.errors import (
        CannotListen,
        DatabaseInUse,
        EmbeddedChainError,
        NotAChainDatabase,
        WrongChainId,
    )

__all__ = ["CannotListen", "DatabaseInUse", "EmbeddedChain", "EmbeddedChainError", "NotAChainDatabase", "WrongChainId"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "chain" if name == "EmbeddedChain" else "errors"
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
