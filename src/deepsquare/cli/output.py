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
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

_Cell = TypeVar("_Cell")

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
class Table:
    """Rows of cells below their titles, and the lines that stand below them all."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    below: Sequence[str] = ()

    def without(self, title: str) -> "Table":
        """The same with one column less."""
        left_out = [column.title for column in self.columns].index(title)

        def shorter(cells: Sequence[_Cell]) -> list[_Cell]:
            return [*cells[:left_out], *cells[left_out + 1 :]]

        return Table(shorter(self.columns), [shorter(row) for row in self.rows], self.below)


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

    def table(self, value: JsonValue, *tables: Table, empty: str) -> None:
        """The command's answer as a table on stdout; where there are no rows, `empty` is said instead.

        Of several tables, which say less and less, a terminal shows the first that it has room for.
        """
        if self.json:
            click.echo(json.dumps(value, indent=2))
        elif tables[0].rows:
            _print_table(tables, to_stderr=False)
        else:
            self.say(empty)

    def say_table(self, *tables: Table) -> None:
        """A table that accompanies the answer; of several, as `table` chooses."""
        if not self.quiet and tables[0].rows:
            _print_table(tables, to_stderr=True)

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


def _print_table(tables: Sequence[Table], *, to_stderr: bool) -> None:
    """The first table for which there is room, else one record per row of the first; in a pipe nothing is cut."""
    from rich.console import Console  # noqa: PLC0415 - rich costs 0.1 s, which only tables pay

    stream = sys.stderr if to_stderr else sys.stdout
    on_terminal = stream.isatty()
    console = Console(file=stream, highlight=False, width=None if on_terminal else _PIPE_WIDTH)
    fitting = next((table for table in tables if _has_room(console, table)), None)
    text = _records(tables[0]) if fitting is None else _drawn(console, fitting)
    click.echo("\n".join([text, *tables[0].below]), err=to_stderr, color=on_terminal)


def _has_room(console: "Console", table: Table) -> bool:
    from rich.cells import cell_len  # noqa: PLC0415 - as above

    titles = [column.title for column in table.columns]
    widths = [max(map(cell_len, cells)) for cells in zip(titles, *table.rows, strict=True)]
    room = console.width - sum(widths[:-1]) - _GAP * (len(widths) - 1)
    return room >= min(widths[-1], _NARROWEST_LAST_COLUMN)


def _records(table: Table) -> str:
    titles = [column.title for column in table.columns]
    return "\n\n".join(record(list(zip(titles, row, strict=True))) for row in table.rows)


def _drawn(console: "Console", table: Table) -> str:
    with console.capture() as capture:
        console.print(_rich(table), crop=False)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _rich(table: Table) -> "RichTable":
    """Only the last column may be folded: the others are numbers, names and times."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - as above
    from rich.table import Table as RichTable  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    drawn = RichTable(box=SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for column in table.columns:
        is_last = column is table.columns[-1]
        drawn.add_column(
            column.title, justify="right" if column.right else "left", overflow="fold", no_wrap=not is_last
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn
