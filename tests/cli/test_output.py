"""How tables are shown: on a wide terminal, on a narrow one, in a pipe."""

import io
from collections.abc import Sequence

import click
import pytest

from deepsquare.cli.output import Column, Output, Table, record

COLUMNS = (Column("job", right=True), Column("name"), Column("answer"))
TITLES = ("job", "name", "answer")
ROWS: Sequence[Sequence[str]] = [("7", "a-name-without-any-space", "needs 64 tasks at once; all nodes together hold 4")]


FULL = Table(COLUMNS, ROWS)


class Terminal(io.TextIOWrapper):
    """A stdout that a person looks at."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return click.unstyle(self.buffer.getvalue().decode()).splitlines()


def shown(monkeypatch: pytest.MonkeyPatch, width: int, *tables: Table) -> list[str]:
    """The lines that a terminal of that width shows of these tables."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    Output().table([], *tables, empty="")
    return terminal.lines


def test_a_table_that_fits_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    title, _, row = shown(monkeypatch, 120, FULL)
    assert title.split() == ["job", "name", "answer"]
    assert row.split(maxsplit=2) == list(ROWS[0])


def test_only_the_last_column_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 70, FULL)
    assert all(len(line) <= 70 for line in lines)
    assert any("7  a-name-without-any-space  needs" in line for line in lines)


def test_a_terminal_that_is_too_narrow_shows_records(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, 50, FULL) == [f"{title:<6}  {cell}" for title, cell in zip(TITLES, ROWS[0], strict=True)]


def test_a_terminal_without_room_for_a_table_shows_one_with_fewer_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    title, _, row = shown(monkeypatch, 50, FULL, FULL.without("answer"), FULL.without("name"))
    assert (title.split(), row.split()) == (["job", "name"], list(ROWS[0][:2]))


def test_what_stands_below_a_table_is_shown_with_each_form_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = Table(COLUMNS, ROWS, ["a note"])
    for width in (120, 50):
        assert shown(monkeypatch, width, noted)[-1] == "a note"
    assert shown(monkeypatch, 50, noted, noted.without("answer"))[-1] == "a note"


def test_in_a_pipe_nothing_is_cut_and_no_line_ends_in_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table([], Table(COLUMNS, [*ROWS, ("8", "b", "ok")]), empty="")
    lines = capsys.readouterr().out.splitlines()
    assert ROWS[0][2] in lines[2]
    assert lines == [line.rstrip() for line in lines]


def test_a_text_of_several_lines_stays_behind_its_title() -> None:
    assert record([("Error", "one\ntwo"), ("Id", "7")]) == "Error  one\n       two\nId     7"
