"""`dps demo`: a whole grid on this machine runs one workflow, and shows all that happens on the way."""

import asyncio
import signal
from pathlib import Path

import click

import deepsquare
from deepsquare.cli.command import Command, current, finish
from deepsquare.cli.connecting import run
from deepsquare.cli.exits import ExitCode
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.cli.localgrid.grid import LocalGrid
from deepsquare.cli.output import Output
from deepsquare.cli.problems import read_workflow, say_problems
from deepsquare.cli.shell import activation, from_here, is_activated
from deepsquare.cli.submitting import say_candidates, say_submitted
from deepsquare.cli.watching import watch
from deepsquare.model import Job
from deepsquare.sdk.client import AsyncClient
from deepsquare.sdk.errors import InvalidValue
from deepsquare.sdk.wallet import open_signer

DEFAULT_STATE = Path(".dps") / "demo"
EXAMPLE = Path("examples") / "hello-world.yaml"


@click.command("demo", cls=Command, short_help="A whole grid on this machine runs one job and shows everything.")
@click.option(
    "--state",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_STATE,
    show_default=True,
    help="The folder of the demo's grid; nothing is written anywhere else.",
)
@click.option(
    "--workflow",
    "file",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help=f"The workflow to run. [default: {EXAMPLE}]",
)
def demo(folder: Path, file: str | None) -> None:
    """Start a whole grid on this machine, run one workflow through it, show everything, stop the grid.

    You see who could run the job at what price, its states as they happen, its output live, and the bill. Nothing in it
    is special: each part is the production service with a local address. Exit code: the job's outcome.
    """
    ended = run(_demo(StateFolder(folder), file or str(_example()), current().output))
    finish(ExitCode.of_job(ended.status))


async def _demo(folder: StateFolder, file: str, output: Output) -> Job:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    source, text = read_workflow(file)
    output.say(f"Starting a grid in {from_here(folder.path)}: chain, gateway, meta-scheduler, two providers ...")
    async with LocalGrid(folder, say=output.say) as grid:
        settings = grid.configuration
        async with AsyncClient(settings, signer=open_signer(settings)) as client:
            output.say(f"\n$ dps submit {source} --watch")
            draft = await client.prepare(text, source=source, credits=1, name=Path(source).stem)
            say_problems(output, source, draft.warnings)
            say_candidates(output, draft)
            job = await client.request(draft)
            say_submitted(output, job, draft)
            ended = await watch(job, output)
        output.say("\nStopping the grid ...")
    first = "" if is_activated() else f"{activation()}; "
    output.say(f"Done. Keep a grid running with: {first}dps up")
    return ended


def _example() -> Path:
    """The example workflow: in this folder, in the source tree, or in the installed package."""
    package = Path(deepsquare.__file__).parent
    places = (Path.cwd(), package.parent.parent, package)
    found = next((place / EXAMPLE for place in places if (place / EXAMPLE).is_file()), None)
    if found is None:
        raise InvalidValue(f"there is no {EXAMPLE} here", next_step="name a workflow with --workflow FILE")
    return found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found
