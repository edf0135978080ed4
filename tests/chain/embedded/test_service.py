import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from deepsquare.chain.embedded.errors import WrongChainId
from deepsquare.chain.embedded.service import NodeService
from deepsquare.chain.embedded.settings import NodeSettings
from deepsquare.chain.http_rpc import HttpRpc
from tests.chain.embedded.wallet import Wallet

OWNER = "0x" + "ab" * 20


async def test_a_node_serves_its_chain_until_cancelled_and_again(tmp_path: Path) -> None:
    settings = NodeSettings(database=tmp_path / "chain.sqlite", port=0, funded={OWNER: 3})
    for expected_block in ("0x0", "0x1"):
        node = NodeService(settings)
        running = asyncio.create_task(node.run())
        rpc = HttpRpc(await node.address())
        assert await rpc.batch([("eth_blockNumber", []), ("eth_getBalance", [OWNER])]) == [expected_block, "0x3"]
        await Wallet(seed=int(expected_block, 16) + 1).send(rpc, to=OWNER)
        await rpc.close()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_node_that_cannot_start_says_why(tmp_path: Path) -> None:
    settings = NodeSettings(database=tmp_path / "chain.sqlite", port=0)
    node = NodeService(settings)
    running = asyncio.create_task(node.run())
    await node.address()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(WrongChainId):
        await NodeService(settings.model_copy(update={"chain_id": 1})).run()


def test_settings_are_checked() -> None:
    with pytest.raises(ValidationError, match="port"):
        NodeSettings(database=Path("x"), port=70_000)
    with pytest.raises(ValidationError, match="funded"):
        NodeSettings(database=Path("x"), funded={"somebody": 5})
