"""A node with a transaction pool and nothing else: blocks come when the test says so, answers get lost on request."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from eth_account import Account

from deepsquare.chain.errors import ChainError, ChainUnreachable, RpcError
from deepsquare.chain.keccak import keccak256

CHAIN_ID = 1234
TIP = 10**9
BLOCK_GAS = 30_000_000


class PoolNode:
    """Implements `Rpc` for a `Sender` under test."""

    def __init__(self, base_fee: int | None = 10**9, tip: int = TIP) -> None:
        self.base_fee = base_fee
        self.tip = tip
        self.pool: dict[tuple[str, int], str] = {}
        self.mined: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, int] = {}
        self.block = 1
        self.mines_at_once = False
        self.suggests_tips = True
        self.is_up = True
        self.lose_answers = 0
        """So many transactions arrive although the sender hears of a lost connection."""
        self.succeeds = True
        self.gas_used = 21_000
        self.block_gas = BLOCK_GAS
        self.estimates = 0
        self.refuse_estimates: RpcError | None = None
        self.refuse_once: list[RpcError] = []
        self.replay_error: RpcError | None = None
        self.received: list[str] = []
        self.refuse_early_receipts: ChainError | None = None
        """What the node says of the receipt of a transaction that waits for a block, if not that there is none."""
        self.receipts_asked = 0
        self.batch_sizes: list[int] = []
        self.on_send: Callable[[str], None] = lambda _: None
        self._raw: dict[str, dict[str, Any]] = {}
        self._news: set[asyncio.Event] = set()

    async def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        await self._arrive()
        return self._answer(method, params)

    async def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        self.batch_sizes.append(len(calls))
        await self._arrive()
        return [self._answer(*call) for call in calls]

    async def _arrive(self) -> None:
        await asyncio.sleep(0)
        if not self.is_up:
            raise ChainUnreachable("the node is away")

    def _answer(self, method: str, params: Sequence[Any]) -> Any:
        answers: dict[str, Callable[[], Any]] = {
            "eth_estimateGas": self._estimate,
            "eth_getBlockByNumber": self._head,
            "eth_gasPrice": lambda: hex(3 * self.tip),
            "eth_maxPriorityFeePerGas": self._tip,
            "eth_getTransactionCount": lambda: self._count(*params),
            "eth_getTransactionReceipt": lambda: self._receipt(params[0]),
            "eth_call": self._replay,
            "eth_sendRawTransaction": lambda: self._receive(params[0]),
        }
        return answers[method]()

    async def new_heads(self) -> AsyncIterator[None]:
        news = asyncio.Event()
        self._news.add(news)
        while True:
            await news.wait()
            news.clear()
            yield

    async def close(self) -> None:
        self.is_up = False

    def mine(self) -> None:
        """Take everything that is in order into one block."""
        self.block += 1
        for account, nonce in sorted(self.pool):
            if nonce == self.counts.get(account, 0):
                self._take(self.pool.pop((account, nonce)), account)
        for news in self._news:
            news.set()

    def drop(self, hash_: str) -> None:
        """Forget a waiting transaction, as a restarted node does."""
        self.pool = {key: known for key, known in self.pool.items() if known != hash_}

    def use_nonce(self, account: str) -> None:
        """Another process of the same account has a transaction mined."""
        self.counts[account] = self.counts.get(account, 0) + 1
        self.pool = {key: known for key, known in self.pool.items() if key != (account, self.counts[account] - 1)}

    def transaction(self, hash_: str) -> dict[str, Any]:
        return self._raw[hash_]

    def _take(self, hash_: str, account: str) -> None:
        self.counts[account] = self.counts.get(account, 0) + 1
        self.mined[hash_] = {
            "transactionHash": hash_,
            "blockNumber": hex(self.block),
            "status": "0x1" if self.succeeds else "0x0",
            "gasUsed": hex(self.gas_used),
            "contractAddress": None,
            "logs": [],
        }

    def _receipt(self, hash_: str) -> dict[str, Any] | None:
        self.receipts_asked += 1
        if hash_ not in self.mined and self.refuse_early_receipts is not None:
            raise self.refuse_early_receipts
        return self.mined.get(hash_)

    def _estimate(self) -> str:
        self.estimates += 1
        if self.refuse_estimates is not None:
            raise self.refuse_estimates
        return hex(21000)

    def _tip(self) -> str:
        if not self.suggests_tips:
            raise RpcError("eth_maxPriorityFeePerGas", -32601, "the method does not exist")
        return hex(self.tip)

    def _head(self) -> dict[str, Any]:
        head = {"number": hex(self.block), "gasLimit": hex(self.block_gas)}
        return head if self.base_fee is None else head | {"baseFeePerGas": hex(self.base_fee)}

    def _count(self, account: str, tag: str) -> str:
        count = self.counts.get(account, 0)
        while tag == "pending" and (account, count) in self.pool:
            count += 1
        return hex(count)

    def _replay(self) -> str:
        if self.replay_error is not None:
            raise self.replay_error
        return "0x"

    def _receive(self, raw: str) -> str:
        hash_ = "0x" + keccak256(bytes.fromhex(raw[2:])).hex()
        self.received.append(hash_)
        if self.refuse_once:
            raise self.refuse_once.pop(0)
        self._admit(raw, hash_)
        self.on_send(hash_)
        if self.mines_at_once:
            self.mine()
        if self.lose_answers:
            self.lose_answers -= 1
            raise ChainUnreachable("the answer got lost")
        return hash_

    def _admit(self, raw: str, hash_: str) -> None:
        account, fields = str(Account.recover_transaction(raw)), _fields(raw)
        self._raw[hash_] = fields
        if hash_ in self.pool.values():
            raise RpcError("eth_sendRawTransaction", -32000, "already known")
        nonce = fields["nonce"]
        if nonce < self.counts.get(account, 0):
            raise RpcError("eth_sendRawTransaction", -32000, "nonce too low")
        waiting = self.pool.get((account, nonce))
        if waiting is not None and self._raw[waiting]["max_fee"] * 11 > fields["max_fee"] * 10:
            raise RpcError("eth_sendRawTransaction", -32000, "replacement transaction underpriced")
        if self.base_fee is not None and fields["max_fee"] < self.base_fee:
            raise RpcError("eth_sendRawTransaction", -32000, "max fee per gas less than block base fee")
        self.pool[(account, nonce)] = hash_


rlp: Any = importlib.import_module("rlp")  # it brings no types


def _fields(raw: str) -> dict[str, Any]:
    """What the node looks at: EIP-2718 numbers the forms of transactions, the oldest one has no number."""
    data = bytes.fromhex(raw[2:])
    if data[0] == 2:
        _, nonce, _, max_fee, gas = (int.from_bytes(item, "big") for item in rlp.decode(data[1:])[:5])
        return {"type": 2, "nonce": nonce, "max_fee": max_fee, "gas": gas}
    nonce, max_fee, gas = (int.from_bytes(item, "big") for item in rlp.decode(data)[:3])
    return {"type": 0, "nonce": nonce, "max_fee": max_fee, "gas": gas}
