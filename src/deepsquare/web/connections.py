"""What one client address may hold open, and how long a request may take to arrive.

The server bounds its connections altogether; without more, one stranger who opens them all and sends nothing
keeps everybody out. So an address has its share, and a request (its head and its body) that does not arrive in
time loses its connection. Loopback and the operator's own proxies are many clients, so they have no share;
a proxy in front bounds its clients itself. Answers that take long, such as followed logs, are not timed.
"""

import asyncio
from collections import Counter
from collections.abc import Collection
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from deepsquare.web.loopback import LOCALHOST, is_loopback
from deepsquare.web.ratelimit import client_key


class Share:
    """How many connections each address has."""

    def __init__(self, *, most: int, proxies: Collection[str]) -> None:
        self._most = most
        self._proxies = frozenset(proxies)
        self._open: Counter[str] = Counter()

    def enter(self, host: str) -> bool:
        """Count a connection in; False, and not counted, where the address has as many as it may."""
        key = client_key(host)
        if not (host in self._proxies or is_loopback(host)) and self._open[key] >= self._most:
            return False
        self._open[key] += 1
        return True

    def leave(self, host: str) -> None:
        """A connection that was counted in is gone."""
        key = client_key(host)
        self._open[key] -= 1
        if self._open[key] <= 0:
            del self._open[key]


class BoundedProtocol(HttpToolsProtocol):
    """The server's HTTP protocol, with each address kept to its share and each request to its time."""

    share: ClassVar[Share]
    request_seconds: ClassVar[float]

    _host: str | None = None
    """Whose share this connection is counted in."""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Somebody has connected."""
        super().connection_made(transport)
        host = self.client[0] if self.client else LOCALHOST  # a Unix socket has no address
        if not self.share.enter(host):
            transport.abort()
            return
        self._host = host
        self._start_timing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._host is not None:
            self.share.leave(self._host)
            self._host = None
        self._stop_timing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of one request or of several."""
        super().data_received(data)
        served = cast("RequestResponseCycle | None", self.cycle)
        if served is None or served.response_complete:  # Nobody is served: the bytes belong to what comes.
            self._start_timing()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._start_timing()

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        super().on_message_complete()
        self._stop_timing()

    def _start_timing(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self.transport.abort)

    def _stop_timing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def bounded_protocol(share: Share, request_seconds: float) -> type[BoundedProtocol]:
    """The protocol for a server that makes its connections' protocols by itself."""
    return type("ServersProtocol", (BoundedProtocol,), {"share": share, "request_seconds": request_seconds})
