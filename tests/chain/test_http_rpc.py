"""Promises of JSON-RPC over HTTP and of the wake-ups over WebSocket."""

import asyncio
import gc
import json
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from deepsquare.chain.errors import ChainUnreachable, RpcError
from deepsquare.chain.http_rpc import HttpRpc
from deepsquare.chain.node_socket import NodeSocket, SocketLost
from deepsquare.chain.waiting import HeadWait
from tests.chain.tiny_node import Answer, HeadServer, SocketNode, head_server, http_node, result
from tests.support.clock import ManualClock


async def ask(answer: Answer, *calls: tuple[str, list[Any]]) -> list[Any]:
    async with http_node(answer) as url:
        rpc = HttpRpc(url)
        try:
            return await rpc.batch(calls or [("eth_chainId", [])])
        finally:
            await rpc.close()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_answers_come_back_in_the_order_of_the_calls_whatever_the_node_does() -> None:
    def backwards(request: Any) -> tuple[int, bytes]:
        answers = [{"jsonrpc": "2.0", "id": call["id"], "result": call["method"]} for call in request]
        return 200, json.dumps(answers[::-1]).encode()

    assert await ask(backwards, ("a", []), ("b", []), ("c", [])) == ["a", "b", "c"]


async def test_many_calls_are_cut_into_posts_of_a_hundred() -> None:
    sizes = []

    def counted(request: Any) -> tuple[int, bytes] | None:
        sizes.append(len(request))
        return result("0x1")(request)

    assert await ask(counted, *[("eth_call", [])] * 250) == ["0x1"] * 250
    assert sorted(sizes) == [50, 100, 100]


async def test_a_nodes_error_comes_with_code_words_and_data() -> None:
    error = {"jsonrpc": "2.0", "id": 0, "error": {"code": 3, "message": "execution reverted", "data": "0x12"}}
    with pytest.raises(RpcError, match="eth_chainId failed: the node says 'execution reverted'") as caught:
        await ask(lambda _: (200, json.dumps(error).encode()))
    assert (caught.value.code, caught.value.data) == (3, "0x12")


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (404, b""), (200, b"[]"), (200, b'{"jsonrpc": "2.0"}'), (200, b'"text"'), (401, b"{}")],
)
async def test_an_answer_that_is_no_json_rpc_is_the_nodes_fault_and_final(status: int, body: bytes) -> None:
    with pytest.raises(RpcError):
        await ask(lambda _: (status, body))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b"busy"),
        (429, b'{"jsonrpc": "2.0"}'),
        (200, b'{"jsonrpc": "2.0", "error": {"code": 1, "message": "transaction indexing is in progress"}}'),
    ],
)
async def test_a_busy_node_is_a_transient_error(status: int, body: bytes) -> None:
    with pytest.raises(ChainUnreachable) as caught:
        await ask(lambda _: (status, body))
    assert caught.value.transient


async def test_a_node_that_is_not_there_is_named_without_the_secrets_of_its_address() -> None:
    rpc = HttpRpc(f"http://user:hush@127.0.0.1:{free_port()}/v1/token")
    with pytest.raises(ChainUnreachable, match="check that it runs") as caught:
        await rpc.request("eth_chainId")
    await rpc.close()
    assert "hush" not in str(caught.value)
    assert "token" not in str(caught.value)


async def test_a_connection_that_the_node_closed_meanwhile_is_opened_again() -> None:
    requests: list[Any] = []

    def every_second(request: Any) -> tuple[int, bytes] | None:
        requests.append(request)
        return None if len(requests) == 2 else result("0x1")(request)

    async with http_node(every_second) as url:
        rpc = HttpRpc(url)
        assert await rpc.request("eth_chainId") == "0x1"
        assert await rpc.request("eth_chainId") == "0x1"
        await rpc.close()
    assert len(requests) == 3


async def test_a_closed_connection_refuses_and_its_listeners_end() -> None:
    clock = ManualClock()
    rpc = HttpRpc("http://127.0.0.1:1", clock=clock)
    waiting = asyncio.create_task(_all(rpc.new_heads()))
    await asyncio.sleep(0)
    await rpc.close()
    assert await waiting == 0
    with pytest.raises(ChainUnreachable, match="closed by this program"):
        await rpc.request("eth_chainId")
    wait = HeadWait(rpc, clock)
    with pytest.raises(ChainUnreachable, match="closed by this program"):
        await wait.wait(3600)


async def _all(heads: AsyncIterator[int | None]) -> int:
    return len([None async for _ in heads])


async def test_without_a_websocket_listeners_wake_at_a_fixed_pace() -> None:
    clock = ManualClock()
    rpc = HttpRpc("http://127.0.0.1:1", clock=clock, poll_seconds=1)
    heads = HeadWait(rpc, clock)
    waiting = asyncio.create_task(heads.wait(3600))
    while not waiting.done():
        clock.advance(0.5)
        await asyncio.sleep(0)
    await heads.close()
    await rpc.close()
    assert (clock.now() - ManualClock().now()).total_seconds() < 60


async def test_one_subscription_wakes_all_listeners() -> None:
    server, clock = HeadServer(), ManualClock()
    async with head_server(server) as websocket_url:
        rpc = HttpRpc("http://127.0.0.1:1", websocket_url, clock=clock)
        waits = [HeadWait(rpc, clock) for _ in range(3)]
        first = [asyncio.create_task(wait.wait(3600)) for wait in waits]
        await server.subscribed.wait()
        await asyncio.gather(*first)
        second = [asyncio.create_task(wait.wait(3600)) for wait in waits]
        while not all(task.done() for task in second):
            await server.announce()
            await asyncio.wait(second, timeout=0)
        assert len(server.subscribers) == 1
        assert [wait.newest for wait in waits] == [1, 1, 1]
        for wait in waits:
            await wait.close()
        await rpc.close()


async def test_a_lost_subscription_is_taken_up_again_and_wakes_whoever_waits_meanwhile() -> None:
    server, clock = HeadServer(), ManualClock()
    async with head_server(server) as websocket_url:
        rpc = HttpRpc("http://127.0.0.1:1", websocket_url, clock=clock, poll_seconds=1)
        heads = HeadWait(rpc, clock)
        await heads.wait(3600)
        waiting = asyncio.create_task(heads.wait(3600))
        await server.drop_all()
        await waiting
        assert heads.newest is None
        while not server.subscribed.is_set():
            clock.advance(1)
            await asyncio.wait({asyncio.create_task(server.subscribed.wait())}, timeout=0)
            await asyncio.sleep(0)
        await heads.close()
        await rpc.close()


async def test_a_node_without_subscriptions_is_read_at_a_fixed_pace() -> None:
    server, clock = HeadServer(refuses=True), ManualClock()
    async with head_server(server) as websocket_url:
        rpc = HttpRpc("http://127.0.0.1:1", websocket_url, clock=clock, poll_seconds=1)
        heads = HeadWait(rpc, clock)
        for _ in range(3):
            waiting = asyncio.create_task(heads.wait(3600))
            while not waiting.done():
                clock.advance(1)
                await asyncio.sleep(0)
        await heads.close()
        await rpc.close()


def named(request: Any) -> str:
    """An answer over the socket: each call is answered with its method, the last call first."""
    calls = request if isinstance(request, list) else [request]
    answers = [{"jsonrpc": "2.0", "id": call["id"], "result": call["method"]} for call in calls]
    return json.dumps(answers[::-1] if isinstance(request, list) else answers[0])


def no_post(request: Any) -> tuple[int, bytes]:
    raise AssertionError(f"{request} came by POST")


async def test_calls_go_over_the_socket_where_the_node_has_one() -> None:
    async with head_server(SocketNode(named)) as websocket_url, http_node(no_post) as url:
        rpc = HttpRpc(url, websocket_url)
        assert await rpc.request("a") == "a"
        assert await rpc.batch([("b", []), ("c", [])]) == ["b", "c"]
        answers = await asyncio.gather(*(rpc.request(str(number)) for number in range(50)))
        assert answers == [str(number) for number in range(50)]
        await rpc.close()


async def test_an_error_over_the_socket_is_the_nodes_error() -> None:
    def refuse(request: Any) -> str:
        error = {"code": 3, "message": "execution reverted", "data": "0x12"}
        return json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error})

    async with head_server(SocketNode(refuse)) as websocket_url, http_node(no_post) as url:
        rpc = HttpRpc(url, websocket_url)
        with pytest.raises(RpcError, match="execution reverted") as caught:
            await rpc.request("eth_call")
        assert caught.value.data == "0x12"
        await rpc.close()


@pytest.mark.parametrize(
    "said",
    [None, "no JSON", "[]", "7", '{"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "too large"}}'],
)
async def test_a_call_whose_socket_fails_is_asked_by_post(said: str | None) -> None:
    clock = ManualClock()
    async with head_server(SocketNode(lambda _: said)) as websocket_url, http_node(result("0x1")) as url:
        rpc = HttpRpc(url, websocket_url, clock=clock)
        assert await rpc.request("eth_chainId") == "0x1"
        assert await rpc.batch([("eth_chainId", []), ("eth_blockNumber", [])]) == ["0x1", "0x1"]
        await rpc.close()


async def test_a_call_whose_socket_is_lost_while_it_is_sent_fails_once_and_leaves_no_second_error_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    send_in_time = ClientConnection.send

    async def send_too_late(connection: ClientConnection, message: str) -> None:
        if "eth_chainId" in message:
            await connection.close()
            await anext(news)
        await send_in_time(connection, message)

    monkeypatch.setattr(ClientConnection, "send", send_too_late)
    async with head_server(SocketNode(named)) as websocket_url:
        node = NodeSocket(websocket_url, ManualClock(), poll_seconds=1)
        news = node.listen()
        await anext(news)
        with pytest.raises(SocketLost):
            await node.ask([{"id": 1, "method": "eth_chainId"}], is_batch=False)
        gc.collect()
        await node.close()
    assert complaints == []


async def test_a_transaction_whose_connection_was_lost_is_not_sent_again_unasked() -> None:
    posted: list[Any] = []

    def hang_up(request: Any) -> None:
        posted.append(request)

    node = SocketNode(lambda _: None)
    async with head_server(node) as websocket_url, http_node(hang_up) as url:
        for rpc in (HttpRpc(url, websocket_url, clock=ManualClock()), HttpRpc(url)):
            with pytest.raises(ChainUnreachable, match="may have arrived"):
                await rpc.request("eth_sendRawTransaction", ["0x00"])
            await rpc.close()
    assert len(node.messages) == len(posted) == 1


async def test_a_node_whose_socket_is_not_there_is_asked_by_post() -> None:
    async with http_node(result("0x1")) as url:
        rpc = HttpRpc(url, f"ws://127.0.0.1:{free_port()}", clock=ManualClock())
        assert await rpc.request("eth_chainId") == "0x1"
        await rpc.close()


async def test_a_socket_that_comes_back_is_used_again() -> None:
    clock, node = ManualClock(), SocketNode(lambda request: None if request["method"] == "leave" else named(request))
    async with head_server(node) as websocket_url, http_node(result("by POST")) as url:
        rpc = HttpRpc(url, websocket_url, clock=clock, poll_seconds=1)
        assert await rpc.request("leave") == "by POST"
        while await rpc.request("stay") == "by POST":
            clock.advance(1)
        await rpc.close()


async def test_a_socket_that_is_not_there_is_told_of_once_and_once_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "deepsquare.chain.node_socket")
    clock, node = ManualClock(), SocketNode(lambda request: "?" if request["method"] == "babble" else named(request))
    async with head_server(node) as websocket_url, http_node(result("by POST")) as url:
        rpc = HttpRpc(url, websocket_url, clock=clock, poll_seconds=1)
        while len(node.messages) < 3:
            assert await rpc.request("babble") == "by POST"
            clock.advance(1)
        while await rpc.request("stay") == "by POST":
            clock.advance(1)
        await rpc.close()
    told = [record.getMessage() for record in caplog.records if record.name == "deepsquare.chain.node_socket"]
    assert [message.partition(": ")[0] for message in told] == ["the socket to the node"] * 2
    assert told[1].endswith("all is well again")


async def test_a_node_that_says_nothing_over_its_socket_is_given_up_after_a_while() -> None:
    asked = asyncio.Event()

    async def hang(connection: Any) -> None:
        await connection.recv()
        asked.set()
        await connection.wait_closed()

    node = SocketNode(named)
    node.handle = hang  # type: ignore[method-assign]
    async with head_server(node) as websocket_url:
        rpc = HttpRpc("http://127.0.0.1:1", websocket_url, timeout_seconds=0.05)
        with pytest.raises(ChainUnreachable, match="did not answer eth_chainId within"):
            await rpc.request("eth_chainId")
        assert asked.is_set()
        await rpc.close()
