import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets

from deepsquare.chain.embedded import CannotListen, EmbeddedChain
from deepsquare.chain.embedded.jsonrpc import MOST_CALLS_IN_BATCH
from deepsquare.chain.embedded.server import MOST_BODY_BYTES, listening, serve
from tests.chain.embedded.programs import LOG_ARGUMENTS, REVERT_WITH_ARGUMENTS
from tests.chain.embedded.wallet import Wallet, word, words

STRANGER = "0x00000000000000000000000000000000000000aa"


@pytest.fixture
async def address(chain: EmbeddedChain) -> AsyncIterator[str]:
    async with listening(chain) as address:
        yield address


@pytest.fixture
async def http(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address) as client:
        yield client


@pytest.fixture
async def socket(address: str) -> AsyncIterator[websockets.ClientConnection]:
    async with websockets.connect(address.replace("http", "ws")) as connection:
        yield connection


def request(method: str, *params: Any, number: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


async def post(http: httpx.AsyncClient, message: Any) -> Any:
    response = await http.post("/", json=message)
    assert response.status_code == 200
    return response.json()


async def ask(socket: websockets.ClientConnection, method: str, *params: Any) -> Any:
    await socket.send(json.dumps(request(method, *params)))
    return json.loads(await socket.recv())["result"]


async def notification(socket: websockets.ClientConnection) -> Any:
    return json.loads(await socket.recv())["params"]


async def test_a_call_is_answered_with_its_id(http: httpx.AsyncClient) -> None:
    for number in (7, "seven", None):
        answer = await post(http, request("eth_chainId", number=number))
        assert answer == {"jsonrpc": "2.0", "id": number, "result": "0x2bbf4"}


async def test_params_may_be_left_out(http: httpx.AsyncClient) -> None:
    assert (await post(http, {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}))["result"] == "0x2bbf4"
    assert (await post(http, {"id": 1, "method": "eth_chainId", "params": None}))["result"] == "0x2bbf4"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (request("eth_nonsense"), -32601),
        (request("eth_subscribe", "newHeads"), -32601),
        (request("eth_getBalance"), -32602),
        ({"id": 1, "method": "eth_chainId", "params": {"a": 1}}, -32602),
        ({"id": 1}, -32600),
        ({"id": 1, "method": 5}, -32600),
        ({"id": [], "method": "eth_chainId"}, -32600),
        ("eth_chainId", -32600),
        ([], -32600),
        ([request("eth_chainId")] * (MOST_CALLS_IN_BATCH + 1), -32600),
        (request("eth_sendRawTransaction", "0xc0"), -32000),
    ],
)
async def test_errors_have_the_codes_of_json_rpc(http: httpx.AsyncClient, message: Any, code: int) -> None:
    answer = await post(http, message)
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]
    assert "result" not in answer


async def test_a_body_that_is_not_json_is_a_parse_error(http: httpx.AsyncClient) -> None:
    for body in (b"{", b"", b"\xff\xfe", b"[" * 1_000_000):
        answer = (await http.post("/", content=body, headers={"content-type": "application/json"})).json()
        assert (answer["id"], answer["error"]["code"]) == (None, -32700)


async def test_a_batch_is_answered_in_order_with_errors_among_the_results(http: httpx.AsyncClient) -> None:
    answers = await post(http, [request("eth_chainId", number=3), {"id": 4}, request("nonsense", number=2)])
    assert [answer["id"] for answer in answers] == [3, None, 2]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None, -32600, -32601]


async def test_calls_of_a_batch_see_what_the_ones_before_did(http: httpx.AsyncClient, wallet: Wallet) -> None:
    send = request("eth_sendRawTransaction", wallet.sign(to=STRANGER))
    answers = await post(http, [request("eth_blockNumber"), send, request("eth_blockNumber")])
    assert (answers[0]["result"], answers[2]["result"]) == ("0x0", "0x1")


async def test_notifications_are_executed_and_not_answered(http: httpx.AsyncClient, wallet: Wallet) -> None:
    silent = {"jsonrpc": "2.0", "method": "eth_sendRawTransaction", "params": [wallet.sign(to=STRANGER)]}
    response = await http.post("/", json=silent)
    assert (response.status_code, response.content) == (204, b"")
    assert len(await post(http, [silent, request("eth_blockNumber")])) == 1
    assert (await post(http, request("eth_blockNumber")))["result"] == "0x1"


async def test_revert_data_travels_as_a_string(http: httpx.AsyncClient, chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, REVERT_WITH_ARGUMENTS)
    answer = await post(http, request("eth_call", {"to": contract, "data": "0xabcd"}, "latest"))
    assert answer["error"] == {"code": 3, "message": "execution reverted", "data": "0xabcd"}


async def test_other_methods_and_types_are_refused(http: httpx.AsyncClient) -> None:
    assert (await http.get("/")).status_code == 405
    assert (await http.post("/", content=b"{}", headers={"content-type": "text/plain"})).status_code == 415


async def test_a_body_that_is_too_long_is_refused(http: httpx.AsyncClient) -> None:
    json_type = {"content-type": "application/json"}

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield b" " * (1024 * 1024)

    declared = await http.post("/", content=b" " * (MOST_BODY_BYTES + 1), headers=json_type)
    streamed = await http.post("/", content=chunks(), headers=json_type)
    assert (declared.status_code, streamed.status_code) == (413, 413)


async def test_a_websocket_takes_text_and_binary_messages(socket: websockets.ClientConnection) -> None:
    for message in (json.dumps(request("eth_chainId")), json.dumps(request("eth_chainId")).encode()):
        await socket.send(message)
        answer = await socket.recv()
        assert isinstance(answer, str)
        assert json.loads(answer)["result"] == "0x2bbf4"


async def test_new_heads_are_told_one_by_one(
    socket: websockets.ClientConnection, chain: EmbeddedChain, wallet: Wallet
) -> None:
    name = await ask(socket, "eth_subscribe", "newHeads")
    for _ in range(3):
        await wallet.send(chain, to=STRANGER)
    told = [await notification(socket) for _ in range(3)]
    assert {each["subscription"] for each in told} == {name}
    assert [each["result"]["number"] for each in told] == ["0x1", "0x2", "0x3"]
    block = await chain.request("eth_getBlockByNumber", ["0x3", False])
    assert told[2]["result"]["hash"] == block["hash"]


async def test_logs_are_told_to_those_who_asked_for_them(
    socket: websockets.ClientConnection, chain: EmbeddedChain, wallet: Wallet
) -> None:
    contract = await wallet.deploy(chain, LOG_ARGUMENTS)
    await ask(socket, "eth_subscribe", "logs", {"address": contract, "topics": [[word(1), word(3)]]})
    for topic in (1, 2, 3):
        await wallet.send(chain, to=contract, data=words([topic, 0]))
    told = [await notification(socket) for _ in range(2)]
    assert [each["result"]["topics"][0] for each in told] == [word(1), word(3)]


async def test_heads_and_logs_are_told_side_by_side(
    socket: websockets.ClientConnection, chain: EmbeddedChain, wallet: Wallet
) -> None:
    contract = await wallet.deploy(chain, LOG_ARGUMENTS)
    heads = await ask(socket, "eth_subscribe", "newHeads")
    logs = await ask(socket, "eth_subscribe", "logs", {"address": contract})
    await wallet.send(chain, to=contract, data=words([1, 0]))
    told = [await notification(socket) for _ in range(2)]
    assert {each["subscription"] for each in told} == {heads, logs}


async def test_after_unsubscribing_nothing_is_told(
    socket: websockets.ClientConnection, chain: EmbeddedChain, wallet: Wallet
) -> None:
    name = await ask(socket, "eth_subscribe", "newHeads")
    assert await ask(socket, "eth_unsubscribe", name) is True
    assert await ask(socket, "eth_unsubscribe", name) is False
    await wallet.send(chain, to=STRANGER)
    assert await ask(socket, "eth_blockNumber") == "0x1"


async def test_an_unknown_subscription_is_an_error(socket: websockets.ClientConnection) -> None:
    await socket.send(json.dumps(request("eth_subscribe", "weather")))
    assert json.loads(await socket.recv())["error"]["code"] == -32601


async def test_many_clients_may_send_at_once(address: str, chain: EmbeddedChain) -> None:
    async def run(seed: int) -> None:
        wallet = Wallet(seed)
        async with websockets.connect(address.replace("http", "ws")) as socket:
            for number in range(5):
                await socket.send(
                    json.dumps(request("eth_sendRawTransaction", wallet.sign(to=STRANGER), number=number))
                )
            answers = [json.loads(await socket.recv()) for _ in range(5)]
            assert all("result" in answer for answer in answers)

    await asyncio.gather(*(run(seed) for seed in range(1, 7)))
    counts = [await chain.request("eth_getTransactionCount", [Wallet(seed).address]) for seed in range(1, 7)]
    assert counts == ["0x5"] * 6


async def test_a_client_that_leaves_takes_nobody_along(
    address: str, http: httpx.AsyncClient, chain: EmbeddedChain, wallet: Wallet
) -> None:
    async with websockets.connect(address.replace("http", "ws")) as socket:
        await ask(socket, "eth_subscribe", "newHeads")
        await socket.send(json.dumps(request("eth_blockNumber")))
        socket.transport.abort()
    await wallet.send(chain, to=STRANGER)
    assert (await post(http, request("eth_blockNumber")))["result"] == "0x1"


async def test_a_port_that_is_taken_is_named(chain: EmbeddedChain, address: str) -> None:
    port = int(address.rsplit(":", 1)[1])
    with pytest.raises(CannotListen, match=f"127.0.0.1:{port} "):
        await serve(chain, port=port)


async def test_only_this_machine_can_reach_the_node(address: str) -> None:
    assert address.startswith("http://127.0.0.1:")


async def test_serving_stops_when_cancelled_with_clients_connected(chain: EmbeddedChain) -> None:
    async with listening(chain) as address:
        connection = await websockets.connect(address.replace("http", "ws"))
        await ask(connection, "eth_subscribe", "newHeads")
    with pytest.raises(websockets.ConnectionClosed):
        await connection.recv()
    await connection.close()
