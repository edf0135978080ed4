"""Promises of grid.toml."""

from pathlib import Path

import pytest

from deepsquare.chain import GridAddress, GridFile, InvalidGridFile, load_grid, write_grid
from deepsquare.model import Address

ADDRESS = Address("0x" + "0" * 39 + "1")
FILE = GridFile(
    rpc_url="http://127.0.0.1:8545",
    websocket_url="ws://127.0.0.1:8545",
    grid=GridAddress(179188, ADDRESS, 3),
    gateway_url="http://127.0.0.1:8080",
    credit=Address("0x" + "0" * 39 + "2"),
    provider_manager=Address("0x" + "0" * 39 + "3"),
)
GOOD = f"""\
[chain]
rpc = "http://127.0.0.1:8545"
id = 179188
meta_scheduler = "{ADDRESS}"
"""


@pytest.mark.parametrize("file", [FILE, GridFile(FILE.rpc_url, FILE.grid)])
def test_a_grid_file_reads_back_as_it_was_written(tmp_path: Path, file: GridFile) -> None:
    path = tmp_path / "grid.toml"
    write_grid(path, file)
    assert load_grid(path) == file
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_optional_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(GOOD)
    assert load_grid(path) == GridFile(FILE.rpc_url, GridAddress(179188, ADDRESS, 0))


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("[chain\n", 1, "no TOML"),
        ("", None, "has no 'meta_scheduler'"),
        (GOOD.replace("id = 179188\n", ""), 1, "has no 'id'"),
        (GOOD.replace("179188", '"179188"'), 3, "expected a whole number"),
        (GOOD.replace("179188", "true"), 3, "expected a whole number"),
        (GOOD.replace("179188", "-1"), 3, "expected a whole number"),
        (GOOD.replace("http://", "ftp://"), 2, "begins with http://"),
        (GOOD.replace(ADDRESS, "0x12"), 4, "40 hex digits"),
        (GOOD + 'credit = "0x12"\n', 5, "40 hex digits"),
        (GOOD + "rcp = 1\n", 5, "'rcp' is unknown in [chain]; expected rpc"),
        (GOOD + '[gateways]\nurl = "x"\n', 5, "'gateways' is unknown"),
        ("name = 1\n" + GOOD, 1, "'name' is unknown"),
        (GOOD + "[gateway]\nurl = 5\n", 6, "expected a text in quotes"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_what_is_expected(
    tmp_path: Path, text: str, line: int | None, problem: str
) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(text)
    with pytest.raises(InvalidGridFile) as caught:
        load_grid(path)
    assert caught.value.line == line
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_or_unreadable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidGridFile, match="no such file"):
        load_grid(tmp_path / "grid.toml")
    with pytest.raises(InvalidGridFile, match="cannot be read"):
        load_grid(tmp_path)
