"""`dps supervisor`: a provider's cluster on the grid, as a service."""

import contextlib
from pathlib import Path

import click

from deepsquare.chain import EventReader, ProviderAccount, Sender
from deepsquare.cli.command import Command
from deepsquare.cli.options import configuration, grid_options, wallet_options
from deepsquare.cli.services.options import settings_options
from deepsquare.cli.services.provider_file import ProviderFile
from deepsquare.cli.services.running import connect, serve
from deepsquare.cli.services.settings_file import read_settings
from deepsquare.clock import SystemClock
from deepsquare.gateway.client import GatewayClient
from deepsquare.gateway.signing import SigningDomain
from deepsquare.metascheduler.client import MetaSchedulerClient, StatusDomain, StatusSender
from deepsquare.sdk.wallet import open_signer
from deepsquare.supervisor.abilities import InstalledAbilities
from deepsquare.supervisor.journal import Journal
from deepsquare.supervisor.ports import Ports
from deepsquare.supervisor.service import Supervisor


@click.command("supervisor", cls=Command, short_help="Run the grid's jobs on this cluster.")
@settings_options
@grid_options
@wallet_options
def supervisor(settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Run a provider's supervisor until TERM or Ctrl-C. Its settings are listed in docs/supervisor.md and docs/cli.md.

    Jobs go on while it is away; what they earned is reported when it is back.
    """
    settings = read_settings(ProviderFile, settings_file, assignments)
    grid = configuration()
    signer = open_signer(grid)

    async def work() -> None:
        clock = SystemClock()
        ledger = await connect(grid, clock)
        contract = ledger.meta_scheduler
        try:
            async with (
                GatewayClient(grid.require("gateway"), SigningDomain.of(ledger.grid), clock=clock) as gateway,
                contextlib.AsyncExitStack() as doors,
            ):
                scheduler = None
                if (url := grid.get("scheduler")) is not None:
                    client = await doors.enter_async_context(MetaSchedulerClient(url))
                    scheduler = StatusSender(client, StatusDomain.of(ledger.grid), signer, clock)
                ports = Ports(
                    chain=ledger,
                    events=EventReader(ledger, provider=signer.address, clock=clock),
                    account=ProviderAccount(ledger, Sender(ledger.rpc, signer, ledger.grid.chain_id, clock=clock)),
                    gateway=gateway,
                    cluster=settings.cluster.open(contract),
                    abilities=InstalledAbilities(settings),
                    signer=signer,
                    journal=Journal(
                        settings.journal, chain_id=ledger.grid.chain_id, contract=contract, provider=signer.address
                    ),
                    clock=clock,
                    scheduler=scheduler,
                )
                await Supervisor(ports, settings.supervisor).run()
        finally:
            await ledger.rpc.close()

    serve(work)
