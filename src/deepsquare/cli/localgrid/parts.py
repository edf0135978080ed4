"""The services of a grid on this machine: their settings files, their command lines, how one knows that they serve.

They are the production commands with local addresses; keys reach them as paths in their environment.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from deepsquare.chain import ChainError, HttpRpc
from deepsquare.cli.localgrid.accounts import SCHEDULER, Account, account
from deepsquare.cli.localgrid.children import Part
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.cli.localgrid.ports import LOOPBACK
from deepsquare.cli.localgrid.providers import LocalProvider
from deepsquare.gateway.client import GatewayClient
from deepsquare.gateway.errors import GatewayError

NODE = "node"
GATEWAY = "gateway"
METASCHEDULER = "metascheduler"

_SECRETS_AND_SETTINGS = "DEEPSQUARE_"
_MIRROR = "DEEPSQUARE_MODULE_MIRROR"

IsReady = Callable[[], Awaitable[bool]]


def node_part(folder: StateFolder, port: int, rpc: HttpRpc) -> Part:
    """The chain."""
    database = folder.data("chain") / "chain.sqlite"
    settings = f"database = {json.dumps(str(database))}\nhost = {json.dumps(LOOPBACK)}\nport = {port}\n"

    async def answers() -> bool:
        try:
            await rpc.request("eth_chainId")
        except ChainError:
            return False
        return True

    return _part(folder, NODE, command=NODE, settings=settings, environment={}, is_ready=answers)


def gateway_part(folder: StateFolder, port: int, client: GatewayClient) -> Part:
    """The gateway; it takes modules of workflows from where its owner takes them."""
    data, mirror = folder.data("gateway"), os.environ.get(_MIRROR)
    entries = {
        "host": LOOPBACK,
        "port": port,
        "database_url": f"sqlite:///{data / 'gateway.sqlite'}",
        "module_cache": str(data / "modules"),
        **({"module_mirror": str(Path(mirror).absolute())} if mirror else {}),
    }
    settings = "".join(f"{key} = {json.dumps(value)}\n" for key, value in entries.items())

    async def answers() -> bool:
        try:
            await client.about()
        except GatewayError:
            return False
        return True

    return _part(folder, GATEWAY, command=GATEWAY, settings=settings, environment=_grid(folder), is_ready=answers)


def metascheduler_part(folder: StateFolder, port: int) -> Part:
    """The meta-scheduler."""
    environment = _grid(folder) | account(folder, SCHEDULER).environment
    settings = f"host = {json.dumps(LOOPBACK)}\nport = {port}\n"
    return _part(
        folder, METASCHEDULER, command=METASCHEDULER, settings=settings, environment=environment, is_ready=_at_once
    )


def supervisor_part(folder: StateFolder, provider: LocalProvider, wallet: Account) -> Part:
    """One provider's supervisor; the chain says when it serves (see `founding.admit`)."""
    environment = _grid(folder) | wallet.environment
    return _part(
        folder,
        provider.name,
        command="supervisor",
        settings=provider.settings(folder),
        environment=environment,
        is_ready=_at_once,
    )


async def _at_once() -> bool:
    """Ready: a service with no door of its own, which waits for whatever it needs."""
    return True


def _grid(folder: StateFolder) -> dict[str, str]:
    return {"DEEPSQUARE_GRID": str(folder.grid_file), "DEEPSQUARE_CONFIG": os.devnull}


def _part(
    folder: StateFolder, name: str, *, command: str, settings: str, environment: dict[str, str], is_ready: IsReady
) -> Part:
    file = folder.path / f"{name}.toml"
    _write(file, settings)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(_SECRETS_AND_SETTINGS)}
    return Part(
        name=name,
        command=(sys.executable, "-P", "-m", "deepsquare.cli", command, "--settings", str(file)),
        environment=inherited | environment,
        log=folder.log(name),
        is_ready=is_ready,
    )


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
