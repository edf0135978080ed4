"""The batch script of every job, run by hand: what it writes down about the script that it runs."""

import json
import os
import signal
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.programs

WRAPPER = resources.files("deepsquare.clusters.slurm") / "wrapper.sh"
RUNS = 40


def run(folder: Path, script: str, limit_bytes: int = 1000, **environment: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, output and end record of one run."""
    folder.mkdir(exist_ok=True)
    (folder / "script").write_text(f"#!/bin/bash\n{script}\n")
    (folder / "script").chmod(0o700)
    with (folder / "output").open("w+") as output:
        done = subprocess.run(
            ["env", "--default-signal", "/bin/bash", str(WRAPPER), str(folder), str(limit_bytes), "job"],
            env={"PATH": os.environ["PATH"], "SLURM_JOB_ID": "7", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=60,
            check=False,
        )
        output.seek(0)
        return done.returncode, output.read(), json.loads((folder / "record").read_text().splitlines()[-1])


def slow_wrapper(folder: Path) -> str:
    """A file for bash to read first, with which the wrapper alone takes a while before each of its commands."""
    first = folder / "first"
    first.write_text(f"[[ $0 != {WRAPPER} ]] || trap 'sleep 0.03' DEBUG\n")
    return str(first)


def test_a_script_that_ends_in_the_moment_of_a_signal_has_an_exit_code(tmp_path: Path) -> None:
    """Bash can lose its own code then; the record must never hold one that no process can have."""
    for number in range(RUNS):
        code, _, record = run(tmp_path / str(number), "trap '' TERM; kill -TERM $PPID; exit 5")
        assert (code, record["terminated"]) == (record["exit_code"], True)
        assert code in (5, 143)


def test_a_record_says_when_in_seconds_whatever_the_language(tmp_path: Path) -> None:
    _, _, record = run(tmp_path / "job", "exit 3")
    started_at, ended_at = float(record["started_at"]), float(record["ended_at"])
    assert 1e9 < started_at <= ended_at
    assert record["exit_code"] == 3


def test_only_the_script_is_given_a_language_where_nobody_has_named_one(tmp_path: Path) -> None:
    script = "echo $LANG $(tr '\\0' '\\n' </proc/$PPID/environ | grep LANG)"
    assert run(tmp_path / "job", script)[1] == "C.UTF-8\n"
    assert run(tmp_path / "job", script, LANG="C")[1] == "C LANG=C\n"


def test_output_is_cut_only_where_there_is_more_than_the_limit(tmp_path: Path) -> None:
    whole, cut = "x" * 10, "x" * 11
    assert run(tmp_path / "whole", f"printf {whole}", limit_bytes=10)[1] == whole
    said = run(tmp_path / "cut", f"printf {cut}", limit_bytes=10)[1]
    assert said.startswith(f"{whole}\n[deepsquare] output cut here after 10 bytes")


def test_the_record_of_a_run_before_is_gone_when_the_next_one_begins(tmp_path: Path) -> None:
    """Slurm may queue a job again: what the first run wrote must not pass for the end of the second one."""
    record = "cat ${0%/*}/record"
    run(tmp_path / "job", "exit 3")

    _, second, end = run(tmp_path / "job", record, SLURM_RESTART_COUNT="1")

    (begun,) = second.split("\n")[1:-1]
    assert json.loads(begun) == {key: end[key] for key in ("id", "restarts", "started_at")}
    assert end["restarts"] == 1


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1", "USR2"])
def test_a_signal_for_the_wrapper_reaches_the_script(tmp_path: Path, name: str) -> None:
    # What bash hears in the instant before it waits, it may handle only when the wait is over.
    when_it_waits = "until read -r _ _ state _ </proc/$PPID/stat && [[ $state == S ]]; do :; done"
    script = f"trap 'exit 9' {name}; {when_it_waits}; kill -{name} $PPID; while ((SECONDS < 50)); do :; done"

    code, _, record = run(tmp_path / "job", script)

    assert (code, record["exit_code"]) == (9, 9)


def test_a_signal_that_comes_before_the_wrapper_knows_its_script_is_not_lost(tmp_path: Path) -> None:
    script = "trap 'exit 9' TERM; kill -TERM $PPID; while ((SECONDS < 50)); do :; done"

    code, _, record = run(tmp_path / "job", script, BASH_ENV=slow_wrapper(tmp_path))

    assert (code, record["exit_code"], record["terminated"]) == (9, 9, True)


def test_a_script_leads_its_own_process_group_and_has_nothing_to_read(tmp_path: Path) -> None:
    script = "read -r _ _ _ _ group _ </proc/$$/stat; ((group == $$)) && cat && ls /proc/$$/fd"

    assert run(tmp_path / "job", script)[:2] == (0, "0\n1\n2\n255\n")


def test_nothing_is_said_of_a_script_that_was_killed(tmp_path: Path) -> None:
    code, output, record = run(tmp_path / "job", "kill -KILL $$")

    assert (code, output, record["exit_code"]) == (137, "", 137)


def test_nothing_is_said_of_a_script_that_was_killed_before_the_next_command_of_the_wrapper(tmp_path: Path) -> None:
    code, output, record = run(tmp_path / "job", "kill -KILL $$", BASH_ENV=slow_wrapper(tmp_path))

    assert (code, output, record["exit_code"]) == (137, "", 137)


def test_a_process_that_is_left_behind_with_the_output_open_does_not_keep_a_job_from_its_end(tmp_path: Path) -> None:
    code, output, record = run(tmp_path / "job", "(exec sleep 1000) & echo $!")
    os.kill(int(output), signal.SIGKILL)

    assert (code, record["exit_code"]) == (0, 0)
