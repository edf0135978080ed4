"""What is in memory is answered without a look at the database, and every answer is of one moment."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest

from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.archive import LogQuery
from deepsquare.chain.embedded.database import FileDatabase, MemoryDatabase
from deepsquare.chain.embedded.node import Answer, Call
from deepsquare.chain.embedded.reading import NO_LIMIT
from deepsquare.chain.embedded.view import MOST_BLOCKS_AT_ONCE, View
from deepsquare.chain.errors import RpcError
from tests.chain.embedded.programs import LOG_ARGUMENTS, assemble
from tests.chain.embedded.wallet import RICH, Wallet, words
from tests.support.clock import ManualClock

SOMEBODY = "0x" + "5b" * 20


@pytest.fixture
async def chain(tmp_path: Path, clock: ManualClock, wallet: Wallet) -> AsyncIterator[EmbeddedChain]:
    chain = EmbeddedChain(tmp_path / "chain.sqlite", clock=clock, funded={wallet.address: RICH})
    yield chain
    await chain.close()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[FileDatabase]:
    """The databases that were opened to read, one for each time."""
    made: list[FileDatabase] = []
    read = FileDatabase.read

    def counted(self: FileDatabase) -> AbstractContextManager[Connection]:
        made.append(self)
        return read(self)

    monkeypatch.setattr(FileDatabase, "read", counted)
    return made


async def test_what_was_just_written_is_told_without_a_look_at_the_database(
    chain: EmbeddedChain, wallet: Wallet, looks: list[FileDatabase]
) -> None:
    contract = await wallet.deploy(chain, LOG_ARGUMENTS)
    looks.clear()
    logged = await wallet.send(chain, to=contract, data=words([1, 2]))
    number = logged["blockNumber"]
    answers = await chain.batch(
        [
            ("eth_blockNumber", []),
            ("eth_getLogs", [{"fromBlock": number, "toBlock": "latest", "address": contract}]),
            ("eth_getTransactionReceipt", [logged["transactionHash"]]),
            ("eth_getTransactionCount", [wallet.address, "latest"]),
        ]
    )
    assert answers == [number, logged["logs"], logged, hex(wallet.nonce)]
    assert looks == []


async def test_what_is_told_from_memory_is_what_the_database_says(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, LOG_ARGUMENTS)
    transactions = [wallet.sign(to=contract, data=words([number, 2])) for number in range(3)]
    hashes = await chain.batch([("eth_sendRawTransaction", [each]) for each in transactions])
    questions: list[tuple[str, list[Any]]] = [
        ("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest"}]),
        *(("eth_getTransactionReceipt", [each]) for each in hashes),
        *(("eth_getTransactionByHash", [each]) for each in hashes),
        *(("eth_getBlockByNumber", [hex(number), full]) for number in range(4) for full in (False, True)),
        ("eth_getBlockTransactionCountByNumber", ["latest"]),
    ]
    known = await chain.batch(questions)
    chain.recent.begin_at(chain.recent.head)
    assert await chain.batch(questions) == known


def submit(chain: EmbeddedChain, raw: str) -> bytes:
    """Mine a transaction while somebody looks; its hash."""
    mined = chain._node.submit([bytes.fromhex(raw[2:])])[0].result(30)
    assert isinstance(mined, bytes)
    return mined


async def test_a_look_that_needs_the_database_begins_again_where_the_chain_has_moved_on(
    chain: EmbeddedChain, wallet: Wallet
) -> None:
    raw = wallet.sign(to=SOMEBODY)
    begun: list[int] = []

    def read(view: View) -> tuple[int, int]:
        begun.append(view.head.number)
        if len(begun) == 1:
            submit(chain, raw)
        return view.head.number, view.archive.newest().number

    assert await chain.look(read) == (1, 1)
    assert begun == [0, 1]


async def test_a_filter_tells_every_log_once_also_where_a_request_begins_again(
    chain: EmbeddedChain, wallet: Wallet
) -> None:
    contract = await wallet.deploy(chain, LOG_ARGUMENTS)
    name = await chain.request("eth_newFilter", [{"address": contract}])
    first = await wallet.send(chain, to=contract, data=words([1, 2]))
    raw = wallet.sign(to=contract, data=words([3, 4]))
    begun: list[int] = []

    def read(view: View) -> Any:
        begun.append(view.head.number)
        if len(begun) == 1:
            submit(chain, raw)
        return chain._node._methods["eth_getFilterChanges"](view, [name])

    told = await chain.look(read)
    assert [int(log["topics"][0], 16) for log in told] == [1, 3]
    assert begun == [int(first["blockNumber"], 16), int(first["blockNumber"], 16) + 1]


async def test_nothing_is_told_of_a_block_behind_the_moment_of_a_look(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, LOG_ARGUMENTS)
    raw = wallet.sign(to=contract, data=words([1, 2]))

    def read(view: View) -> tuple[object, object]:
        before = view.head.number
        mined = submit(chain, raw)
        assert chain.recent.mined(mined, before + 1) is not None
        return chain.recent.mined(mined, before), view.logs(LogQuery(before, before + 1), NO_LIMIT)

    assert await chain.look(read) == (None, [])


async def test_a_look_at_a_chain_without_a_file_has_the_one_connection_before_it_can_wait_for_another_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = EmbeddedChain()
    done: list[str] = []
    read = MemoryDatabase.read

    def noted(self: MemoryDatabase) -> AbstractContextManager[Connection]:
        done.append("connected")
        return read(self)

    monkeypatch.setattr(MemoryDatabase, "read", noted)
    try:
        await chain.look(lambda _view: done.append("looked"))
    finally:
        await chain.close()
    assert done == ["connected", "looked"]


KEEP_THE_BLOCK = assemble("NUMBER PUSH0 SSTORE NUMBER PUSH0 PUSH0 LOG1 STOP")
"""Stores the number of its block in slot 0, and logs it."""


async def test_what_is_asked_together_is_of_one_moment_while_blocks_come(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, KEEP_THE_BLOCK)
    await wallet.send(chain, to=contract)
    is_over = False

    async def write() -> None:
        nonlocal is_over
        for _ in range(100):
            await wallet.send(chain, to=contract)
        is_over = True

    async def read(reader: int) -> None:
        newest: list[Call] = [
            ("eth_blockNumber", []),
            ("eth_getLogs", [{"fromBlock": "latest", "toBlock": "latest"}]),
            ("eth_getStorageAt", [contract, "0x0", "latest"]),
        ]
        for turn in itertools.count():
            # An account that nobody knows yet: the database must be asked.
            unknown: Call = ("eth_getBalance", [f"0x{1_000 * turn + reader + 1:040x}", "latest"])
            number, logs, stored, *_ = await chain.batch([*newest, unknown])
            _, late_number, late_logs, late_stored = await chain.batch([unknown, *newest])
            assert {int(stored, 16), *(int(log["topics"][0], 16) for log in logs)} == {int(number, 16)}
            assert {int(late_stored, 16), *(int(log["topics"][0], 16) for log in late_logs)} == {int(late_number, 16)}
            assert len(logs) == len(late_logs) == 1
            if is_over:
                return

    await asyncio.gather(write(), *(read(reader) for reader in range(4)))


@pytest.fixture
def threads(chain: EmbeddedChain, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The calls that were handed to a thread."""
    handed: list[object] = []
    read = chain._node.read

    def counted(calls: Sequence[Call]) -> Future[list[Answer]]:
        handed.append(calls)
        return read(calls)

    monkeypatch.setattr(chain._node, "read", counted)
    return handed


async def test_what_is_known_is_told_without_a_thread(
    chain: EmbeddedChain, wallet: Wallet, threads: list[object]
) -> None:
    contract = await wallet.deploy(chain, LOG_ARGUMENTS)
    logged = await wallet.send(chain, to=contract, data=words([1, 2]))
    newest = {"fromBlock": logged["blockNumber"], "toBlock": "latest"}
    assert await chain.request("eth_blockNumber") == logged["blockNumber"]
    assert await chain.batch([("eth_getLogs", [newest]), ("eth_getTransactionCount", [wallet.address])]) == [
        logged["logs"],
        hex(wallet.nonce),
    ]
    assert threads == []


async def test_what_is_not_known_or_takes_long_is_left_to_a_thread(
    chain: EmbeddedChain, wallet: Wallet, threads: list[object]
) -> None:
    for _ in range(MOST_BLOCKS_AT_ONCE + 2):
        await wallet.send(chain, to=SOMEBODY)
    asked: list[Call] = [
        ("eth_getTransactionReceipt", ["0x" + "77" * 32]),
        ("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "latest"}]),
        ("eth_call", [{"to": SOMEBODY}, "latest"]),
        ("eth_getBalance", [wallet.address, "0x1"]),
    ]
    assert [await chain.request(*call) for call in asked] == [None, [], "0x", hex(RICH)]
    assert threads == [[call] for call in asked]
    with pytest.raises(RpcError, match="missing value"):
        await chain.request("eth_getBalance")
