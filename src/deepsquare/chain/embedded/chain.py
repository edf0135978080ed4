"""The embedded chain as the `Rpc` port: JSON-RPC in the same process, without a socket.

    chain = EmbeddedChain("grid.sqlite")         # or ":memory:"
    await chain.request("eth_blockNumber")
    await chain.close()

Opening it the first time in a process costs half a second for the interpreter's modules; importing this does not.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from deepsquare.chain.embedded.database import IN_MEMORY
from deepsquare.chain.embedded.errors import METHOD_NOT_FOUND, SERVER_ERROR, JsonRpcError
from deepsquare.chain.embedded.genesis import CHAIN_ID, Genesis
from deepsquare.chain.embedded.methods import SEND_RAW_TRANSACTION, SUBSCRIBE, SUBSCRIPTION_METHODS
from deepsquare.chain.embedded.node import Answer, Call, Node
from deepsquare.chain.embedded.parameters import address, argument, data
from deepsquare.chain.embedded.presentation import hex_data
from deepsquare.chain.embedded.recent import RecentBlocks
from deepsquare.chain.embedded.view import View
from deepsquare.chain.errors import ChainUnreachable, RpcError
from deepsquare.clock import Clock, SystemClock

T = TypeVar("T")


class EmbeddedChain:
    """A chain node within the process. Raises `EmbeddedChainError` where the database cannot be opened.

    `funded` gives addresses their first balances (wei); it counts when the database is created and never again.
    """

    def __init__(
        self,
        path: str | Path = IN_MEMORY,
        *,
        chain_id: int = CHAIN_ID,
        clock: Clock | None = None,
        funded: Mapping[str, int] | None = None,
    ) -> None:
        from deepsquare.chain.embedded.pyevm import PyEvmEngine  # noqa: PLC0415 - half a second that importers need not pay

        balances = {address(owner): balance for owner, balance in (funded or {}).items()}
        self._node = Node(path, Genesis(chain_id), balances, clock or SystemClock(), PyEvmEngine())
        self._is_closed = False

    @property
    def chain_id(self) -> int:
        return self._node.genesis.chain_id

    async def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The result of one call. Raises `RpcError`, or `ChainUnreachable` once the chain is closed."""
        return (await self.batch([(method, params)]))[0]

    async def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Several calls, results in order; raises the first error among them."""
        if self._is_closed:
            raise ChainUnreachable("the embedded chain was closed by this program")
        answers = await self.answer(calls)
        for (method, _), answer in zip(calls, answers, strict=True):
            if isinstance(answer, JsonRpcError):
                raise RpcError(method, answer.code, answer.message, answer.data)
        return answers

    async def answer(self, calls: Sequence[Call]) -> list[Answer]:
        """The answers in order, errors among them as values. Calls see what the calls before them did.

        Transactions that follow each other are submitted together, and share one flush to disk.
        """
        if self._is_closed:
            return [JsonRpcError(SERVER_ERROR, "the node is shutting down") for _ in calls]
        answers: list[Answer] = []
        while len(answers) < len(calls):
            rest = calls[len(answers) :]
            run = _run_of_same_kind(rest)
            if rest[0][0] == SEND_RAW_TRANSACTION:
                answers += await self._send(run)
            elif rest[0][0] in SUBSCRIPTION_METHODS:
                answers += [_no_notifications(method) for method, _ in run]
            else:
                answers += await self._read(run)
        return answers

    async def look(self, reader: Callable[[View], T]) -> T:
        """What `reader` makes of the chain as it is now; it runs on a reader's thread."""
        return await asyncio.wrap_future(self._node.look(reader))

    @property
    def recent(self) -> RecentBlocks:
        """The newest blocks."""
        return self._node.recent

    def new_heads(self) -> AsyncIterator[int | None]:
        """Yield after new blocks; ends when the chain is closed."""
        return self._node.heads.listen()

    async def close(self) -> None:
        """Finish what was begun and close the database; further requests fail."""
        if not self._is_closed:
            self._is_closed = True
            await asyncio.to_thread(self._node.close)

    async def _read(self, calls: Sequence[Call]) -> list[Answer]:
        known = self._node.known(calls)
        if known is None:
            return await asyncio.wrap_future(self._node.read(calls))
        # A turn for others: nobody who asks again and again shall keep the loop to himself.
        await asyncio.sleep(0)
        return known

    async def _send(self, calls: Sequence[Call]) -> list[Answer]:
        answers = [_raw_transaction(params) for _, params in calls]
        raws = [raw for raw in answers if isinstance(raw, bytes)]
        outcomes = iter(await asyncio.gather(*map(asyncio.wrap_future, self._node.submit(raws))))
        settled = (next(outcomes) if isinstance(answer, bytes) else answer for answer in answers)
        return [hex_data(answer) if isinstance(answer, bytes) else answer for answer in settled]


def _run_of_same_kind(calls: Sequence[Call]) -> Sequence[Call]:
    """The calls at the front that are served alike: transactions, subscriptions, or reads."""
    kind = _kind(calls[0][0])
    return calls[: next((at for at, (method, _) in enumerate(calls) if _kind(method) != kind), len(calls))]


def _kind(method: str) -> str:
    if method in SUBSCRIPTION_METHODS:
        return SUBSCRIBE
    return method if method == SEND_RAW_TRANSACTION else "read"


def _no_notifications(method: str) -> JsonRpcError:
    return JsonRpcError(METHOD_NOT_FOUND, f"{method}: notifications not supported on this connection, use a WebSocket")


def _raw_transaction(params: Sequence[Any]) -> bytes | JsonRpcError:
    try:
        return data(argument(params, 0))
    except JsonRpcError as error:
        return error
