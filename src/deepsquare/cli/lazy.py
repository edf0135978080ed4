"""Groups whose commands are imported when they are called, so that `dps --help` stays instant.

A group knows of each command where its code is and the one line that help prints. A test imports every
command and compares that line with the command's own.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from deepsquare.cli import mistakes

_ARGUMENTS = __name__


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is (`package.module:attribute`), and the line that stands beside it in help."""

    target: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is a {type(command).__name__}, not a command")
        return command


class LazyGroup(click.Group):
    """A group over a table of entries, printed in sections."""

    def __init__(self, name: str, sections: Mapping[str, Mapping[str, Entry]], *, help: str) -> None:  # noqa: A002 - click's own name
        super().__init__(name=name, help=help, no_args_is_help=True)
        self.sections = sections
        self.entries = {command: entry for section in sections.values() for command, entry in section.items()}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options before the command; all arguments are kept, to tell what is wrong with any of them."""
        ctx.meta[_ARGUMENTS] = tuple(args)
        with mistakes.told(ctx.meta[_ARGUMENTS]):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, whose own arguments are read here."""
        with mistakes.told(ctx.meta[_ARGUMENTS]):
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.entries, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        return entry.load() if entry else super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a proposal where a name is nearly right."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = _nearest(args[0], list(self.entries))
            if near is None:
                raise
            raise click.UsageError(f"{error.message.rstrip('.')}; did you mean {near!r}?", ctx) from None

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, without importing one."""
        widest = max(len(command) for command in self.entries)
        for title, entries in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(command.ljust(widest), entry.summary) for command, entry in entries.items()])


def group(name: str, summary: str) -> click.Group:
    """A group inside one module: its commands come with it."""
    return click.Group(name, help=summary, short_help=summary, no_args_is_help=True)


def _nearest(word: str, known: Sequence[str]) -> str | None:
    import difflib  # noqa: PLC0415 - only a mistyped command pays for it

    return next(iter(difflib.get_close_matches(word, known, n=1)), None)
