"""One WebSocket to a node, shared by all who use one connection: calls with their answers, and news of blocks.

A call over it costs a tenth of what a POST does. It is a shorter way and never the only one: while there is no
socket, calls are told so and go by POST, and whoever waits for blocks is woken at a fixed pace, so that a lost
connection costs time and never an event. A wake-up says at most which block is the newest: listeners read the chain.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from deepsquare.clock import Clock
from deepsquare.trouble import PassingTrouble

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

logger = logging.getLogger(__name__)

_SUBSCRIPTION = "eth_subscribe"
"""The id of our one subscription; those of calls are numbers."""
_SUBSCRIBE = json.dumps({"jsonrpc": "2.0", "id": _SUBSCRIPTION, "method": "eth_subscribe", "params": ["newHeads"]})
_WHAT_MAY_FAIL = "the socket to the node"
_OPEN_TIMEOUT_SECONDS = 5.0
_LONGEST_ANSWER_BYTES = 64 * 2**20

Message = dict[str, Any]


class SocketUnavailable(Exception):
    """There is no socket to the node now."""


class SocketLost(SocketUnavailable):
    """The socket was lost with a call under way, which may or may not have arrived."""


class NodeSocket:
    """A socket that exists from its first use until `close`, opened again at a fixed pace when it was lost."""

    def __init__(self, websocket_url: str | None, clock: Clock, poll_seconds: float) -> None:
        self._url = websocket_url
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._listeners: set[asyncio.Event] = set()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._connection: ClientConnection | None = None
        self._is_subscribed = False
        self._head: int | None = None
        self._was_tried = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._is_closed = False
        # POST serves meanwhile, so nobody has to be warned of it.
        self._trouble = PassingTrouble(logger, logging.INFO)

    async def ask(self, calls: Sequence[Message], *, is_batch: bool) -> Any:
        """The node's answer to calls with numbers of their own. Raises `SocketUnavailable`, `SocketLost`."""
        connection = await self._connected()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        numbers = [call["id"] for call in calls]
        self._waiting |= dict.fromkeys(numbers, answer)
        try:
            await self._send(connection, json.dumps(calls if is_batch else calls[0]))
            return await answer
        finally:
            for number in numbers:
                self._waiting.pop(number, None)

    async def listen(self) -> AsyncIterator[int | None]:
        """Yield whenever the chain may have a new block, with the newest that was heard of on this connection.

        Ends when the socket is closed for good.
        """
        woken = asyncio.Event()
        self._listeners.add(woken)
        self._start()
        try:
            if self._connection is not None:
                await self._subscribe(self._connection)
            while not self._is_closed:
                await woken.wait()
                woken.clear()
                if not self._is_closed:
                    yield self._head
        finally:
            self._listeners.discard(woken)

    async def close(self) -> None:
        """Drop the connection and end every listener."""
        self._is_closed = True
        self._wake_all()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait({self._pump})

    def _start(self) -> None:
        if self._pump is None and not self._is_closed:
            self._pump = asyncio.create_task(self._run(), name="chain node socket")

    async def _connected(self) -> "ClientConnection":
        if self._url is None or self._is_closed:
            raise SocketUnavailable
        self._start()
        await self._was_tried.wait()
        if self._connection is None:
            raise SocketUnavailable
        return self._connection

    async def _send(self, connection: "ClientConnection", message: str) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - it is loaded where there is a connection

        try:
            await connection.send(message)
        except ConnectionClosed as error:
            raise SocketLost from error

    async def _subscribe(self, connection: "ClientConnection") -> None:
        if not self._is_subscribed:
            self._is_subscribed = True
            try:
                await self._send(connection, _SUBSCRIBE)
            except SocketLost:
                logger.debug("the node left before it could be asked for news")

    def _wake_all(self) -> None:
        for woken in self._listeners:
            woken.set()

    async def _run(self) -> None:
        while True:
            if self._url is not None:
                await self._converse(self._url)
            self._was_tried.set()
            self._wake_all()
            await self._clock.sleep(self._poll_seconds)

    async def _converse(self, url: str) -> None:
        """Serve calls and listeners for as long as the node talks."""
        from websockets.asyncio.client import connect  # noqa: PLC0415 - only those need it whose node has a socket
        from websockets.exceptions import WebSocketException  # noqa: PLC0415

        try:
            async with connect(
                url, open_timeout=_OPEN_TIMEOUT_SECONDS, max_size=_LONGEST_ANSWER_BYTES, compression=None
            ) as connection:
                self._connection = connection
                self._was_tried.set()
                if self._listeners:
                    await self._subscribe(connection)
                async for message in connection:
                    self._take(json.loads(message))
                    self._trouble.works(_WHAT_MAY_FAIL)
        except (OSError, WebSocketException, ValueError) as error:
            why = f"{error}; asking by POST, reading at a fixed pace until it is back"
            self._trouble.fails(_WHAT_MAY_FAIL, why)
        finally:
            self._connection = None
            self._is_subscribed = False
            self._head = None
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(SocketLost())
                    answer.exception()  # Heard: whoever could not even send the call does not come for its answer.

    def _take(self, message: Any) -> None:
        """Give an answer to whoever waits for it, or pass on the news. Raises `ValueError` for what is neither."""
        first = message[0] if isinstance(message, list) and message else message
        if not isinstance(first, dict):
            raise ValueError("the node says what is no JSON-RPC")  # noqa: TRY004 - what it says, not what we hold
        number = first.get("id")
        if first.get("method") == "eth_subscription":
            self._head = _number_of(first)
            self._wake_all()
        elif number == _SUBSCRIPTION:
            self._wake_all()
            if "error" in first:
                logger.warning("the node refuses a subscription to new blocks: %s", first["error"])
                self._url = None
                raise ValueError("a node without news is read at a fixed pace")
        elif number is None:
            # It cannot say which call it means. All are asked again by POST, and the one that is wrong is told so.
            raise ValueError("the node refuses a message")
        elif (answer := self._waiting.get(number)) is not None and not answer.done():
            answer.set_result(message)


def _number_of(notification: Message) -> int:
    """The number of the block that the news is about. Raises `ValueError` where it has none."""
    try:
        return int(notification["params"]["result"]["number"], 16)
    except (KeyError, TypeError) as error:
        raise ValueError("the node tells of a block without its number") from error
