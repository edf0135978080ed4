"""What a job's account may have put where its records should be."""

import os
import pwd
from pathlib import Path

import pytest

from deepsquare.clusters.slurm.spool import RECORD_LIMIT_BYTES, JobSpool, Spool
from tests.clusters.places import LocalPlace, job

ACCOUNT = pwd.getpwuid(os.geteuid())


@pytest.fixture
def spool(tmp_path: Path) -> JobSpool:
    whole = Spool(tmp_path / "spool", ACCOUNT)
    whole.create()
    request = job(LocalPlace(tmp_path), "true")
    one = whole.job(request.tag)
    one.create(request, now=5.0)
    return one


def after_a_restart(spool: JobSpool) -> JobSpool:
    """The same folder for a supervisor that has just been started."""
    return JobSpool(spool.path, ACCOUNT)


def test_what_we_did_with_a_job_outlives_us(spool: JobSpool) -> None:
    assert after_a_restart(spool).submitted_id() is None

    spool.keep_id("17")
    spool.keep_limit(99)
    spool.mark_cancelled()

    again = after_a_restart(spool)
    assert (again.submitted_at(), again.submitted_id(), again.limit_minutes()) == (5.0, "17", 99)
    assert again.cancel_asked()


def test_what_a_restarted_supervisor_adds_leaves_what_was_known(spool: JobSpool) -> None:
    again = after_a_restart(spool)
    again.keep_id("17")

    for one in (again, after_a_restart(spool)):
        assert (one.submitted_at(), one.submitted_id(), one.limit_minutes()) == (5.0, "17", 60)
        assert not one.cancel_asked()


def test_of_a_job_without_its_folder_it_is_known_that_its_end_was_asked_for(spool: JobSpool) -> None:
    spool.remove()
    assert spool.submitted_at() is None

    spool.mark_cancelled()

    assert after_a_restart(spool).cancel_asked()


def test_a_record_is_read_with_the_time_of_the_file_system(spool: JobSpool) -> None:
    spool.record.write_text('{"a": 1}')
    os.utime(spool.record, (1, 1))

    claim = spool.claim()

    assert claim is not None
    assert claim.values == {"a": 1}
    assert claim.written_at > 1000


@pytest.mark.parametrize("garbage", ["", "{", "[]", "7", "[" * 3000, '{"a":' + "1" * RECORD_LIMIT_BYTES + "}"])
def test_garbage_is_no_record(spool: JobSpool, garbage: str) -> None:
    spool.record.write_text(garbage)

    assert spool.claim() is None


def test_what_a_job_writes_into_its_record_does_not_hide_its_end(spool: JobSpool) -> None:
    """The wrapper writes last."""
    spool.record.write_text("x" * 3 * RECORD_LIMIT_BYTES + '\n{"a": 1}\n')

    claim = spool.claim()

    assert claim is not None
    assert claim.values == {"a": 1}


def test_a_link_is_no_record(spool: JobSpool, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"a": 1}')
    spool.record.unlink()
    spool.record.symlink_to(tmp_path / "secret")

    assert spool.claim() is None


def test_a_pipe_does_not_block_and_is_no_record(spool: JobSpool) -> None:
    spool.record.unlink()
    os.mkfifo(spool.record)

    assert spool.claim() is None


def test_a_folder_is_no_record(spool: JobSpool) -> None:
    spool.record.unlink()
    spool.record.mkdir()

    assert spool.claim() is None


def test_a_file_of_another_account_is_no_record(spool: JobSpool) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of another account")
    spool.record.write_text('{"a": 1}')
    os.chown(spool.record, 12345, 12345)

    assert spool.claim() is None


def test_a_script_is_on_disk_before_the_job_counts_as_submitted(
    spool: JobSpool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    spool.create(job(LocalPlace(tmp_path), "true"), now=6.0)

    assert synced == ["script", "facts.jsonl", spool.path.name]


def test_nobody_else_may_read_a_script(spool: JobSpool) -> None:
    for path in (spool.script, spool.output, spool.facts):
        assert path.stat().st_mode & 0o077 == 0


def test_removing_follows_no_link(spool: JobSpool, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (spool.work / "link").symlink_to(precious)
    spool.record.unlink()
    spool.record.symlink_to(precious / "file")

    spool.remove()

    assert not spool.path.exists()
    assert (precious / "file").exists()


def test_a_folder_is_removed_whatever_lies_in_it(spool: JobSpool) -> None:
    spool.record.unlink()
    (spool.record / "core").mkdir(parents=True)
    os.mkfifo(spool.path / "pipe")
    spool.script.unlink()

    spool.remove()
    assert not spool.path.exists()

    spool.remove()


def test_a_second_try_starts_from_nothing(spool: JobSpool, tmp_path: Path) -> None:
    spool.record.write_text('{"a": 1}')
    spool.keep_id("17")
    spool.mark_cancelled()

    spool.create(job(LocalPlace(tmp_path), "false", time_limit_minutes=9), now=6.0)

    assert spool.claim() is None
    assert "false" in spool.script.read_text()
    for one in (spool, after_a_restart(spool)):
        assert (one.submitted_at(), one.submitted_id(), one.limit_minutes()) == (6.0, None, 9)
        assert not one.cancel_asked()
