"""Slurm's commands: what is a no, and what is a not now."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from deepsquare.clusters.slurm.commands import CommandFailed, Commands
from deepsquare.clusters.slurm.settings import SlurmSettings

pytestmark = pytest.mark.programs


def commands(folder: Path, script: str, **settings: float) -> Commands:
    """Commands of which `squeue` is this script."""
    program = folder / "squeue"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Commands(SlurmSettings.model_validate({"spool": folder, "bin_folder": folder, **settings}))


def open_descriptors() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_command_gets_its_arguments_as_they_are(tmp_path: Path) -> None:
    output = await commands(tmp_path, 'printf "%s," "$@"').run("squeue", "a b", "$HOME", "'")

    assert output == "a b,$HOME,',"


async def test_a_command_does_not_see_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_ACCOUNT", "stray")
    monkeypatch.setenv("DEEPSQUARE_PRIVATE_KEY", "secret")

    output = await commands(tmp_path, "env").run("squeue", environment={"X": "y"})

    assert "X=y" in output
    assert "stray" not in output
    assert "secret" not in output


@pytest.mark.parametrize(
    ("message", "transient"),
    [
        ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", True),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", True),
        ("sbatch: error: Batch job submission failed: Slurm temporarily unable to accept job", True),
        ("sbatch: error: Munge encode failed: Failed to access socket", True),
        ("sbatch: error: Batch job submission failed: Invalid partition name specified", False),
        ("sbatch: error: invalid option", False),
        ("", False),
    ],
)
async def test_a_refusal_and_an_unreachable_slurm_are_told_apart(tmp_path: Path, message: str, transient: bool) -> None:
    with pytest.raises(CommandFailed) as failure:
        await commands(tmp_path, f"echo '{message}' >&2; exit 1").run("squeue")

    assert failure.value.transient is transient
    assert failure.value.reason == message


async def test_all_that_a_command_prints_is_read_however_much(tmp_path: Path) -> None:
    script = "seq 1 100000; seq 1 100000 >&2"

    assert await commands(tmp_path, script).run("squeue") == "".join(f"{number}\n" for number in range(1, 100_001))


async def test_a_command_that_closes_what_it_prints_to_is_awaited(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed) as failure:
        await commands(tmp_path, "echo no >&2; exec >&- 2>&-; sleep 0.05; exit 3").run("squeue")
    assert failure.value.reason == "no"

    slow = commands(tmp_path, "exec >&- 2>&-; exec sleep 1000", command_timeout_seconds=0.2)
    with pytest.raises(CommandFailed, match=r"no answer within 0\.2 s"):
        await slow.run("squeue")


async def test_a_command_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    slow = commands(tmp_path, "exec sleep 1000", command_timeout_seconds=0.05)
    before = open_descriptors()

    with pytest.raises(CommandFailed):
        await slow.run("squeue")
    await commands(tmp_path, "echo done").run("squeue")

    assert open_descriptors() == before


async def test_a_command_that_does_not_answer_is_given_up_and_ended(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    with pytest.raises(CommandFailed) as failure:
        await commands(tmp_path, f"echo $$ >{pid_file}; exec sleep 1000", command_timeout_seconds=0.2).run("squeue")

    assert failure.value.transient
    assert not psutil.pid_exists(int(pid_file.read_text()))


async def test_a_command_that_nobody_waits_for_any_more_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    script = f"exec 3>{pipe}; sleep 1000 & echo begun >&3; wait"

    running = asyncio.create_task(commands(tmp_path, script).run("squeue"))
    with await asyncio.to_thread(pipe.open, "rb") as held_by_all:
        assert await asyncio.to_thread(held_by_all.readline) == b"begun\n"
        running.cancel()

        with pytest.raises(asyncio.CancelledError):
            await running
        assert await asyncio.to_thread(held_by_all.read) == b""


async def test_a_command_that_is_not_there_is_no_passing_trouble(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed) as failure:
        await commands(tmp_path, "true").run("sacct")

    assert not failure.value.transient
