"""What is told of a command line that cannot be read: as all errors are, also in JSON where that is asked for."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

OF_EVERY_COMMAND = ("--json", "--quiet", "--debug")
"""Options that every command has, and no group of commands."""


@contextmanager
def told(arguments: Sequence[str]) -> Iterator[None]:
    """Tell mistakes in the `arguments` that are read inside, and end the program; a group's own help is no mistake."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        from deepsquare.cli.exits import ExitCode  # noqa: PLC0415 - help, which is instant, has no mistake to tell
        from deepsquare.cli.failure import Failure  # noqa: PLC0415 - as above

        message, next_step = _sentences(error, arguments)
        Failure(message, next_step, ExitCode.USAGE).show(as_json="--json" in arguments)
        raise click.exceptions.Exit(ExitCode.USAGE) from None


def _sentences(error: click.UsageError, arguments: Sequence[str]) -> tuple[str, str]:
    """What is wrong, and what to do."""
    is_before_the_command = error.ctx is not None and isinstance(error.ctx.command, click.Group)
    if is_before_the_command and isinstance(error, click.NoSuchOption) and error.option_name in OF_EVERY_COMMAND:
        return f"{error.option_name} stands behind the command", f"write: {_reordered(arguments)}"
    path = error.ctx.command_path if error.ctx is not None else "dps"
    return error.format_message(), f"see: {path} --help"


def _reordered(arguments: Sequence[str]) -> str:
    """The command line with the options of every command behind it."""
    options = [word for word in arguments if word in OF_EVERY_COMMAND]
    words = [word for word in arguments if word not in OF_EVERY_COMMAND]
    is_complete = arguments[-1] not in OF_EVERY_COMMAND
    return shlex.join(["dps", *words, *([] if is_complete else ["COMMAND"]), *options])
