"""`dps up`: keep a whole grid running on this machine."""

import asyncio
import signal
from pathlib import Path

import click

from deepsquare.cli.command import Command, current
from deepsquare.cli.connecting import run
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.cli.localgrid.grid import LocalGrid
from deepsquare.cli.output import Output
from deepsquare.cli.shell import activation, from_here

DEFAULT_STATE = Path(".dps")


@click.command("up", cls=Command, short_help="Keep a whole grid running on this machine.")
@click.option(
    "--state",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_STATE,
    show_default=True,
    help="The folder of the grid: its chain, its wallets, its logs.",
)
@click.option("--slurm", "with_slurm", is_flag=True, help="Run one of the two providers on this machine's Slurm.")
def up(folder: Path, *, with_slurm: bool) -> None:
    """Keep a whole grid running on this machine: chain, gateway, meta-scheduler, two providers.

    The first start deploys the contracts and makes the wallets; every later one finds the chain, the jobs and the
    credits as they were. Ctrl-C ends it, and jobs that still run with it.
    """
    run(_up(StateFolder(folder), current().output, with_slurm=with_slurm))


async def _up(folder: StateFolder, output: Output, *, with_slurm: bool) -> None:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, _Stop(task, output))
    output.say(f"Starting the grid in {from_here(folder.path)} ...")
    try:
        async with LocalGrid(folder, say=output.say, with_slurm=with_slurm) as grid:
            _tell(output, grid)
            await grid.watch()
    except asyncio.CancelledError:
        output.say("The grid is stopped. `dps up` takes it up again as it was.")


class _Stop:
    """The first signal ends the grid; another one while it ends changes nothing."""

    def __init__(self, task: asyncio.Task[None], output: Output) -> None:
        self._task = task
        self._output = output
        self._is_stopping = False

    def __call__(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._output.say("Stopping ...")
            self._task.cancel()


def _tell(output: Output, grid: LocalGrid) -> None:
    """What runs, and what to type next."""
    settings = grid.configuration
    folder = grid.folder.path
    is_found = folder == Path.cwd() / DEFAULT_STATE
    first = [activation(), "" if is_found else f"export DEEPSQUARE_CONFIG={grid.folder.config_file}"]
    prefix = "".join(f"{line}\n  " for line in first if line)
    output.say(
        f"The grid runs: chain {settings.require('rpc')}, gateway {settings.require('gateway')}, two providers.\n"
        "In another terminal, in this folder:\n"
        f"  {prefix}dps submit examples/hello-world.yaml --watch\n"
        "  dps provider list\n"
        "  dps credits balance\n"
        "Ctrl-C stops it."
    )
    output.event(
        {
            "event": "started",
            "state": str(folder),
            "rpc": settings.require("rpc"),
            "gateway": settings.require("gateway"),
            "processes": grid.children.pids,
        }
    )
