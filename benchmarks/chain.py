"""How fast the embedded chain is, how soon it is back, and whether kill -9 ever costs it anything.

The node runs in a process of its own and is asked over HTTP, as by a service; the transactions are transfers of the
grid's own credit, signed beforehand. Run alone with `python -m benchmarks chain`.
"""

import asyncio
import json
import tempfile
import time
from pathlib import Path

from eth_abi.abi import encode

from benchmarks.report import Figure, median
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.keccak import selector
from tests.chain.embedded.killing import NodeProcess, send_until_killed
from tests.chain.embedded.wallet import Wallet

_ARTIFACT = Path(__file__).parents[1] / "src" / "deepsquare" / "chain" / "artifacts" / "Credit.json"
_RECIPIENT = "0x00000000000000000000000000000000000000aa"
_BATCH = 100
_LONG_CHAIN = 5_000
_SENDERS = range(2, 5)


def measure(*, quick: bool) -> list[Figure]:
    """The figures of this benchmark."""
    return asyncio.run(_measure(quick))


async def _measure(quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-chain-") as folder:
        return [
            *await _openings(runs=3 if quick else 10),
            *await _throughput(Path(folder) / "speed.sqlite", singles=100 if quick else 500),
            *await _kills(Path(folder) / "kills.sqlite", kills=5 if quick else 100),
        ]


async def _openings(runs: int) -> list[Figure]:
    await EmbeddedChain().close()  # pays for the imports
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        chain = EmbeddedChain()
        await chain.request("eth_blockNumber")
        seconds.append(time.perf_counter() - start)
        await chain.close()
    return [Figure("chain: open in memory", median(seconds) * 1000, "ms", detail=f"median of {runs}")]


async def _throughput(path: Path, singles: int) -> list[Figure]:
    wallet = Wallet()
    async with NodeProcess(path) as node:
        created = await wallet.send(node.rpc, data=_credit_creation(wallet.address), gas=5_000_000)
        transfers = [
            wallet.sign(to=created["contractAddress"], data=_transfer(number), gas=100_000)
            for number in range(1, _LONG_CHAIN)
        ]
        start = time.perf_counter()
        for raw in transfers[:singles]:
            await node.rpc.request("eth_sendRawTransaction", [raw])
        one_at_a_time = singles / (time.perf_counter() - start)

        start = time.perf_counter()
        for first in range(singles, len(transfers), _BATCH):
            batch = transfers[first : first + _BATCH]
            await node.rpc.batch([("eth_sendRawTransaction", [raw]) for raw in batch])
        batched = (len(transfers) - singles) / (time.perf_counter() - start)

        balance = {"to": created["contractAddress"], "data": _balance_query()}
        start = time.perf_counter()
        for _ in range(singles):
            await node.rpc.request("eth_call", [balance, "latest"])
        calls = singles / (time.perf_counter() - start)
    return [
        Figure("chain: transactions, one at a time", one_at_a_time, "1/s", at_least=100, detail=f"{singles} over HTTP"),
        Figure("chain: transactions, in batches", batched, "1/s", at_least=300, detail=f"batches of {_BATCH}"),
        Figure("chain: calls, one at a time", calls, "1/s", detail=f"{singles} over HTTP"),
        *await _restarts(path),
    ]


async def _restarts(path: Path) -> list[Figure]:
    """After a kill: of the chain alone, and of a whole process, Python's start and the imports included."""
    start = time.perf_counter()
    async with NodeProcess(path) as node:
        await node.rpc.request("eth_blockNumber")
        process = time.perf_counter() - start
    start = time.perf_counter()
    chain = EmbeddedChain(path)
    await chain.request("eth_blockNumber")
    alone = time.perf_counter() - start
    await chain.close()
    detail = f"{_LONG_CHAIN} transactions, after kill -9"
    return [
        Figure("chain: reopen", alone * 1000, "ms", detail=detail),
        Figure("chain: restart of the process", process, "s", detail=detail + ", Python's start and imports included"),
    ]


async def _kills(path: Path, kills: int) -> list[Figure]:
    acknowledged: list[str] = []
    back: list[float] = []
    for kill in range(kills):
        start = time.perf_counter()
        async with NodeProcess(path) as node:
            back.append(time.perf_counter() - start)
            acknowledged += await send_until_killed(node, _SENDERS, kill_after=5 + kill % 40)
    async with NodeProcess(path) as node:
        receipts = await node.rpc.batch([("eth_getTransactionReceipt", [each]) for each in acknowledged])
    lost = sum(receipt is None for receipt in receipts)
    detail = f"of {len(acknowledged)}, {kills} kills with transactions in flight"
    return [
        Figure("chain: acknowledged transactions lost to kill -9", lost, "", at_most=0, detail=detail),
        Figure("chain: start after a kill", median(back), "s", detail=f"median of {kills}, imports included"),
    ]


def _credit_creation(owner: str) -> bytes:
    bytecode: str = json.loads(_ARTIFACT.read_text())["bytecode"]
    return bytes.fromhex(bytecode.removeprefix("0x")) + encode(["address", "uint256"], [owner, 10**24])


def _transfer(amount: int) -> bytes:
    return selector("transfer(address,uint256)") + encode(["address", "uint256"], [_RECIPIENT, amount])


def _balance_query() -> str:
    return "0x" + (selector("balanceOf(address)") + encode(["address"], [_RECIPIENT])).hex()
