"""A node in a process of its own, that tests and benchmarks may kill."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deepsquare.chain.errors import ChainUnreachable
from deepsquare.chain.http_rpc import HttpRpc
from tests.chain.embedded.wallet import Wallet

_STRANGER = "0x00000000000000000000000000000000000000aa"
_SERVE = """
import asyncio, sys
from deepsquare.chain.embedded.service import NodeService
from deepsquare.chain.embedded.settings import NodeSettings

async def main():
    node = NodeService(NodeSettings(database=sys.argv[1], port=0))
    running = asyncio.create_task(node.run())
    print(await node.address(), flush=True)
    await running

asyncio.run(main())
"""


class NodeProcess:
    """A running node over a database; killed at the end of the block, if nobody killed it before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_killed = False

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _SERVE, str(self._path), stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.address = (await self._process.stdout.readline()).decode().strip()
        assert self.address, "the node ended before it answered"
        self.rpc = HttpRpc(self.address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.rpc.close()
        self.kill()
        await self._process.wait()

    def kill(self) -> None:
        """Send SIGKILL."""
        if not self._is_killed:
            self._is_killed = True
            os.kill(self._process.pid, signal.SIGKILL)


async def send_until_killed(node: NodeProcess, seeds: Sequence[int], kill_after: int) -> list[str]:
    """Send transactions from as many wallets at once, and kill the node when `kill_after` are acknowledged.

    The others are then in flight. Gives the hashes of all that were acknowledged.
    """
    acknowledged: list[str] = []

    async def send(seed: int) -> None:
        wallet = Wallet(seed)
        with contextlib.suppress(ChainUnreachable):
            wallet.nonce = int(await node.rpc.request("eth_getTransactionCount", [wallet.address]), 16)
            while True:
                raw = wallet.sign(to=_STRANGER, gas=21_000)
                acknowledged.append(await node.rpc.request("eth_sendRawTransaction", [raw]))
                if len(acknowledged) == kill_after:
                    node.kill()

    await asyncio.gather(*map(send, seeds))
    return acknowledged
