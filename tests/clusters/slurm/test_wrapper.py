"""The batch script of every job, run by hand: what it writes down about the script that it runs."""

import json
import os
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.programs

WRAPPER = resources.files("deepsquare.clusters.slurm") / "wrapper.sh"
RUNS = 40


def run(folder: Path, script: str, limit_bytes: int = 1000) -> tuple[int, str, dict[str, Any]]:
    """Exit code, output and end record of one run."""
    (folder / "record").mkdir(parents=True)
    (folder / "script").write_text(f"#!/bin/bash\n{script}\n")
    (folder / "script").chmod(0o700)
    done = subprocess.run(
        ["env", "--default-signal=TERM", "/bin/bash", str(WRAPPER), str(folder), str(limit_bytes), "job"],
        env={"PATH": os.environ["PATH"], "SLURM_JOB_ID": "7"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, json.loads((folder / "record" / "ended.json").read_text())


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


def test_output_is_cut_only_where_there_is_more_than_the_limit(tmp_path: Path) -> None:
    whole, cut = "x" * 10, "x" * 11
    assert run(tmp_path / "whole", f"printf {whole}", limit_bytes=10)[1] == whole
    said = run(tmp_path / "cut", f"printf {cut}", limit_bytes=10)[1]
    assert said.startswith(f"{whole}\n[deepsquare] output cut here after 10 bytes")
