"""`dps metascheduler`: the assignment of waiting jobs as a service."""

import asyncio
from pathlib import Path

import click

from deepsquare.chain import EventReader, Ledger, SchedulerAccount, Sender
from deepsquare.chain.reader import SERVICE_PAUSE_SECONDS
from deepsquare.cli.command import Command
from deepsquare.cli.options import configuration, grid_options, wallet_options
from deepsquare.cli.services.options import settings_options
from deepsquare.cli.services.running import connect, serve
from deepsquare.cli.services.settings_file import read_settings
from deepsquare.clock import Clock, SystemClock
from deepsquare.metascheduler.service import MetaScheduler
from deepsquare.metascheduler.settings import MetaSchedulerSettings
from deepsquare.metascheduler.status import StatusDomain
from deepsquare.sdk.wallet import open_signer


@click.command("metascheduler", cls=Command, short_help="Assign waiting jobs to providers.")
@settings_options
@grid_options
@wallet_options
def metascheduler(settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Run a meta-scheduler until TERM or Ctrl-C. Its settings are listed in docs/metascheduler.md.

    Its account needs the grid's METASCHEDULER_ROLE. Several may run: the chain decides who was first.
    """
    settings = read_settings(MetaSchedulerSettings, settings_file, assignments)
    grid = configuration()
    signer = open_signer(grid)

    async def work() -> None:
        clock = SystemClock()
        ledger = await connect(grid, clock)
        try:
            account = SchedulerAccount(ledger, Sender(ledger.rpc, signer, ledger.grid.chain_id, clock=clock))
            reader = EventReader(ledger, pause_seconds=SERVICE_PAUSE_SECONDS, clock=clock)
            await _serve(MetaScheduler(ledger, account, reader, clock, settings=settings), settings, ledger, clock)
        finally:
            await ledger.rpc.close()

    serve(work)


async def _serve(scheduler: MetaScheduler, settings: MetaSchedulerSettings, ledger: Ledger, clock: Clock) -> None:
    """Schedule, and answer at the door where the settings have one."""
    if settings.port is None:
        await scheduler.run()
        return
    from deepsquare.metascheduler.serving import Door  # noqa: PLC0415 - a web server that only a door needs

    door = Door(scheduler, settings, StatusDomain.of(ledger.grid), clock, settings.port)
    async with asyncio.TaskGroup() as group:
        group.create_task(scheduler.run())
        group.create_task(door.run())
