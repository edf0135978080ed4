"""Small files that survive anything."""

import os
from pathlib import Path

import pytest

from deepsquare.clusters.records import append_json, read_json, read_json_lines, write_json


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    write_json(tmp_path / "a.json", {"x": 2})

    assert read_json(tmp_path / "a.json") == {"x": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("garbage", [b"", b"{", b"[1]", b"\xff\xfe", b"null"])
def test_what_makes_no_sense_counts_as_absent(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "a.json").write_bytes(garbage)

    assert read_json(tmp_path / "a.json") is None
    assert read_json(tmp_path / "b.json") is None


def test_a_later_line_has_the_last_word(tmp_path: Path) -> None:
    for line in ({"x": 0, "y": 0}, {"x": 1}, {"z": 2}):
        append_json(tmp_path / "lines", line)

    assert read_json_lines(tmp_path / "lines") == {"x": 1, "y": 0, "z": 2}
    assert read_json_lines(tmp_path / "none") == {}


@pytest.mark.parametrize("half", [b'{"x": 2', b'\n{"x": 2', b"\n[1]", b"\n\xff\xfe", b"\n" + b"[" * 100_000])
def test_a_line_that_makes_no_sense_spoils_no_other(tmp_path: Path, half: bytes) -> None:
    path = tmp_path / "lines"
    append_json(path, {"y": 1})
    path.write_bytes(path.read_bytes() + half)
    append_json(path, {"z": 3})

    assert read_json_lines(path) == {"y": 1, "z": 3}


def test_a_pipe_or_a_link_in_the_place_of_lines_is_an_error_to_write_and_nothing_to_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "target")

    for path in (tmp_path / "pipe", tmp_path / "link"):
        with pytest.raises(OSError, match=path.name):
            append_json(path, {"x": 1})
        assert read_json_lines(path) == {}
    assert not (tmp_path / "target").exists()
