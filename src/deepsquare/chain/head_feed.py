"""One source of "there may be a new block", shared by all who listen on one connection to a node.

With a WebSocket address the node itself says so; without one, or while the socket is down, everybody is
woken at a fixed pace instead, so that a lost connection costs latency and never an event. A wake-up
carries no data: listeners read the chain themselves.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

from deepsquare.clock import Clock

logger = logging.getLogger(__name__)

_SUBSCRIBE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
_OPEN_TIMEOUT_SECONDS = 10.0


class HeadFeed:
    """Wakes its listeners. Its connection exists from the first listener until `close`."""

    def __init__(self, websocket_url: str | None, clock: Clock, poll_seconds: float) -> None:
        self._websocket_url = websocket_url
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._listeners: set[asyncio.Event] = set()
        self._pump: asyncio.Task[None] | None = None
        self._is_closed = False

    async def listen(self) -> AsyncIterator[None]:
        """Yield at every wake-up; ends when the feed is closed."""
        woken = asyncio.Event()
        self._listeners.add(woken)
        if self._pump is None and not self._is_closed:
            self._pump = asyncio.create_task(self._run(), name="chain head feed")
        try:
            while not self._is_closed:
                await woken.wait()
                woken.clear()
                if not self._is_closed:
                    yield
        finally:
            self._listeners.discard(woken)

    async def close(self) -> None:
        """Drop the connection and end every listener."""
        self._is_closed = True
        self._wake_all()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait({self._pump})

    def _wake_all(self) -> None:
        for woken in self._listeners:
            woken.set()

    async def _run(self) -> None:
        while True:
            if self._websocket_url is not None:
                await self._relay(self._websocket_url)
            self._wake_all()
            await self._clock.sleep(self._poll_seconds)

    async def _relay(self, url: str) -> None:
        """Wake the listeners for as long as the node's subscription lasts."""
        from websockets.asyncio.client import connect  # noqa: PLC0415 - a client that only asks never needs it
        from websockets.exceptions import WebSocketException  # noqa: PLC0415

        try:
            async with connect(url, open_timeout=_OPEN_TIMEOUT_SECONDS) as socket:
                await socket.send(_SUBSCRIBE)
                async for message in socket:
                    answer = json.loads(message)
                    if "error" in answer:
                        logger.warning("the node refuses a subscription to new blocks: %s", answer["error"])
                        return
                    self._wake_all()
        except (OSError, WebSocketException, ValueError) as error:
            logger.info("no wake-ups from the node (%s); reading at a fixed pace until it is back", error)
