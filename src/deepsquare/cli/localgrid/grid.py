"""A whole grid on this machine, from start to end: what `dps up` keeps running and `dps demo` shows.

    async with LocalGrid(StateFolder(Path(".dps")), ...) as grid:
        await grid.watch()

Starting finds what is there: the chain with its jobs and credits, the wallets, the ports. Ending leaves no process:
the services end in the opposite order, then the jobs that still run on the embedded clusters; a provider that comes
back reports those as lost, and they cost nothing.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from deepsquare.chain import DeployJournal, GridFile, HttpRpc, Ledger, load_grid, write_grid
from deepsquare.cli.failure import GridFailed
from deepsquare.cli.localgrid.accounts import CUSTOMER, account
from deepsquare.cli.localgrid.children import Children
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.cli.localgrid.founding import admin_of, admit, found
from deepsquare.cli.localgrid.parts import (
    GATEWAY,
    METASCHEDULER,
    NODE,
    gateway_part,
    metascheduler_part,
    node_part,
    supervisor_part,
)
from deepsquare.cli.localgrid.ports import LOOPBACK, keep_ports
from deepsquare.cli.localgrid.providers import cluster_root, providers
from deepsquare.clock import Clock, SystemClock
from deepsquare.clusters.local import shutdown
from deepsquare.gateway.client import GatewayClient
from deepsquare.gateway.signing import SigningDomain
from deepsquare.model import Address
from deepsquare.sdk.configuration import CONFIG_VARIABLE, Configuration, load

ADMISSION_SECONDS = 60.0
LAST_JOBS_SECONDS = 30.0
LOOK_SECONDS = 0.1


class LocalGrid:
    """One grid on this machine; with `node_url`, on the chain of a node that runs already (HTTP and WebSocket)."""

    def __init__(
        self,
        folder: StateFolder,
        *,
        say: Callable[[str], None],
        with_slurm: bool = False,
        node_url: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.folder = folder
        self._say = say
        self._clock = clock or SystemClock()
        self._providers = providers(with_slurm=with_slurm)
        self._node_url = node_url
        self._stack = AsyncExitStack()
        self.children = Children(self._clock, say)

    @property
    def configuration(self) -> Configuration:
        """The customer's settings: this grid, and a wallet with credits."""
        return load(environment={CONFIG_VARIABLE: str(self.folder.config_file)}, folder=self.folder.path)

    async def __aenter__(self) -> Self:
        try:
            self._stack.enter_context(self.folder.held())
            self._stack.push_async_callback(self._end)
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._stack.aclose()

    async def watch(self) -> None:
        """Keep all services alive until cancelled. Raises `GridFailed` where that cannot be done."""
        await self.children.watch()

    async def _start(self) -> None:
        folder = self.folder
        ports = keep_ports(folder.ports, (NODE, GATEWAY, METASCHEDULER))
        node_url = self._node_url or f"http://{LOOPBACK}:{ports[NODE]}"
        rpc = HttpRpc(node_url, clock=self._clock)
        self._stack.push_async_callback(rpc.close)
        if self._node_url is None:
            await self.children.start(node_part(folder, ports[NODE], rpc))
        journal = DeployJournal(folder.deployment)
        grid = load_grid(folder.grid_file).grid if folder.grid_file.exists() else await found(folder, rpc, journal)
        gateway_url = f"http://{LOOPBACK}:{ports[GATEWAY]}"
        websocket_url = node_url.replace("http", "ws", 1)
        scheduler_url = f"http://{LOOPBACK}:{ports[METASCHEDULER]}"
        write_grid(folder.grid_file, GridFile(node_url, grid, websocket_url, gateway_url, scheduler_url=scheduler_url))
        journal.close()
        self._write_config()
        gateway = await self._stack.enter_async_context(
            GatewayClient(gateway_url, SigningDomain.of(grid), clock=self._clock)
        )
        wallets = [account(folder, provider.name) for provider in self._providers]
        await self.children.start(
            gateway_part(folder, ports[GATEWAY], gateway),
            metascheduler_part(folder, ports[METASCHEDULER]),
            *(supervisor_part(folder, *pair) for pair in zip(self._providers, wallets, strict=True)),
        )
        ledger = await Ledger.connect(rpc, grid)
        await self._admitted(ledger, [wallet.address for wallet in wallets])

    async def _admitted(self, ledger: Ledger, addresses: list[Address]) -> None:
        """Wait until the providers serve; a child that cannot be kept alive ends the waiting."""
        watching = asyncio.create_task(self.children.watch())
        admitting = asyncio.create_task(admit(admin_of(self.folder, ledger), ledger, addresses, self._clock))
        try:
            async with asyncio.timeout(ADMISSION_SECONDS):
                await asyncio.wait({watching, admitting}, return_when=asyncio.FIRST_COMPLETED)
            await (watching if watching.done() else admitting)
        except TimeoutError:
            raise GridFailed(
                f"the providers did not serve within {ADMISSION_SECONDS:.0f} s",
                next_step=f"read what they say in {self.folder.logs}",
            ) from None
        finally:
            for task in (watching, admitting):
                task.cancel()
            await asyncio.gather(watching, admitting, return_exceptions=True)

    def _write_config(self) -> None:
        """The file by which `dps` finds this grid and its customer's wallet, from the folder above."""
        customer = account(self.folder, CUSTOMER)
        values = {
            "grid": self.folder.grid_file,
            "keystore": customer.keystore,
            "password_file": customer.password_file,
        }
        lines = [f"{key} = {json.dumps(str(path.relative_to(self.folder.path)))}" for key, path in values.items()]
        part = self.folder.config_file.with_suffix(".part")
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")
        part.replace(self.folder.config_file)

    async def _end(self) -> None:
        """End the services, then the jobs on the embedded clusters."""
        await self.children.stop()
        for provider in self._providers:
            root = cluster_root(folder_data=self.folder.data(provider.name))
            if root.exists():
                await self._end_jobs(root)

    async def _end_jobs(self, root: Path) -> None:
        await asyncio.to_thread(shutdown.drain, root)
        left = await asyncio.to_thread(shutdown.running, root)
        if left:
            self._say(f"Ending {len(left)} running job(s); they are reported as lost and cost nothing.")
        for folder in left:
            shutdown.tell_to_stop(folder)
        async with asyncio.timeout(LAST_JOBS_SECONDS):
            while await asyncio.to_thread(shutdown.running, root):
                await self._clock.sleep(LOOK_SECONDS)
