"""`dps gateway`: the sbatch API as a service."""

from pathlib import Path

import click

from deepsquare.cli.command import Command
from deepsquare.cli.options import configuration, grid_options
from deepsquare.cli.services.options import settings_options
from deepsquare.cli.services.running import connect, serve
from deepsquare.cli.services.settings_file import read_settings
from deepsquare.clock import SystemClock
from deepsquare.gateway.service import GatewayService
from deepsquare.gateway.settings import GatewaySettings


@click.command("gateway", cls=Command, short_help="Compile workflows, keep scripts and logs.")
@settings_options
@grid_options
def gateway(settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Run a gateway until TERM or Ctrl-C. Its settings are listed in docs/gateway.md."""
    settings = read_settings(GatewaySettings, settings_file, assignments)
    grid = configuration()

    async def work() -> None:
        clock = SystemClock()
        ledger = await connect(grid, clock)
        try:
            await GatewayService(settings, ledger, clock).run()
        finally:
            await ledger.rpc.close()

    serve(work)
