"""The connection of a client to one service over HTTP."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Self

from deepsquare.chain.http_client import http_client, lost_connection

if TYPE_CHECKING:
    import httpx


class ServiceClient(ABC):
    """One service, as its clients see it.

    `http` may be any client (its owner closes it); without one the client makes its own when it needs one, which
    `close()` or `async with` gives back.
    """

    def __init__(self, url: str, timeout_seconds: float, http: "httpx.AsyncClient | None") -> None:
        self.url = url
        self._timeout_seconds = timeout_seconds
        self._http = http
        self._owns_http = http is None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give back connections."""
        if self._owns_http and self._http is not None:
            await self._http.aclose()
            self._http = None

    def _client(self) -> "httpx.AsyncClient":
        if self._http is None:
            self._http = http_client(self.url, timeout_seconds=self._timeout_seconds)
        return self._http

    async def _ask(
        self, method: str, path: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> "httpx.Response":
        """The answer to one request, whatever its status; `content` is JSON. Raises `_unreachable` where none comes.

        Every request to a service of ours may be repeated: it is, once, where its connection was lost, for the service
        may just have closed one that was not in use.
        """
        client = self._client()  # before httpx is imported: see `http_client`
        import httpx  # noqa: PLC0415 - loaded by now

        kind = {} if content is None else {"Content-Type": "application/json"}
        ask = partial(
            client.request,
            method,
            self.url + path,
            content=content,
            headers={**kind, **(headers or {})},
            timeout=self._timeout_seconds,
        )
        try:
            try:
                return await ask()
            except lost_connection():
                return await ask()
        except httpx.TransportError as problem:
            raise self._unreachable(problem) from problem

    @abstractmethod
    def _unreachable(self, problem: "httpx.TransportError") -> Exception:
        """How this service's clients are told that it does not answer."""
