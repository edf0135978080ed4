import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from deepsquare.chain.embedded import DatabaseInUse, EmbeddedChain, NotAChainDatabase, WrongChainId
from deepsquare.chain.errors import ChainUnreachable
from tests.chain.embedded.programs import COUNT
from tests.chain.embedded.wallet import RICH, Wallet
from tests.support.clock import ManualClock

HOLD_OPEN = """
import sys
from deepsquare.chain.embedded.database import open_database
open_database(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "grid" / "chain.sqlite"


async def test_everything_is_there_after_a_restart(path: Path, wallet: Wallet, clock: ManualClock) -> None:
    first = EmbeddedChain(path, clock=clock, funded={wallet.address: RICH})
    counter = await wallet.deploy(first, COUNT)
    sent = await wallet.send(first, to=counter)
    waiting = await first.request("eth_sendRawTransaction", [wallet.sign(nonce=3, to=counter)])
    await first.close()

    second = EmbeddedChain(path, clock=clock)
    assert await second.request("eth_getTransactionReceipt", [sent["transactionHash"]]) == sent
    assert int(await second.request("eth_call", [{"to": counter}]), 16) == 2
    assert int(await second.request("eth_call", [{"to": counter}, "0x1"]), 16) == 1
    assert await second.request("eth_getBalance", [wallet.address]) == hex(RICH)
    await wallet.send(second, to=counter)
    assert (await second.request("eth_getTransactionReceipt", [waiting]))["status"] == "0x1"
    await second.close()


async def test_the_first_balances_count_only_when_the_chain_is_created(path: Path, wallet: Wallet) -> None:
    for funded in ({wallet.address: 5}, {wallet.address: 7}):
        chain = EmbeddedChain(path, funded=funded)
        assert await chain.request("eth_getBalance", [wallet.address]) == "0x5"
        await chain.close()


async def test_a_chain_with_another_id_is_not_opened(path: Path) -> None:
    await EmbeddedChain(path, chain_id=1337).close()
    with pytest.raises(WrongChainId, match="holds chain 1337, and chain 179188 was asked for"):
        EmbeddedChain(path)
    again = EmbeddedChain(path, chain_id=1337)
    assert await again.request("eth_chainId") == hex(1337)
    await again.close()


async def test_a_chain_is_open_in_one_place_at_a_time(path: Path) -> None:
    chain = EmbeddedChain(path)
    with pytest.raises(DatabaseInUse, match="already open in process"):
        EmbeddedChain(path)
    await chain.close()
    await EmbeddedChain(path).close()


@pytest.mark.programs
def test_another_process_is_named_and_its_end_frees_the_chain(path: Path) -> None:
    path.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_OPEN, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        with pytest.raises(DatabaseInUse, match=f"already open in process {owner.pid};"):
            EmbeddedChain(path)
        owner.kill()
    EmbeddedChain(path)._node.close()


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE mine (value)")
    foreign.close()
    with pytest.raises(NotAChainDatabase, match="another program's file"):
        EmbeddedChain(path)


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("my precious notes " * 100)
    with pytest.raises(NotAChainDatabase, match="is no chain database"):
        EmbeddedChain(path)
    assert path.read_text().startswith("my precious notes")


async def test_a_database_of_a_later_version_is_left_alone(path: Path) -> None:
    await EmbeddedChain(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(NotAChainDatabase, match="schema version 99"):
        EmbeddedChain(path)


async def test_a_start_that_failed_holds_nothing(path: Path) -> None:
    await EmbeddedChain(path, chain_id=1337).close()
    with pytest.raises(WrongChainId):
        EmbeddedChain(path)
    await EmbeddedChain(path, chain_id=1337).close()


async def test_acknowledged_means_flushed_to_disk(path: Path) -> None:
    chain = EmbeddedChain(path)
    with chain._node._database.write() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    await chain.close()


async def test_reads_go_on_while_a_block_is_written(path: Path, wallet: Wallet) -> None:
    chain = EmbeddedChain(path)
    counter = await wallet.deploy(chain, COUNT)
    with chain._node._database.write() as connection:
        connection.execute("DELETE FROM slot")
        assert int(await chain.request("eth_call", [{"to": counter}]), 16) == 1
    await chain.close()


async def test_a_write_that_fails_leaves_no_trace_and_says_so(path: Path, wallet: Wallet) -> None:
    chain = EmbeddedChain(path)
    await wallet.deploy(chain, COUNT)
    with chain._node._database.write() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    chain._node._database._writer.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]  # the file's
    [answer] = await chain.answer(
        [("eth_sendRawTransaction", [wallet.sign(data=bytes(range(256)) * 100, gas=3_000_000)])]
    )
    assert (answer.code, "database or disk is full" in answer.message) == (-32603, True)
    assert await chain.request("eth_blockNumber") == "0x1"
    await chain.close()


async def test_a_closed_chain_says_so() -> None:
    chain = EmbeddedChain()
    await chain.close()
    await chain.close()
    with pytest.raises(ChainUnreachable, match="closed"):
        await chain.request("eth_blockNumber")
