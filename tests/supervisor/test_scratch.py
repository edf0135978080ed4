"""Scratch folders that scripts could not remove: gone with the rest of their attempt, and nobody else's."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deepsquare.clusters.port import RunState
from deepsquare.model import Address, JobId, JobStatus, JobTag
from deepsquare.supervisor.scratch import scratch_name, sweep
from deepsquare.supervisor.settings import VolumeSettings
from tests.supervisor.stage import Stage, stage

CONTRACT = Address("0x" + "12" * 20)
TAG = JobTag(5, CONTRACT, JobId(7), 1)


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as opened:
        volumes = VolumeSettings(shared_root=tmp_path / "shared")
        opened.settings = opened.settings.model_copy(update={"volumes": volumes})
        await opened.restart()
        yield opened


def make_folder(folder: Path, name: str) -> None:
    (folder / "shared" / name).mkdir(parents=True)


def folders(folder: Path) -> list[Path]:
    return list((folder / "shared").iterdir())


async def test_what_a_killed_script_has_left_goes_with_its_job(s: Stage, tmp_path: Path) -> None:
    job_id = await s.job()
    await s.go()
    told = s.cluster.submits[0].environment
    make_folder(tmp_path, f"job-{told['DEEPSQUARE_SITE_JOB']}-4711")
    s.cluster.start(s.tag(job_id))
    await s.go()
    assert len(folders(tmp_path)) == 1
    s.cluster.end(s.tag(job_id), RunState.FAILED, 137)
    await s.go()
    assert await s.status(job_id) is JobStatus.FAILED
    assert s.journal.entries == []
    assert folders(tmp_path) == []


def test_other_attempts_other_jobs_and_kept_folders_stay(tmp_path: Path) -> None:
    others = [
        JobTag(5, CONTRACT, JobId(7), 2),
        JobTag(5, CONTRACT, JobId(77), 1),
        JobTag(6, CONTRACT, JobId(7), 1),
        JobTag(5, Address("0x" + "13" * 20), JobId(7), 1),
    ]
    kept = [*(f"job-{scratch_name(tag)}-1" for tag in others), "tmp", "world-tmp", "disk"]
    for name in [*kept, f"job-{scratch_name(TAG)}-1", f"job-{scratch_name(TAG)}-2"]:
        (tmp_path / name).mkdir()
    sweep(tmp_path, TAG)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_folders_that_nobody_may_enter_go_and_links_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    shared = tmp_path / "shared"
    scratch = shared / f"job-{scratch_name(TAG)}-1"
    (scratch / "deep" / "deeper").mkdir(parents=True)
    (scratch / "deep" / "deeper" / "file").touch()
    (scratch / "link").symlink_to(outside)
    (shared / f"job-{scratch_name(TAG)}-2").symlink_to(outside)
    for folder in (scratch / "deep" / "deeper", scratch / "deep", scratch):
        folder.chmod(0o000)
    sweep(shared, TAG)
    assert list(shared.iterdir()) == []
    assert (outside / "precious").exists()


def test_what_cannot_be_removed_is_told_and_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / f"job-{scratch_name(TAG)}-1").mkdir()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("deepsquare.supervisor.scratch.shutil.rmtree", refuse)
    with caplog.at_level(logging.WARNING):
        sweep(tmp_path, TAG)
    assert "left over and cannot be removed" in caplog.text


def test_a_site_without_a_shared_root_yet_has_nothing_to_sweep(tmp_path: Path) -> None:
    sweep(tmp_path / "missing", TAG)
