"""kill -9 while transactions are in flight: what was acknowledged is there afterwards.

The node runs as the process that users run. The same loop, longer and with figures, is `benchmarks/chain.py`.
"""

from pathlib import Path

import pytest

from tests.chain.embedded.killing import NodeProcess, send_until_killed

pytestmark = pytest.mark.system

KILLS = 8


async def test_no_acknowledged_transaction_is_lost_to_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    acknowledged: list[str] = []
    for kill in range(KILLS):
        async with NodeProcess(path) as node:
            acknowledged += await send_until_killed(node, seeds=range(1, 4), kill_after=3 * kill + 2)
    async with NodeProcess(path) as node:
        found = await node.rpc.batch([("eth_getTransactionReceipt", [each]) for each in acknowledged])
        assert all(each is not None and each["status"] == "0x1" for each in found)
        head = int(await node.rpc.request("eth_blockNumber"), 16)
        blocks = await node.rpc.batch([("eth_getBlockByNumber", [hex(at), False]) for at in range(head + 1)])
        assert [each["parentHash"] for each in blocks[1:]] == [each["hash"] for each in blocks[:-1]]
