"""httpx without what a program does not need of it.

Importing httpx also imports its command line with all of rich, and a client reads the system's certificates even where
nothing is encrypted: together most of what a short command would spend on HTTP. And each request asks the system about
each connection that is not in use: with those of a burst of 16 a request costs half as much again.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

MOST_CONNECTIONS = 100
KEPT_CONNECTIONS = 4
"""How many connections that are not in use stay open. A burst opens as many more as it needs."""

_COMMAND_LINE = "httpx._main"


def http_client(url: str, *, timeout_seconds: float, is_direct: bool = False) -> "httpx.AsyncClient":
    """A client for the addresses below `url`; it follows no redirects. `is_direct`: by no proxy, whatever is set."""
    _forgo_command_line()
    import httpx  # noqa: PLC0415 - 0.1 s that only those pay who speak HTTP

    return httpx.AsyncClient(
        timeout=timeout_seconds,
        # Nothing is encrypted at http://, so there are no certificates to check; https:// is always checked.
        verify=not url.startswith("http://"),
        trust_env=not is_direct,
        limits=httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=KEPT_CONNECTIONS),
    )


def lost_connection() -> "tuple[type[httpx.TransportError], ...]":
    """What a request fails with whose connection ended before the answer, be it one that was kept for too long."""
    import httpx  # noqa: PLC0415 - see `http_client`

    return httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError


def _forgo_command_line() -> None:
    """Have httpx find that the libraries of its command line are missing, which it is made for."""
    if "httpx" not in sys.modules:
        sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]  # Python's word for "not to be had"
