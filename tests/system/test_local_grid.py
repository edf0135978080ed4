"""A whole grid of processes on a chain that somebody else keeps."""

from pathlib import Path

import pytest

from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.server import listening
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.cli.localgrid.grid import LocalGrid
from deepsquare.cli.localgrid.parts import NODE
from deepsquare.model import JobStatus
from deepsquare.sdk import AsyncClient
from tests.support.local_grid import HELLO

pytestmark = pytest.mark.system


async def test_a_grid_stands_on_the_chain_of_a_node_that_runs_already(tmp_path: Path) -> None:
    chain = EmbeddedChain()
    try:
        async with (
            listening(chain) as address,
            LocalGrid(StateFolder(tmp_path), say=print, node_url=address) as grid,
            AsyncClient(grid.configuration) as client,
        ):
            assert NODE not in grid.children.pids

            await client.allow(10)
            job = await client.submit(HELLO, credits=1)

            assert (await job.wait()).status is JobStatus.FINISHED
    finally:
        await chain.close()
