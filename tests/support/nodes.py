"""Real chain nodes as tests start them: on a free port, in a folder of their own, gone at the end.

A tool is looked for in its environment variable, on PATH, and where the tree installs it. With CI=true a
missing tool fails the test, elsewhere it skips it.
"""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.needs import give_up

_TREE = Path(__file__).parents[2]
_TOOL_FOLDERS = (_TREE / ".tools" / "bin", _TREE / ".tools", _TREE / "contracts" / "node_modules" / ".bin")

OLDEST_RULES = "cancun"
"""Of the chains that a grid may live on; the embedded chain and geth have newer ones."""


@dataclass(frozen=True)
class RunningNode:
    """Where a node answers."""

    url: str
    websocket_url: str


def installed(name: str) -> str | None:
    """The path of `anvil` or `geth`, where there is one."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), *map(str, _TOOL_FOLDERS)])
    return os.environ.get(_variable(name)) or shutil.which(name, path=folders)


def _variable(name: str) -> str:
    return f"DEEPSQUARE_TEST_{name.upper()}"


def tool(name: str) -> str:
    """The path of `anvil` or `geth`, without which a test cannot run."""
    found = installed(name)
    if found is None:
        give_up(f"{name} is not installed: set {_variable(name)}, or put it on PATH or into .tools/")
    return found


@contextlib.asynccontextmanager
async def anvil(folder: Path, chain_id: int, *options: str, rules: str = OLDEST_RULES) -> AsyncIterator[RunningNode]:
    """An anvil that makes a block of each transaction; `options` are more of its own."""
    command = [tool("anvil"), "--port", "0", "--chain-id", str(chain_id), "--hardfork", rules]
    command += ["--prune-history", "256", *options]
    async with _running(command, folder, rb"Listening on (127\.0\.0\.1:\d+)") as address:
        yield RunningNode(f"http://{address}", f"ws://{address}")


@contextlib.asynccontextmanager
async def geth(folder: Path) -> AsyncIterator[RunningNode]:
    """A geth with one signer; its chain id is 1337, and its first account holds the coins."""
    command = [tool("geth"), "--dev", "--datadir", str(folder), "--ipcdisable", "--port", "0", "--nodiscover"]
    command += ["--http", "--http.port", "0", "--ws", "--ws.port", "0", "--verbosity", "3"]
    async with _running(command, folder, rb"HTTP server started +endpoint=(127\.0\.0\.1:\d+)") as address:
        yield RunningNode(f"http://{address}", f"ws://{address}")


@contextlib.asynccontextmanager
async def _running(command: list[str], folder: Path, ready: bytes) -> AsyncIterator[str]:
    """The process, from the line that says where it listens until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ | {"HOME": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    drain = None
    try:
        address = await _address(process.stdout, ready)
        drain = asyncio.create_task(_drain(process.stdout))
        yield address
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        if drain is not None:
            await drain


async def _address(output: asyncio.StreamReader, ready: bytes) -> str:
    said = b""
    async for line in output:
        said += line
        if (found := re.search(ready, line)) is not None:
            return found[1].decode()
    raise AssertionError(f"the node ended before it listened:\n{said.decode(errors='replace')}")


async def _drain(output: asyncio.StreamReader) -> None:
    while await output.read(65536):
        pass
