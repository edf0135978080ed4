"""How tables are shown: on a wide terminal, on a narrow one, in a pipe."""

import io
from collections.abc import Sequence

import click
import pytest

from deepsquare.cli.output import Column, Output, record
from deepsquare.cli.wording import CANDIDATE_COLUMNS

COLUMNS = (Column("job", right=True), Column("name"), Column("answer"))
TITLES = ("job", "name", "answer")
ROWS = [("7", "a-name-without-any-space", "needs 64 tasks at once; all nodes together hold 4")]


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


def shown(
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    columns: Sequence[Column] = COLUMNS,
    rows: Sequence[Sequence[str]] = ROWS,
) -> list[str]:
    """The lines of the table on a terminal of that width."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    Output().table([], columns, rows, "")
    return terminal.lines


def test_a_table_that_fits_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    title, _, row = shown(monkeypatch, 120)
    assert title.split() == ["job", "name", "answer"]
    assert row.split(maxsplit=2) == list(ROWS[0])


def test_only_the_last_column_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 70)
    assert all(len(line) <= 70 for line in lines)
    assert any("7  a-name-without-any-space  needs" in line for line in lines)


def test_the_table_of_candidates_fits_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    offer = ("summit 0xD3EDE6…62CF", "0.030256", "16 CPUs, 32768 MB", "now", "possible")
    lines = shown(monkeypatch, 80, CANDIDATE_COLUMNS, [offer])
    title, _, row = lines
    assert "expected start  answer" in title
    assert row.startswith("summit 0xD3EDE6…62CF     0.030256  16 CPUs")
    assert all(len(line) <= 80 for line in lines)


def test_a_terminal_that_is_too_narrow_shows_records(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, 50) == [f"{title:<6}  {cell}" for title, cell in zip(TITLES, ROWS[0], strict=True)]


def test_in_a_pipe_nothing_is_cut_and_no_line_ends_in_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table([], COLUMNS, [*ROWS, ("8", "b", "ok")], "")
    lines = capsys.readouterr().out.splitlines()
    assert ROWS[0][2] in lines[2]
    assert lines == [line.rstrip() for line in lines]


def test_a_text_of_several_lines_stays_behind_its_title() -> None:
    assert record([("Error", "one\ntwo"), ("Id", "7")]) == "Error  one\n       two\nId     7"
