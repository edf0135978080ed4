import itertools
from typing import Any

import pytest

from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.errors import RpcError
from tests.chain.embedded.programs import LOG_ARGUMENTS
from tests.chain.embedded.wallet import Wallet, word, words

TOPICS = (1, 2)


class Emitters:
    """Two contracts that have logged every pair of topics, a block per pair; with what they logged, oldest first."""

    def __init__(self, addresses: list[str]) -> None:
        self.addresses = addresses
        self.logged: list[tuple[int, str, int, int]] = []

    async def emit(self, chain: EmbeddedChain, wallet: Wallet) -> None:
        for first, second in itertools.product(TOPICS, TOPICS):
            calls = [
                ("eth_sendRawTransaction", [wallet.sign(to=address, data=words([first, second]))])
                for address in self.addresses
            ]
            await chain.batch(calls)
            block = int(await chain.request("eth_blockNumber"), 16)
            self.logged += [(block, address, first, second) for address in self.addresses]


@pytest.fixture(params=["in memory", "in the database"])
async def emitters(chain: EmbeddedChain, wallet: Wallet, request: pytest.FixtureRequest) -> Emitters:
    emitters = Emitters([await wallet.deploy(chain, LOG_ARGUMENTS) for _ in range(2)])
    await emitters.emit(chain, wallet)
    if request.param == "in the database":
        chain.recent.begin_at(chain.recent.head)
    return emitters


def seen(logs: list[dict[str, Any]]) -> list[tuple[int, str, int, int]]:
    return [
        (int(log["blockNumber"], 16), log["address"], int(log["topics"][0], 16), int(log["topics"][1], 16))
        for log in logs
    ]


async def test_a_filter_finds_exactly_what_it_asks_for(chain: EmbeddedChain, emitters: Emitters) -> None:
    everyone = emitters.addresses
    alternatives = itertools.product(
        [None, everyone[:1], everyone[1:], everyone],
        [None, [1], [2], [1, 2], [9]],
        [None, [1], [1, 2]],
        [(0, 99), (4, 5)],
    )
    for addresses, first, second, (low, high) in alternatives:
        wanted = {
            "fromBlock": hex(low),
            "toBlock": hex(high),
            "address": addresses,
            "topics": [None if topic is None else [word(each) for each in topic] for topic in (first, second)],
        }
        expected = [
            (block, address, one, two)
            for block, address, one, two in emitters.logged
            if low <= block <= high
            and (addresses is None or address in addresses)
            and (first is None or one in first)
            and (second is None or two in second)
        ]
        assert seen(await chain.request("eth_getLogs", [wanted])) == expected


async def test_single_values_stand_for_lists_of_one(chain: EmbeddedChain, emitters: Emitters) -> None:
    wanted = {"fromBlock": "0x0", "address": emitters.addresses[0], "topics": [word(1), word(2)]}
    assert len(await chain.request("eth_getLogs", [wanted])) == 1


async def test_more_topics_than_a_log_has_never_match(chain: EmbeddedChain, emitters: Emitters) -> None:
    assert emitters.logged
    assert await chain.request("eth_getLogs", [{"fromBlock": "0x0", "topics": [None, None, None]}]) == []


async def test_a_block_can_be_named_by_its_hash(chain: EmbeddedChain, emitters: Emitters) -> None:
    block = emitters.logged[-1][0]
    block_hash = (await chain.request("eth_getBlockByNumber", [hex(block), False]))["hash"]
    found = await chain.request("eth_getLogs", [{"blockHash": block_hash}])
    assert seen(found) == [entry for entry in emitters.logged if entry[0] == block]
    with pytest.raises(RpcError, match="unknown block"):
        await chain.request("eth_getLogs", [{"blockHash": word(1)}])


async def test_without_a_range_only_the_head_is_searched(chain: EmbeddedChain, emitters: Emitters) -> None:
    head = emitters.logged[-1][0]
    assert {entry[0] for entry in seen(await chain.request("eth_getLogs", [{}]))} == {head}


async def test_a_range_upside_down_is_an_error(chain: EmbeddedChain) -> None:
    with pytest.raises(RpcError, match="invalid block range"):
        await chain.request("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x0"}])


async def test_more_logs_than_an_answer_holds_are_refused_whole(
    chain: EmbeddedChain, emitters: Emitters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepsquare.chain.embedded.reading.MOST_LOGS", len(emitters.logged) - 1)
    with pytest.raises(RpcError, match="ask for fewer blocks") as caught:
        await chain.request("eth_getLogs", [{"fromBlock": "0x0"}])
    assert caught.value.code == -32005


async def test_logs_in_receipts_and_in_queries_are_the_same(chain: EmbeddedChain, emitters: Emitters) -> None:
    head = hex(emitters.logged[-1][0])
    receipts = await chain.request("eth_getBlockReceipts", [head])
    queried = await chain.request("eth_getLogs", [{"fromBlock": head, "toBlock": head}])
    assert [log for receipt in receipts for log in receipt["logs"]] == queried
    assert [log["logIndex"] for log in queried] == ["0x0", "0x1"]


async def test_a_polled_filter_tells_each_log_once(chain: EmbeddedChain, wallet: Wallet, emitters: Emitters) -> None:
    name = await chain.request("eth_newFilter", [{"fromBlock": "0x0", "topics": [word(1)]}])
    assert await chain.request("eth_getFilterChanges", [name]) == []
    before = len(emitters.logged)
    await emitters.emit(chain, wallet)
    fresh = [entry for entry in emitters.logged[before:] if entry[2] == 1]
    assert seen(await chain.request("eth_getFilterChanges", [name])) == fresh
    assert await chain.request("eth_getFilterChanges", [name]) == []
    everything = [entry for entry in emitters.logged if entry[2] == 1]
    assert seen(await chain.request("eth_getFilterLogs", [name])) == everything


async def test_a_block_filter_tells_each_block_once(chain: EmbeddedChain, wallet: Wallet) -> None:
    name = await chain.request("eth_newBlockFilter")
    await wallet.deploy(chain, LOG_ARGUMENTS)
    head = await chain.request("eth_getBlockByNumber", ["latest", False])
    assert await chain.request("eth_getFilterChanges", [name]) == [head["hash"]]
    assert await chain.request("eth_getFilterChanges", [name]) == []


async def test_a_removed_filter_is_unknown(chain: EmbeddedChain) -> None:
    name = await chain.request("eth_newBlockFilter")
    assert await chain.request("eth_uninstallFilter", [name]) is True
    assert await chain.request("eth_uninstallFilter", [name]) is False
    with pytest.raises(RpcError, match="filter not found"):
        await chain.request("eth_getFilterChanges", [name])
