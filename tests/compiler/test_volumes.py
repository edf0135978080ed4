"""Where a step may put its files, and that the job's own folder is gone on every way out."""

import os
from pathlib import Path

import pytest

from tests.support.scripts import ScriptSite, command, script_of_steps

TEMPORARY = ("DEEPSQUARE_TMP", "DEEPSQUARE_SHARED_TMP")


def test_the_scratch_folder_is_private_and_holds_input_output_and_env(site: ScriptSite) -> None:
    look = 'stat -c %a "$STORAGE_PATH" && ls "$STORAGE_PATH" && [ -f "$DEEPSQUARE_ENV" ] && cd "$DEEPSQUARE_INPUT"'
    outcome = site.run(script_of_steps(command(f'{look} && cd "$DEEPSQUARE_OUTPUT"')))
    assert (outcome.exit_code, outcome.stdout) == (0, "700\nenv\ninput\noutput\n")
    (call,) = outcome.calls
    scratch = call.environment["STORAGE_PATH"]
    assert Path(scratch).parent == site.shared
    assert call.environment["DEEPSQUARE_INPUT"] == f"{scratch}/input"
    assert call.environment["DEEPSQUARE_OUTPUT"] == f"{scratch}/output"
    assert call.environment["DEEPSQUARE_ENV"] == f"{scratch}/env"


def test_volumes_lie_where_the_site_says_and_personal_ones_are_the_customers(site: ScriptSite, tmp_path: Path) -> None:
    places = {
        "DEEPSQUARE_SITE_TMP_ROOT": str(tmp_path / "a tmp"),
        "DEEPSQUARE_SITE_WORLD_TMP": str(tmp_path / "world"),
        "DEEPSQUARE_SITE_DISK_ROOT": str(tmp_path / "disk"),
        "DEEPSQUARE_SITE_USER": "0xCafe",
    }
    (call,) = site.run(script_of_steps(command("true")), places).calls
    expected = {
        "DEEPSQUARE_TMP": (tmp_path / "a tmp/0xCafe", 0o700),
        "DEEPSQUARE_SHARED_TMP": (tmp_path / "a tmp/0xCafe", 0o700),
        "DEEPSQUARE_SHARED_WORLD_TMP": (tmp_path / "world", 0o1777),
        "DEEPSQUARE_DISK_TMP": (tmp_path / "disk/tmp/0xCafe", 0o700),
        "DEEPSQUARE_DISK_WORLD_TMP": (tmp_path / "disk/world-tmp", 0o1777),
    }
    for name, (path, mode) in expected.items():
        assert call.environment[name] == str(path)
        assert path.stat().st_mode & 0o7777 == mode


def test_what_is_there_is_not_made_again(site: ScriptSite, tmp_path: Path) -> None:
    made, programs = tmp_path / "made", tmp_path / "programs"
    programs.mkdir()
    (programs / "mkdir").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{made}\nexec /bin/mkdir "$@"\n')
    (programs / "mkdir").chmod(0o755)
    path = {"PATH": f"{programs}:{site.environment['PATH']}"}
    script = script_of_steps(command("true"))

    site.run(script, path)
    made.unlink()
    (call,) = site.run(script, path).calls

    scratch = call.environment["STORAGE_PATH"]
    assert made.read_text() == f"-m 0700 -- {scratch} {scratch}/input {scratch}/output\n"


def test_a_site_that_names_only_its_shared_root_has_all_volumes_below_it(site: ScriptSite) -> None:
    (call,) = site.run(script_of_steps(command("true"))).calls
    volumes = [
        value for name, value in call.environment.items() if name.startswith("DEEPSQUARE_") and "_SITE_" not in name
    ]
    assert len(volumes) == 8
    assert all(Path(volume).is_relative_to(site.shared) for volume in volumes)


def test_the_scratch_folder_is_called_as_the_site_calls_the_job(site: ScriptSite) -> None:
    (call,) = site.run(script_of_steps(command("true")), {"DEEPSQUARE_SITE_JOB": "7-1-cafe"}).calls
    assert Path(call.environment["STORAGE_PATH"]).name.startswith("job-7-1-cafe-")


def test_what_a_step_leaves_in_its_own_tmp_is_there_for_the_next_job(site: ScriptSite) -> None:
    site.run(script_of_steps(command('echo kept >"$DEEPSQUARE_TMP/file"')))
    assert site.run(script_of_steps(command('cat "$DEEPSQUARE_TMP/file"'))).stdout == "kept\n"


def test_folders_of_a_disk_are_made_on_every_node_of_the_job(site: ScriptSite) -> None:
    volumes, step = site.run(script_of_steps(command("true")), {"SLURM_JOB_NUM_NODES": "3"}).calls
    assert (volumes.options["--ntasks"], volumes.options["--ntasks-per-node"]) == ("3", "1")
    assert volumes.program[-2:] == [
        step.environment["DEEPSQUARE_DISK_TMP"],
        step.environment["DEEPSQUARE_DISK_WORLD_TMP"],
    ]


def test_without_a_shared_root_the_job_fails_and_says_what_is_missing(site: ScriptSite) -> None:
    outcome = site.run(script_of_steps(command("true")), {"DEEPSQUARE_SITE_SHARED_ROOT": ""})
    assert (outcome.exit_code, outcome.calls) == (1, [])
    assert "DEEPSQUARE_SITE_SHARED_ROOT is not set" in outcome.stderr


def test_a_shared_root_that_cannot_be_written_is_told(site: ScriptSite, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = site.run(script_of_steps(command("true")), {"DEEPSQUARE_SITE_SHARED_ROOT": str(tmp_path / "file/below")})
    assert (outcome.exit_code, outcome.calls) == (1, [])
    assert "the scratch folder cannot be made below" in outcome.stderr


@pytest.mark.parametrize("end", ["true", "exit 3", "kill -KILL $$", 'mkdir -p a/b && chmod 0 a/b a "$STORAGE_PATH"'])
def test_the_scratch_folder_is_removed_however_the_job_ends(site: ScriptSite, end: str) -> None:
    outcome = site.run(script_of_steps(command(f'echo x >"$STORAGE_PATH/file"; {end}')))
    assert len(outcome.calls) == 1
    assert site.scratch_folders() == []


@pytest.mark.programs
def test_a_folder_that_its_owner_may_not_change_is_removed_with_the_scratch_folder(tmp_path: Path) -> None:
    """Root may do everything, unless he has given up that power."""
    powerless = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    site = ScriptSite(tmp_path / "site", launcher=powerless)
    lock = "mkdir -p outer/inner && : >outer/inner/file && chmod 0 outer/inner && chmod 0500 outer"
    outcome = site.run(script_of_steps(command(f"{lock}; rm -rf outer 2>/dev/null || echo locked")))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "locked\n", "")
    assert site.scratch_folders() == []


def test_a_scratch_folder_that_a_step_removed_is_no_failure(site: ScriptSite) -> None:
    outcome = site.run(script_of_steps(command('rm -r "$STORAGE_PATH"')))
    assert (outcome.exit_code, outcome.stderr) == (0, "")


def test_a_storage_path_of_the_host_is_not_touched(site: ScriptSite, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    site.run(script_of_steps(command("true")), {"STORAGE_PATH": str(precious), "ds_scratch": str(precious)})
    assert precious.is_dir()


def test_links_that_a_step_leaves_in_the_scratch_folder_are_not_followed(site: ScriptSite, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    precious.chmod(0o500)
    site.run(script_of_steps(command(f'ln -s {precious} "$STORAGE_PATH/link"; chmod 0500 "$STORAGE_PATH"')))
    assert (precious / "file").exists()
    assert precious.stat().st_mode & 0o777 == 0o500
    precious.chmod(0o700)
