"""A job's output is bounded and keeps its beginning and its end."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.clusters.local.output import TAIL_BYTES, CappedOutput


def stored(path: Path, pieces: list[bytes], limit_bytes: int) -> bytes:
    path.unlink(missing_ok=True)
    output = CappedOutput(path, limit_bytes)
    for piece in pieces:
        output.write(piece)
    output.close()
    return path.read_bytes()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output") / "output"


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_what_fits_is_stored_as_it_is(path: Path, pieces: list[bytes]) -> None:
    assert stored(path, pieces, 500) == b"".join(pieces)


@given(st.lists(st.binary(min_size=1, max_size=40_000), min_size=2, max_size=4), st.integers(0, 1000))
def test_what_does_not_fit_keeps_its_beginning_and_its_end(path: Path, pieces: list[bytes], limit_bytes: int) -> None:
    whole = b"".join(pieces)

    kept = stored(path, pieces, limit_bytes)

    if len(whole) > limit_bytes:
        assert kept.startswith(whole[:limit_bytes])
        assert kept.endswith(whole[limit_bytes:][-TAIL_BYTES:])
        assert f"cut here after {limit_bytes} bytes".encode() in kept
        assert len(kept) < limit_bytes + TAIL_BYTES + 200


def test_a_full_disk_costs_output_and_never_the_job() -> None:
    output = CappedOutput(Path("/dev/full"), 100)

    output.write(b"x" * 1000)
    output.write(b"y")
    output.close()
