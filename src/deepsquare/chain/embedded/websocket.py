"""One WebSocket client: its calls, answered as they finish, and its subscriptions.

Messages may be text or binary (web3.py sends binary ones); answers are text. Calls are worked on side by side, but
transactions keep the order in which they came.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from deepsquare.chain.embedded.chain import EmbeddedChain
from deepsquare.chain.embedded.errors import JsonRpcError
from deepsquare.chain.embedded.jsonrpc import Call, encode, respond
from deepsquare.chain.embedded.methods import SUBSCRIBE, SUBSCRIPTION_METHODS, UNSUBSCRIBE
from deepsquare.chain.embedded.subscriptions import Subscriptions

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_MOST_CALLS_AT_ONCE = 64


class WebSocketClient:
    """A connection from its first message to its last."""

    def __init__(self, chain: EmbeddedChain, receive: Receive, send: Send) -> None:
        self._chain = chain
        self._receive = receive
        self._send = send
        self._subscriptions = Subscriptions()
        self._subscribing = asyncio.Lock()
        self._slots = asyncio.Semaphore(_MOST_CALLS_AT_ONCE)

    async def serve(self) -> None:
        """Answer until the client goes away."""
        await self._receive()  # websocket.connect
        await self._send({"type": "websocket.accept"})
        async with asyncio.TaskGroup() as tasks:
            pump = tasks.create_task(self._notify())
            while (message := await self._receive())["type"] == "websocket.receive":
                await self._slots.acquire()
                tasks.create_task(self._handle(message.get("bytes") or message.get("text") or ""))
            pump.cancel()

    async def _handle(self, body: bytes | str) -> None:
        async with contextlib.AsyncExitStack() as until_written:
            until_written.callback(self._slots.release)

            async def answer(calls: Sequence[Call]) -> list[Any]:
                if not any(method in SUBSCRIPTION_METHODS for method, _ in calls):
                    return await self._chain.answer(calls)
                # Held until the answer is out: a client must know a subscription's name before its first notification.
                await until_written.enter_async_context(self._subscribing)
                return [await self._answer_one(call) for call in calls]

            await self._write(await respond(body, answer))

    async def _answer_one(self, call: Call) -> Any:
        method, params = call
        try:
            if method == SUBSCRIBE:
                return await self._chain.look(lambda view: self._subscriptions.subscribe(view, params))
            if method == UNSUBSCRIBE:
                return self._subscriptions.unsubscribe(params)
        except JsonRpcError as error:
            return error
        return (await self._chain.answer([call]))[0]

    async def _notify(self) -> None:
        async for _ in self._chain.new_heads():
            async with self._subscribing:
                if self._subscriptions:
                    for notification in await self._news():
                        await self._write(encode(notification))

    async def _news(self) -> list[dict[str, Any]]:
        """What is to be told; of the newest blocks it is known here, without a look at the chain."""
        known = self._subscriptions.news_of_heads(self._chain.recent)
        return known if known is not None else await self._chain.look(self._subscriptions.news)

    async def _write(self, message: bytes | None) -> None:
        if message is None:
            return
        try:
            await self._send({"type": "websocket.send", "text": message.decode()})
        except (OSError, RuntimeError):
            # uvicorn's two ways to say that the connection is closed; serve() hears of it by itself and ends.
            logger.debug("a client left before its answer")
