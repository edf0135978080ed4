"""The gateway as a service: one process that answers requests and follows the chain.

Runs until it is cancelled, then lets requests under way finish for a moment. Nothing needs saying
goodbye: all state is in the database and on the chain, and kill -9 is a way to stop it, too.
"""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from deepsquare.chain.ledger import Ledger
from deepsquare.clock import Clock
from deepsquare.gateway.address import normalised
from deepsquare.gateway.app import create_app
from deepsquare.gateway.connections import Share, bounded_protocol
from deepsquare.gateway.parts import Parts
from deepsquare.gateway.settings import GatewaySettings

GOODBYE_SECONDS = 5
KEEP_ALIVE_SECONDS = 30
"""Longer than clients keep an unused connection (httpx: 5 s): so no request meets our closing of it."""
BACKLOG = 2048

_log = logging.getLogger(__name__)


class GatewayService:
    """One gateway, listening."""

    def __init__(self, settings: GatewaySettings, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._socket = _listen(settings.host, settings.port)
        port = self._socket.getsockname()[1]
        self._settings = settings.model_copy(update={"port": port})
        self.url = self._settings.public_urls[0] if self._settings.public_urls else _url(settings.host, port)
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
        server = _Server(_configuration(app, self._settings), self.started)
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


class _Server(uvicorn.Server):
    """A server that leaves signals to the process it is a part of, and says when it answers."""

    def __init__(self, config: uvicorn.Config, started: asyncio.Event) -> None:
        super().__init__(config)
        self._answers = started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Whoever runs the service cancels it; a server inside a process has no say in its signals."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._answers.set()


def _configuration(app: FastAPI, settings: GatewaySettings) -> uvicorn.Config:
    share = Share(most=settings.connections_per_address, proxies=settings.trusted_proxies)
    return uvicorn.Config(
        app,
        http=bounded_protocol(share, settings.request_seconds),
        log_config=None,
        access_log=False,  # Ours is written by `doors`: without queries, in plain words.
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        limit_concurrency=settings.concurrent_requests,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
        ws="none",
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def _url(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a comparison, nothing is bound here
    return normalised(f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}")
