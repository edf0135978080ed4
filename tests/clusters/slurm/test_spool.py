"""What a job's account may have put where its records should be."""

import os
import pwd
from pathlib import Path

import pytest

from deepsquare.clusters.slurm.spool import RECORD_LIMIT_BYTES, JobSpool, Spool
from tests.clusters.places import LocalPlace, job


@pytest.fixture
def spool(tmp_path: Path) -> JobSpool:
    account = pwd.getpwuid(os.geteuid())
    whole = Spool(tmp_path / "spool", account)
    whole.create()
    request = job(LocalPlace(tmp_path), "true")
    one = whole.job(request.tag)
    one.create(request, now=5.0)
    return one


def test_a_record_is_read_with_the_time_of_the_file_system(spool: JobSpool) -> None:
    path = spool.record / "ended.json"
    path.write_text('{"a": 1}')
    os.utime(path, (1, 1))

    claim = spool.claim("ended.json")

    assert claim is not None
    assert claim.values == {"a": 1}
    assert claim.written_at > 1000


@pytest.mark.parametrize("garbage", ["", "{", "[]", "7", "[" * 3000, '{"a":' + "1" * RECORD_LIMIT_BYTES + "}"])
def test_garbage_is_no_record(spool: JobSpool, garbage: str) -> None:
    (spool.record / "ended.json").write_text(garbage)

    assert spool.claim("ended.json") is None


def test_a_link_is_no_record(spool: JobSpool, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"a": 1}')
    (spool.record / "ended.json").symlink_to(tmp_path / "secret")

    assert spool.claim("ended.json") is None


def test_a_pipe_does_not_block_and_is_no_record(spool: JobSpool) -> None:
    os.mkfifo(spool.record / "ended.json")

    assert spool.claim("ended.json") is None


def test_a_folder_is_no_record(spool: JobSpool) -> None:
    (spool.record / "ended.json").mkdir()

    assert spool.claim("ended.json") is None


def test_a_file_of_another_account_is_no_record(spool: JobSpool) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of another account")
    (spool.record / "ended.json").write_text('{"a": 1}')
    os.chown(spool.record / "ended.json", 12345, 12345)

    assert spool.claim("ended.json") is None


def test_nobody_else_may_read_a_script(spool: JobSpool) -> None:
    for path in (spool.script, spool.output, spool.request):
        assert path.stat().st_mode & 0o077 == 0


def test_removing_follows_no_link(spool: JobSpool, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (spool.work / "link").symlink_to(tmp_path / "precious")

    spool.remove()

    assert not spool.path.exists()
    assert (tmp_path / "precious" / "file").exists()


def test_a_second_try_starts_from_nothing(spool: JobSpool, tmp_path: Path) -> None:
    (spool.record / "ended.json").write_text('{"a": 1}')

    spool.create(job(LocalPlace(tmp_path), "false", time_limit_minutes=9), now=6.0)

    assert spool.claim("ended.json") is None
    assert "false" in spool.script.read_text()
    assert spool.limit_minutes() == 9
