"""Small files that survive anything."""

from pathlib import Path

import pytest

from deepsquare.clusters.records import read_json, write_json


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
