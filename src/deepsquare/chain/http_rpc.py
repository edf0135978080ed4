"""JSON-RPC over HTTP: the adapter for any chain node (geth, besu, reth, anvil, our own, a provider's).

Where the node has a WebSocket, requests and wake-ups go over it, and by POST while it is not there. What only reads
is asked once more where its connection was lost before the answer. A transaction is not: whoever sends it must know
that it may have arrived. A node's address can hold an access token, so messages name its host alone.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deepsquare.chain.errors import ChainUnreachable, NotIndexed, RpcError
from deepsquare.chain.http_client import http_client, lost_connection
from deepsquare.chain.node_socket import Message, NodeSocket, SocketLost, SocketUnavailable
from deepsquare.clock import Clock, SystemClock

if TYPE_CHECKING:
    import httpx

_CALLS_PER_POST = 100
_POSTS_AT_ONCE = 8
_TRANSIENT_STATUS = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_NOT_READY = ("indexing is in progress",)
"""A geth says so for receipts in its first seconds, and right after blocks in quick succession."""


class HttpRpc:
    """One node over HTTP and, for wake-ups, its WebSocket."""

    def __init__(
        self,
        url: str,
        websocket_url: str | None = None,
        *,
        clock: Clock | None = None,
        poll_seconds: float = 1.0,
        timeout_seconds: float = 15.0,
    ) -> None:
        self._url = url
        self._name = _without_secrets(url)
        self._timeout_seconds = timeout_seconds
        self._socket = NodeSocket(websocket_url, clock or SystemClock(), poll_seconds)
        self._numbers = itertools.count()
        self._client: httpx.AsyncClient | None = None
        self._posts = asyncio.Semaphore(_POSTS_AT_ONCE)
        self._is_closed = False

    async def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The result of one call. Raises `RpcError` or `ChainUnreachable`."""
        answer = await self._ask(method, [self._call(method, params)], is_batch=False)
        return _result(method, answer)

    async def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Several calls in one round trip (one per hundred), results in order; raises the first error among them."""
        if len(calls) == 1:
            return [await self.request(*calls[0])]
        chunks = [calls[start : start + _CALLS_PER_POST] for start in range(0, len(calls), _CALLS_PER_POST)]
        answers = await asyncio.gather(*(self._post_batch(chunk) for chunk in chunks))
        return [result for chunk in answers for result in chunk]

    def new_heads(self) -> AsyncIterator[int | None]:
        """Yield whenever the chain may have a new block, with its number where the node said it."""
        return self._socket.listen()

    async def close(self) -> None:
        """Give back connections; further requests fail."""
        self._is_closed = True
        await self._socket.close()
        if self._client is not None:
            await self._client.aclose()

    async def _post_batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        names = ", ".join(sorted({method for method, _ in calls}))
        messages = [self._call(*call) for call in calls]
        async with self._posts:
            answer = await self._ask(names, messages, is_batch=True)
        if not isinstance(answer, list):
            return [_result(names, answer)]
        by_number = {item.get("id"): item for item in answer if isinstance(item, dict)}
        return [_result(message["method"], by_number.get(message["id"])) for message in messages]

    def _call(self, method: str, params: Sequence[Any]) -> Message:
        return {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": list(params)}

    async def _ask(self, what: str, calls: Sequence[Message], *, is_batch: bool) -> Any:
        if self._is_closed:
            raise ChainUnreachable(f"the connection to the chain node at {self._name} was closed by this program")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._socket.ask(calls, is_batch=is_batch)
        except SocketUnavailable as error:
            if isinstance(error, SocketLost):
                self._expect_reads(calls, error)
            return await self._post(what, calls, is_batch=is_batch)
        except TimeoutError as error:
            raise self._no_answer(what) from error

    def _no_answer(self, what: str) -> ChainUnreachable:
        return ChainUnreachable(
            f"the chain node at {self._name} did not answer {what} within {self._timeout_seconds:g} s; try again"
        )

    def _expect_reads(self, calls: Sequence[Message], error: Exception) -> None:
        if any(call["method"] == "eth_sendRawTransaction" for call in calls):
            raise ChainUnreachable(
                f"the connection to the chain node at {self._name} was lost before its answer; "
                "the transaction may have arrived"
            ) from error

    async def _post(self, what: str, calls: Sequence[Message], *, is_batch: bool) -> Any:
        if self._client is None:
            self._client = http_client(self._url, timeout_seconds=self._timeout_seconds)
        import httpx  # noqa: PLC0415 - loaded by now, for those whose node has no socket

        body = calls if is_batch else calls[0]
        try:
            try:
                response = await self._client.post(self._url, json=body)
            except lost_connection() as error:
                # The node may have closed a pooled connection.
                self._expect_reads(calls, error)
                response = await self._client.post(self._url, json=body)
        except httpx.TimeoutException as error:
            raise self._no_answer(what) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ChainUnreachable(
                f"the chain node at {self._name} cannot be reached ({type(error).__name__}); "
                "check that it runs and that the grid file has its address"
            ) from error
        return self._json(what, response)

    def _json(self, what: str, response: "httpx.Response") -> Any:
        status = response.status_code
        try:
            answer = response.json()
        except ValueError:
            answer = None
        is_rpc_answer = isinstance(answer, list) or (isinstance(answer, dict) and "jsonrpc" in answer)
        if status in _TRANSIENT_STATUS or (status >= _SERVER_ERROR and not is_rpc_answer):
            raise ChainUnreachable(f"the chain node at {self._name} answers {what} with HTTP {status}; try again later")
        if not is_rpc_answer:
            raise RpcError(what, status, f"HTTP {status} without JSON-RPC; is {self._name} a chain node?")
        return answer


def _result(method: str, answer: Any) -> Any:
    if not isinstance(answer, dict) or ("error" not in answer and "result" not in answer):
        raise RpcError(method, 0, "the node left out the answer")
    error = answer.get("error")
    if error is None:
        return answer["result"]
    return _raise(method, error)


def _raise(method: str, error: Any) -> Any:
    if not isinstance(error, dict):
        raise RpcError(method, 0, str(error))
    message = str(error.get("message", ""))
    if any(words in message for words in _NOT_READY):
        raise NotIndexed(f"the chain node cannot answer {method} yet ({message}); try again")
    raise RpcError(method, int(error.get("code", 0)), message, error.get("data"))


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or "?"
    return f"{parts.scheme}://{host}:{parts.port}" if parts.port else f"{parts.scheme}://{host}"
