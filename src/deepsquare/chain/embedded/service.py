"""The chain node as a service: what `dps node` runs."""

import asyncio

from deepsquare.chain.embedded.chain import EmbeddedChain
from deepsquare.chain.embedded.server import listening
from deepsquare.chain.embedded.settings import NodeSettings
from deepsquare.clock import Clock, SystemClock


class NodeService:
    """An embedded chain on a socket, from start to cancellation."""

    def __init__(self, settings: NodeSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._address: asyncio.Future[str] | None = None

    async def address(self) -> str:
        """The HTTP address, once the node answers there."""
        return await asyncio.shield(self._coming_address())

    async def run(self) -> None:
        """Serve until cancelled. Raises `EmbeddedChainError` where the chain cannot be opened or served."""
        settings = self._settings
        chain = EmbeddedChain(
            settings.database, chain_id=settings.chain_id, clock=self._clock, funded=dict(settings.funded)
        )
        try:
            async with listening(chain, settings.host, settings.port) as address:
                self._coming_address().set_result(address)
                await asyncio.Event().wait()
        finally:
            await chain.close()

    def _coming_address(self) -> asyncio.Future[str]:
        if self._address is None:
            self._address = asyncio.get_running_loop().create_future()
        return self._address
