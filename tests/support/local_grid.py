"""A whole grid inside this process, which its customers reach as any grid: by HTTP on loopback.

The real chain, gateway, meta-scheduler and two supervisors with embedded clusters run on an event loop in a thread of
their own, on ports that the system chose. The services call the chain in its process; their way to it by HTTP is a
matter of whole grids in processes of their own. `zone=left` is cheap, `zone=right` is larger and dearer. The customer
has credits, and a wallet in the folder; `config.toml` there is what `dps` and the SDK read.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from deepsquare.chain import (
    EventReader,
    GridFile,
    Ledger,
    ProviderAccount,
    Sender,
    Signer,
    write_grid,
)
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.server import listening
from deepsquare.chain.keystore import SCRYPT_N_FOR_RANDOM_PASSWORDS
from deepsquare.cli.localgrid.founding import admit
from deepsquare.clock import SystemClock
from deepsquare.clusters.local import LocalCluster
from deepsquare.clusters.port import ClusterNode, NodeState
from deepsquare.gateway.client import GatewayClient
from deepsquare.gateway.service import GatewayService
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.gateway.signing import SigningDomain
from deepsquare.metascheduler.service import MetaScheduler
from deepsquare.model import Address, Node
from deepsquare.sdk import wallet
from deepsquare.sdk.configuration import CONFIG_VARIABLE, Configuration, load
from deepsquare.supervisor.abilities import InstalledAbilities
from deepsquare.supervisor.journal import Journal
from deepsquare.supervisor.ports import Ports
from deepsquare.supervisor.service import Supervisor
from deepsquare.supervisor.settings import PriceSettings, SupervisorSettings, VolumeSettings
from tests.support.chain import CHAIN_ID, deploy_grid, funded, signer

HELLO = """
enableLogging: true
resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: 0}
steps:
  - name: hello
    run: {command: echo "Hello World"}
"""

ENDLESS = """
enableLogging: true
resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: 0}
steps:
  - name: endless
    run: {command: exec sleep 600}
"""


@dataclass(frozen=True)
class RunningGrid:
    """Where the grid is, and who may use it."""

    folder: Path
    customer: Signer
    admin: Signer
    friend: Signer
    provider: Address
    """The provider at `zone=right`, of which no test expects anything."""

    @property
    def config_file(self) -> Path:
        return self.folder / "config.toml"

    @property
    def mirror(self) -> Path:
        """The gateway's mirror of modules; it need not be there."""
        return self.folder / "mirror"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which `dps` finds the grid and its customer's wallet."""
        return {CONFIG_VARIABLE: str(self.config_file)}

    @property
    def configuration(self) -> Configuration:
        return load(environment=self.environment, folder=self.folder)


@contextmanager
def running_grid(folder: Path) -> Iterator[RunningGrid]:
    """A grid that runs until the end of the block."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(_grid(folder)) as grid:
        yield grid


@asynccontextmanager
async def _grid(folder: Path) -> AsyncIterator[RunningGrid]:
    async with AsyncExitStack() as stack:
        chain = EmbeddedChain(":memory:", chain_id=CHAIN_ID, funded=funded())
        stack.push_async_callback(chain.close)
        node_url = await stack.enter_async_context(listening(chain))
        parties = await deploy_grid(chain, SystemClock())
        ledger = parties.ledger
        database, mirror = f"sqlite:///{folder / 'gateway.sqlite'}", folder / "mirror"
        gateway_settings = GatewaySettings(port=0, database_url=database, module_mirror=mirror)
        service = GatewayService(gateway_settings, ledger, SystemClock())
        grid_file = GridFile(node_url, parties.address, node_url.replace("http", "ws"), service.url)
        write_grid(folder / "grid.toml", grid_file)
        left, right = folder / "left", folder / "right"
        reader = EventReader(ledger)
        tasks = [
            asyncio.create_task(service.run()),
            asyncio.create_task(MetaScheduler(ledger, parties.scheduler_account, reader, SystemClock()).run()),
            asyncio.create_task(
                _supervise(left, ledger, service.url, role="provider one", zone="left", price="0.01", cpus=4)
            ),
            asyncio.create_task(
                _supervise(right, ledger, service.url, role="provider two", zone="right", price="0.02", cpus=8)
            ),
        ]
        stack.push_async_callback(_end, tasks)
        await service.started.wait()
        addresses = [provider.address for provider in parties.providers]
        await admit(parties.admin_account, ledger, addresses, SystemClock())
        yield _prepare_customer(folder)


async def _supervise(
    folder: Path, ledger: Ledger, gateway_url: str, *, role: str, zone: str, price: str, cpus: int
) -> None:
    clock, account, contract = SystemClock(), signer(role), ledger.meta_scheduler
    settings = SupervisorSettings(
        prices=PriceSettings.model_validate({"cpu_per_minute": price, "memory_mb_per_minute": "0"}),
        labels={"zone": zone},
        volumes=VolumeSettings(shared_root=folder / "volumes"),
    )
    nodes = [ClusterNode(f"{zone}-1", Node(cpus, 4096), NodeState.UP)]
    async with GatewayClient(gateway_url, SigningDomain.of(ledger.grid)) as gateway:
        ports = Ports(
            chain=ledger,
            events=EventReader(ledger, provider=account.address),
            account=ProviderAccount(ledger, Sender(ledger.rpc, account, CHAIN_ID)),
            gateway=gateway,
            cluster=LocalCluster(folder / "cluster", nodes, contract=contract, grace_seconds=1),
            abilities=InstalledAbilities(settings),
            signer=account,
            journal=Journal(folder / "journal.sqlite", chain_id=CHAIN_ID, contract=contract, provider=account.address),
            clock=clock,
        )
        await Supervisor(ports, settings).run()


def _prepare_customer(folder: Path) -> RunningGrid:
    grid = RunningGrid(folder, signer("customer"), signer("admin"), signer("friend"), signer("provider two").address)
    wallet.write_private(folder / "password", "correct horse\n")
    wallet.create(folder / "wallet.json", grid.customer, "correct horse", scrypt_n=SCRYPT_N_FOR_RANDOM_PASSWORDS)
    values = {"grid": "grid.toml", "keystore": "wallet.json", "password_file": "password"}
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in values.items()]
    grid.config_file.write_text("".join(lines), encoding="utf-8")
    return grid


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in reversed(tasks):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
