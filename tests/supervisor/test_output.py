"""Reading a file that its user may have replaced by anything."""

import os
from pathlib import Path

from deepsquare.supervisor import output


def test_a_piece_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "output").write_bytes(b"0123456789")
    assert output.read(tmp_path / "output", 3, 4) == b"3456"


def test_the_tail_of_a_short_output_is_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("short")
    assert output.tail(tmp_path / "output", 4096) == "short"


def test_the_tail_of_a_long_output_is_its_end(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("x" * 10_000 + "end")
    assert output.tail(tmp_path / "output", 5) == "xxend"


def test_what_is_no_text_is_shown_as_far_as_it_can(tmp_path: Path) -> None:
    (tmp_path / "output").write_bytes(b"\xff\xfeok")
    assert output.tail(tmp_path / "output", 10).endswith("ok")


def test_no_output_is_no_error(tmp_path: Path) -> None:
    assert output.size(tmp_path / "output") is None
    assert output.tail(tmp_path / "output", 10) == ""
    assert output.read(tmp_path / "output", 0, 10) == b""


def test_a_pipe_is_no_output_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "output")
    assert output.size(tmp_path / "output") is None
    assert output.read(tmp_path / "output", 0, 10) == b""


def test_a_link_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("secret")
    (tmp_path / "output").symlink_to(tmp_path / "target")
    assert output.size(tmp_path / "output") is None
    assert output.read(tmp_path / "output", 0, 10) == b""
