"""docs/deployment.md is true: its commands, in their order, put a grid on a chain and run a job there."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deepsquare.chain import HttpRpc
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.server import listening
from deepsquare.chain.waiting import HeadWait
from deepsquare.cli.localgrid.ports import keep_ports
from deepsquare.clock import SystemClock
from deepsquare.sdk.wallet import address_of
from tests.support.chain import CHAIN_ID
from tests.support.nodes import RunningNode, anvil, geth
from tests.system.grid_process import environment

TREE = Path(__file__).parents[2]
PAGE = (TREE / "docs" / "deployment.md").read_text(encoding="utf-8")
PARTIES = ("admin", "scheduler", "provider", "customer")
GIFT = 10**18
SECONDS = 200


@contextlib.asynccontextmanager
async def embedded(_folder: Path) -> AsyncIterator[RunningNode]:
    chain = EmbeddedChain(":memory:", chain_id=CHAIN_ID)
    try:
        async with listening(chain) as url:
            yield RunningNode(url, url.replace("http", "ws"))
    finally:
        await chain.close()


def on_anvil(folder: Path) -> contextlib.AbstractAsyncContextManager[RunningNode]:
    return anvil(folder, CHAIN_ID)


async def fund(url: str, folder: Path) -> None:
    """Give each party some of the chain's coin, where it has any."""
    rpc = HttpRpc(url)
    blocks = HeadWait(rpc, SystemClock())
    try:
        accounts = await rpc.request("eth_accounts")
        for party in PARTIES if accounts else ():
            receiver = address_of(folder / f"{party}.json")
            gift = {"from": accounts[0], "to": receiver, "value": hex(GIFT)}
            await rpc.request("eth_sendTransaction", [gift])
            while await rpc.request("eth_getBalance", [receiver, "latest"]) == "0x0":
                await blocks.wait(0.1)
    finally:
        await blocks.close()
        await rpc.close()


async def bash(script: str, folder: Path, variables: dict[str, str]) -> str:
    """What the script says; whatever it left running ends with it."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        script,
        cwd=folder,
        env=environment(folder) | variables | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    said = ""
    try:
        async with asyncio.timeout(SECONDS):
            assert process.stdout is not None
            while not said.rstrip().endswith(DONE) and (line := await process.stdout.readline()):
                said += line.decode(errors="replace")
    except TimeoutError:
        raise AssertionError(f"after {SECONDS} s still not at its end:\n{said}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.communicate()  # what it left running holds the output open until it has ended
    return said


DONE = "that was the page"
Kind = Callable[[Path], contextlib.AbstractAsyncContextManager[RunningNode]]


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(embedded, id="embedded", marks=pytest.mark.system),
        pytest.param(on_anvil, id="anvil", marks=pytest.mark.system),
        pytest.param(geth, id="geth", marks=pytest.mark.conformance),
    ],
)
async def test_the_commands_of_the_page_make_a_grid_that_runs_a_job(tmp_path: Path, kind: Kind) -> None:
    wallets, *rest = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "examples").symlink_to(TREE / "examples")
    port = keep_ports(tmp_path / "ports.json", ("gateway",))["gateway"]
    async with kind(tmp_path) as node:
        variables = {"NODE": node.url, "PORT": str(port)}
        assert DONE in await bash(f"{wallets}\necho {DONE}", folder, variables)
        await fund(node.url, folder)
        functions = "\n".join(line for line in wallets.splitlines() if "() {" in line)
        said = await bash("\n".join([functions, *rest, f"echo {DONE}"]), folder, variables)
    assert DONE in said, said
    assert "Hello World" in said
    assert "FINISHED" in said
    assert f"{address_of(folder / 'customer.json')} is the grid's admin now." in said
