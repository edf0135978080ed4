"""What every command has: `--json`, `--quiet`, `--debug`, and one boundary where errors become sentences."""

import logging
import os
import sys
import traceback
from dataclasses import dataclass
from typing import Any

import click

from deepsquare.cli.exits import ExitCode
from deepsquare.cli.failure import Failure
from deepsquare.cli.output import Output

DEBUG_VARIABLE = "DEEPSQUARE_DEBUG"


@dataclass(frozen=True, slots=True)
class Invocation:
    """How one command was asked to behave; found by `current()`."""

    output: Output
    debug: bool


def current() -> Invocation:
    """How the running command was asked to behave."""
    invocation = click.get_current_context().find_object(Invocation)
    if invocation is None:
        raise RuntimeError("no command is running")
    return invocation


class Command(click.Command):
    """A command with the options that all have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(["--json", "as_json"], is_flag=True, help="Print data as JSON."),
            click.Option(["--quiet"], is_flag=True, help="Say nothing but warnings and errors."),
            click.Option(["--debug"], is_flag=True, envvar=DEBUG_VARIABLE, help="Show tracebacks and log in detail."),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; end with an exit code of `ExitCode`, whatever happens."""
        output = Output(json=ctx.params.pop("as_json"), quiet=ctx.params.pop("quiet"))
        debug = ctx.params.pop("debug")
        ctx.obj = Invocation(output, debug)
        if debug:
            logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (click.Abort, KeyboardInterrupt):
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output went away (`dps job list | head`): nobody is left to talk to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(ExitCode.OK) from None
        except Exception as error:  # noqa: BLE001 - the boundary: nothing may leave as a traceback
            if debug:
                traceback.print_exc()
            failure = Failure.of(error)
            failure.show(as_json=output.json)
            raise click.exceptions.Exit(failure.exit_code) from None


def finish(code: ExitCode) -> None:
    """End the running command with a code that is no error of ours (a job's outcome)."""
    click.get_current_context().exit(code)
