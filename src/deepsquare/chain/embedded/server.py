"""The embedded chain on a socket: JSON-RPC over HTTP (POST) and WebSocket on one port.

Binds to loopback unless told otherwise: whoever can reach the port can send transactions (signed ones) and keep
the interpreter busy. There is no TLS and no authentication; put a proxy in front where others may come.

    async with listening(chain, port=0) as address:      # http://127.0.0.1:43210
        ...
    await serve(chain, "127.0.0.1", 8545)                # until cancelled
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from deepsquare.chain.embedded.chain import EmbeddedChain
from deepsquare.chain.embedded.errors import CannotListen
from deepsquare.chain.embedded.jsonrpc import respond
from deepsquare.chain.embedded.websocket import Message, Receive, Send, WebSocketClient

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
MOST_BODY_BYTES = 5 * 1024 * 1024
_GOODBYE_SECONDS = 2
_BACKLOG = 1024
_JSON = b"application/json"
_CONTENT_LENGTH = b"content-length"


async def serve(chain: EmbeddedChain, host: str = LOOPBACK, port: int = 8545) -> None:
    """Serve until cancelled. Raises `CannotListen`. The chain stays open: it belongs to the caller."""
    async with listening(chain, host, port):
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def listening(chain: EmbeddedChain, host: str = LOOPBACK, port: int = 0) -> AsyncIterator[str]:
    """Serve for the duration of the block; gives the HTTP address. Port 0 takes a free one."""
    listener = _bind(host, port)
    address = _address(listener)
    config = uvicorn.Config(
        _App(chain),
        ws="websockets-sansio",
        ws_max_size=MOST_BODY_BYTES,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_GOODBYE_SECONDS,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]), name="chain JSON-RPC server")
    running.add_done_callback(lambda _: server.is_ready.set())
    await server.is_ready.wait()
    if running.done():
        await running  # it could not start, and says why
    logger.info("the chain %d answers at %s", chain.chain_id, address)
    try:
        yield address
    finally:
        server.leave()
        await running


class _Server(uvicorn.Server):
    """uvicorn within a process that has signals and an event loop of its own."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = asyncio.Event()
        self._is_leaving = asyncio.Event()

    def leave(self) -> None:
        """Stop serving; `serve` then ends."""
        self.should_exit = True
        self._is_leaving.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program around us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_ready.set()

    async def main_loop(self) -> None:
        """Wait to be told, where uvicorn's own loop looks ten times a second (also for a date header, left out)."""
        await self._is_leaving.wait()


class _App:
    """The ASGI application: one path, any of them."""

    def __init__(self, chain: EmbeddedChain) -> None:
        self._chain = chain

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClient(self._chain, receive, send).serve()
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _reply(send, 405, b"JSON-RPC is spoken by POST, or over a WebSocket\n", b"text/plain")
            return
        headers = dict(scope["headers"])
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != _JSON:
            # A web page can make a browser send text/plain to loopback, but not this without asking us first.
            await _reply(send, 415, b"the content type must be application/json\n", b"text/plain")
            return
        body = await _read(receive, headers)
        if body is None:
            await _reply(send, 413, f"the body may have {MOST_BODY_BYTES} bytes\n".encode(), b"text/plain")
            return
        answer = await respond(body, self._chain.answer)
        await _reply(send, 200 if answer is not None else 204, answer or b"", _JSON)


async def _read(receive: Receive, headers: dict[bytes, bytes]) -> bytes | None:
    """The body, or None where it is too long."""
    if int(headers.get(_CONTENT_LENGTH, b"0")) > MOST_BODY_BYTES:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _reply(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (_CONTENT_LENGTH, str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers if body else []})
    await send({"type": "http.response.body", "body": body})


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is, and with it an answer
    # waits 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"the chain cannot listen at {host}:{port} ({error.strerror or error}); "
            "stop the program that uses this port, or choose another one"
        ) from error
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
