"""The port to a chain: JSON-RPC, whoever answers it.

Adapters: `HttpRpc` for any node over HTTP (and its WebSocket for wake-ups), and the embedded engine in
the same process. Everything above this line (typed calls, sender, event reader) neither knows nor cares.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol


class Rpc(Protocol):
    """One endpoint of one chain."""

    async def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The result of one JSON-RPC call. Raises `RpcError` (the node said no) or `ChainUnreachable`."""
        ...

    async def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Several calls in one round trip, results in order; raises the first error among them."""
        ...

    def new_heads(self) -> AsyncIterator[int | None]:
        """Yield once listening has begun and whenever the chain may have a new block: its number, where the node said.

        A hint: it may yield too often, and survives lost connections. The chain may be further than that by now.
        """
        ...

    async def close(self) -> None:
        """Give back connections; further requests fail."""
        ...
