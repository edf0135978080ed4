"""The gateway as a service: one process that answers requests and follows the chain.

Runs until it is cancelled, then lets requests under way finish for a moment. Nothing needs saying
goodbye: all state is in the database and on the chain, and kill -9 is a way to stop it, too.
"""

import asyncio
import logging

import uvicorn
from fastapi import FastAPI

from deepsquare.chain.ledger import Ledger
from deepsquare.clock import Clock
from deepsquare.gateway.address import normalised
from deepsquare.gateway.app import create_app
from deepsquare.gateway.parts import Parts
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.web.server import Server, configured, listen, url_of

_log = logging.getLogger(__name__)


class GatewayService:
    """One gateway, listening."""

    def __init__(self, settings: GatewaySettings, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._socket = listen(settings.host, settings.port)
        port = self._socket.getsockname()[1]
        self._settings = settings.model_copy(update={"port": port})
        self.url = (
            self._settings.public_urls[0] if self._settings.public_urls else normalised(url_of(settings.host, port))
        )
        """Where clients reach the gateway; known before it runs, also where the system chose the port."""
        self.started = asyncio.Event()
        """Set once requests are answered."""

    async def run(self) -> None:
        """Serve until cancelled. Raises `StoreUnavailable` or `WrongStore` where it cannot start."""
        try:
            app = create_app(self._settings, self._ledger, self._clock)
        except BaseException:
            self._socket.close()
            raise
        parts: Parts = app.state.parts
        server = Server(_configuration(app, self._settings), self.started)
        _log.info("the gateway listens at %s", self.url)
        serving = asyncio.create_task(server.serve(sockets=[self._socket]))
        janitor = asyncio.create_task(parts.janitor.run())
        try:
            done, _ = await asyncio.wait({serving, janitor}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            parts.wakeups.close()
            server.should_exit = True
            janitor.cancel()
            await asyncio.gather(serving, janitor, return_exceptions=True)


def _configuration(app: FastAPI, settings: GatewaySettings) -> uvicorn.Config:
    return configured(
        app,
        connections_per_address=settings.connections_per_address,
        request_seconds=settings.request_seconds,
        concurrent_requests=settings.concurrent_requests,
        proxies=settings.trusted_proxies,
    )
