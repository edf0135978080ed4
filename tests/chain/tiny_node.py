"""An HTTP server that answers JSON-RPC with what the test says, and a WebSocket that it can drop."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

Answer = Callable[[Any], tuple[int, bytes] | None]
"""From the request's JSON to status and body; None drops the connection."""


@contextlib.asynccontextmanager
async def http_node(answer: Answer) -> AsyncIterator[str]:
    """Serves on a free port; gives the address."""

    conversations: set[asyncio.Task[Any] | None] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.split("content-length: ")[1].split("\r\n")[0])
                said = answer(json.loads(await reader.readexactly(length)))
                if said is None:
                    break
                status, body = said
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await asyncio.gather(*(task for task in conversations if task is not None))


class HeadServer:
    """A WebSocket that accepts subscriptions and announces blocks when told to."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.subscribers: list[ServerConnection] = []
        self.subscribed = asyncio.Event()
        self._refuses = refuses

    async def handle(self, connection: ServerConnection) -> None:
        request = json.loads(await connection.recv())
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        answer |= {"error": {"code": -32601, "message": "no"}} if self._refuses else {"result": "0x1"}
        await connection.send(json.dumps(answer))
        self.subscribers.append(connection)
        self.subscribed.set()
        await connection.wait_closed()

    async def announce(self, number: int = 1) -> None:
        news = {"method": "eth_subscription", "params": {"subscription": "0x1", "result": {"number": hex(number)}}}
        for connection in self.subscribers:
            await connection.send(json.dumps(news))

    async def drop_all(self) -> None:
        self.subscribed.clear()
        while self.subscribers:
            await self.subscribers.pop().close()


class SocketNode:
    """A WebSocket that answers calls with what the test says; None hangs up."""

    def __init__(self, answer: Callable[[Any], str | None]) -> None:
        self._answer = answer
        self.messages: list[Any] = []

    async def handle(self, connection: ServerConnection) -> None:
        async for message in connection:
            self.messages.append(json.loads(message))
            answer = self._answer(self.messages[-1])
            if answer is None:
                break
            await connection.send(answer)


@contextlib.asynccontextmanager
async def head_server(server: HeadServer | SocketNode) -> AsyncIterator[str]:
    """Serves on a free port; gives the address."""
    async with serve(server.handle, "127.0.0.1", 0) as running:
        yield f"ws://127.0.0.1:{next(iter(running.sockets)).getsockname()[1]}"


def result(value: Any) -> Answer:
    """A node that answers everything with this."""

    def answer(request: Any) -> tuple[int, bytes]:
        calls = request if isinstance(request, list) else [request]
        answers = [{"jsonrpc": "2.0", "id": call["id"], "result": value} for call in calls]
        return 200, json.dumps(answers if isinstance(request, list) else answers[0]).encode()

    return answer
