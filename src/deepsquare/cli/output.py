"""Two streams, never mixed: data for programs on stdout, words for people on stderr.

With `--json` the data is JSON, one document or one line per event; without, it is text or a table. What
is said on stderr is the same in both, so that a pipe never hides a warning. Colours appear on a terminal
only and never with NO_COLOR set.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

JsonValue = None | bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]


_GAP = 2
"""Cells between two columns."""
_NARROWEST_LAST_COLUMN = 24
"""Less room than this, and words of the last column break: records are easier to read."""
_PIPE_WIDTH = 1000


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; numbers stand to the right."""

    title: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """Where one command writes."""

    json: bool = False
    quiet: bool = False

    def document(self, value: JsonValue, text: str) -> None:
        """The command's answer: the value as JSON, or its text."""
        if self.json:
            click.echo(json.dumps(value, indent=2))
        elif text:
            click.echo(text)

    def event(self, value: Mapping[str, JsonValue]) -> None:
        """One line of a stream, with `--json` only; people get the same news by `say`."""
        if self.json:
            click.echo(json.dumps(value))

    def table(self, value: JsonValue, columns: Sequence[Column], rows: Sequence[Sequence[str]], empty: str) -> None:
        """The command's answer as a table on stdout; where there are no rows, `empty` is said instead."""
        if self.json:
            click.echo(json.dumps(value, indent=2))
        elif rows:
            _print_table(columns, rows, to_stderr=False)
        else:
            self.say(empty)

    def say_table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """A table that accompanies the answer."""
        if not self.quiet and rows:
            _print_table(columns, rows, to_stderr=True)

    def say(self, text: str) -> None:
        """One line of narration."""
        if not self.quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """A line that also `--quiet` shows."""
        click.echo(click.style(f"warning: {text}", fg="yellow"), err=True, color=_colour())

    def complain(self, text: str) -> None:
        """A line about an error; `--quiet` shows it too."""
        click.echo(text, err=True)

    def text(self, text: str) -> None:
        """A text that is no line; what the terminal cannot write is replaced."""
        self.raw(text.encode(sys.stdout.encoding, "replace"))

    def raw(self, data: bytes) -> None:
        """A job's own output, byte for byte."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _colour() -> bool | None:
    """False where colours are unwanted, else None: click then asks the stream."""
    return False if os.environ.get("NO_COLOR") else None


def record(fields: Sequence[tuple[str, str]]) -> str:
    """Titles and texts below each other; a text of several lines stays behind its title."""
    width = max(len(title) for title, _ in fields)
    indent = "\n" + " " * (width + 2)
    return "\n".join(f"{title.ljust(width)}  {text.replace(chr(10), indent)}" for title, text in fields)


def _print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, to_stderr: bool) -> None:
    """A table where the terminal has room for one, else one record per row; in a pipe nothing is cut."""
    from rich.cells import cell_len  # noqa: PLC0415 - rich costs 0.1 s, which only tables pay
    from rich.console import Console  # noqa: PLC0415 - as above

    stream = sys.stderr if to_stderr else sys.stdout
    on_terminal = stream.isatty()
    console = Console(file=stream, highlight=False, width=None if on_terminal else _PIPE_WIDTH)
    titles = [column.title for column in columns]
    widths = [max(map(cell_len, cells)) for cells in zip(titles, *rows, strict=True)]
    room = console.width - sum(widths[:-1]) - _GAP * (len(widths) - 1)
    if room < min(widths[-1], _NARROWEST_LAST_COLUMN):
        records = (record(list(zip(titles, row, strict=True))) for row in rows)
        click.echo("\n\n".join(records), err=to_stderr)
        return
    with console.capture() as capture:
        console.print(_table(columns, rows), crop=False)
    lines = capture.get().splitlines()
    click.echo("\n".join(line.rstrip() for line in lines), err=to_stderr, color=on_terminal)


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> "Table":
    """Only the last column may be folded: the others are numbers, names and times."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table(box=SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        is_last = column is columns[-1]
        table.add_column(
            column.title, justify="right" if column.right else "left", overflow="fold", no_wrap=not is_last
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
