"""Nobody keeps others out by opening connections and sending nothing, or a byte now and then."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from deepsquare.web.connections import Share, bounded_protocol
from deepsquare.web.ratelimit import client_key

STRANGER, NEIGHBOUR, PROXY = "192.0.2.1", "192.0.2.2", "192.0.2.3"
WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BEGINNINGS = [b"", b"GET / HT", b"\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nslow"]


class Timers:
    """The loop's timers, fired by hand."""

    def __init__(self) -> None:
        self.set: list[tuple[float, Callable[[], object]]] = []

    def call_later(self, seconds: float, action: Callable[[], object]) -> "Timer":
        self.set.append((seconds, action))
        return Timer(self, len(self.set) - 1)

    def fire(self, seconds: float) -> None:
        for due, action in self.set:
            if due == seconds:
                action()

    def create_task(self, work: Any, **_: Any) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)


class Timer:
    def __init__(self, timers: Timers, place: int) -> None:
        self._timers = timers
        self._place = place

    def cancel(self) -> None:
        self._timers.set[self._place] = (-1, lambda: None)


class Transport(asyncio.Transport):
    def __init__(self, host: str | None) -> None:
        super().__init__({"peername": "" if host is None else (host, 1), "sockname": ("192.0.2.9", 80)})
        self.is_aborted = False
        self.answered = asyncio.Event()

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_aborted

    def close(self) -> None:
        self.is_aborted = True

    def write(self, _data: bytes | bytearray | memoryview) -> None:
        self.answered.set()

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Server:
    """A server whose connections are opened by hand."""

    def __init__(self, app: Any, *, most: int = 2) -> None:
        self.timers = Timers()
        kind: Any = bounded_protocol(Share(most=most, proxies=(PROXY,)), request_seconds=60)
        config = uvicorn.Config(app, lifespan="off", log_config=None, http=kind)
        config.load()
        self._kind, self._config = kind, config

    def open(self, host: str | None) -> tuple[Any, Transport]:
        protocol = self._kind(config=self._config, server_state=ServerState(), app_state={}, _loop=self.timers)
        transport = Transport(host)
        protocol.connection_made(transport)
        return protocol, transport


async def answering(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - what an application is given
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


async def never(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - what an application is given
    await asyncio.Event().wait()


async def test_an_address_has_its_share_of_connections_and_others_theirs() -> None:
    server = Server(answering)
    first, _ = server.open(STRANGER)
    server.open(STRANGER)
    refused, beyond = server.open(STRANGER)
    assert beyond.is_aborted
    refused.connection_lost(None)
    assert server.open(STRANGER)[1].is_aborted
    assert not server.open(NEIGHBOUR)[1].is_aborted
    first.connection_lost(None)
    assert not server.open(STRANGER)[1].is_aborted


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", PROXY, None])
async def test_loopback_proxies_and_unix_sockets_are_many_clients(host: str | None) -> None:
    server = Server(answering, most=1)
    assert not any(server.open(host)[1].is_aborted for _ in range(5))


def test_who_left_is_forgotten() -> None:
    share = Share(most=1, proxies=())
    assert share.enter("2001:db8::1")
    assert not share.enter("2001:db8::2"), client_key("2001:db8::2")
    share.leave("2001:db8::1")
    assert share.enter("2001:db8::2")


@pytest.mark.parametrize("sent", BEGINNINGS)
async def test_a_request_that_never_arrives_loses_its_connection(sent: bytes) -> None:
    server = Server(answering)
    protocol, transport = server.open(STRANGER)
    protocol.data_received(sent)
    server.timers.fire(60)
    assert transport.is_aborted
    protocol.connection_lost(None)


@pytest.mark.parametrize("sent", BEGINNINGS[1:])
async def test_so_does_a_second_one_behind_a_good_one(sent: bytes) -> None:
    server = Server(answering)
    protocol, transport = server.open(STRANGER)
    protocol.data_received(WHOLE)
    await transport.answered.wait()
    server.timers.fire(60)
    was_aborted = transport.is_aborted
    protocol.data_received(sent)
    server.timers.fire(60)
    assert (was_aborted, transport.is_aborted) == (False, True)
    protocol.connection_lost(None)


async def test_an_answer_may_take_as_long_as_it_takes() -> None:
    server = Server(never)
    protocol, transport = server.open(STRANGER)
    protocol.data_received(WHOLE)
    server.timers.fire(60)
    assert not transport.is_aborted
    protocol.connection_lost(None)
    for task in protocol.tasks:
        task.cancel()
