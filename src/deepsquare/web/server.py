"""The server around an application: listens before it runs, leaves signals alone, ends within seconds."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn

from deepsquare.web.connections import Share, bounded_protocol

GOODBYE_SECONDS = 5
KEEP_ALIVE_SECONDS = 30
"""Longer than clients keep an unused connection (httpx: 5 s): so no request meets our closing of it."""
BACKLOG = 2048


class Server(uvicorn.Server):
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


def configured(
    app: Any,
    *,
    connections_per_address: int,
    request_seconds: float,
    concurrent_requests: int,
    proxies: Sequence[str] = (),
) -> uvicorn.Config:
    """How an application of ours is served."""
    share = Share(most=connections_per_address, proxies=proxies)
    return uvicorn.Config(
        app,
        http=bounded_protocol(share, request_seconds),
        log_config=None,
        access_log=False,  # Ours is written by `doors`: without queries, in plain words.
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        limit_concurrency=concurrent_requests,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ws="none",
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that clients can connect to already; port 0 lets the system choose one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def url_of(host: str, port: int) -> str:
    """Where clients on this machine reach what listens at `host`."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a comparison, nothing is bound here
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
