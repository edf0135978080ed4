"""TERM and INT: the running step is asked to end and awaited, no further one starts, nothing stays behind."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.scripts import ScriptSite, command, script_of_steps


def await_line(fifo: Path) -> str:
    """What a step says through a pipe; returns as soon as it has said it."""
    return fifo.read_text()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


ENDS = [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "exit_code"), ENDS)
def test_a_signal_ends_the_running_step_and_the_job(
    site: ScriptSite, fifo: Path, number: signal.Signals, exit_code: int
) -> None:
    steps = (command(f"echo ready >{fifo}; exec sleep 1000"), command("echo never"))
    process = site.start(script_of_steps(*steps))
    await_line(fifo)
    process.send_signal(number)
    outcome = site.finish(process)
    assert (outcome.exit_code, outcome.stdout, len(outcome.calls)) == (exit_code, "", 1)
    assert site.scratch_folders() == []


def test_a_step_has_time_to_end_in_its_own_way_and_is_awaited(site: ScriptSite, fifo: Path) -> None:
    tidy = f"trap 'echo tidying; cat {fifo}; kill $!; exit 0' TERM; sleep 1000 & echo ready >{fifo}; wait; echo never"
    process = site.start(script_of_steps(command(tidy), command("echo never")))
    await_line(fifo)
    process.terminate()
    fifo.write_text("tidied\n")
    outcome = site.finish(process)
    assert (outcome.exit_code, outcome.stdout) == (143, "tidying\ntidied\n")
    assert "steps[0] was stopped" in outcome.stderr


def test_a_second_signal_does_not_leave_the_step_behind(site: ScriptSite, fifo: Path) -> None:
    tidy = f"trap 'trap \"\" TERM; cat {fifo}; kill $!; exit 0' TERM; sleep 1000 & echo ready >{fifo}; wait"
    process = site.start(script_of_steps(command(tidy)))
    await_line(fifo)
    process.terminate()
    process.terminate()
    fifo.write_text("tidied\n")
    outcome = site.finish(process)
    assert (outcome.exit_code, outcome.stdout) == (143, "tidied\n")


def test_a_signal_before_the_first_step_runs_nothing(site: ScriptSite, fifo: Path, tmp_path: Path) -> None:
    """`mkdir`, of all the script's tools the first to run, is held up until the signal is sent."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "mkdir").write_text(f'#!/bin/sh\necho ready >{fifo}\ncat {fifo} >/dev/null\nexec /bin/mkdir "$@"\n')
    (tools / "mkdir").chmod(0o755)
    process = site.start(script_of_steps(command("true")), {"PATH": f"{tools}:{os.environ['PATH']}"})
    await_line(fifo)
    process.terminate()
    (tools / "mkdir").unlink()
    fifo.write_text("go on\n")
    outcome = site.finish(process)
    assert (outcome.exit_code, outcome.calls) == (143, [])
    assert site.scratch_folders() == []


def test_a_job_killed_by_another_signal_takes_its_step_and_its_scratch_along(site: ScriptSite, fifo: Path) -> None:
    process = site.start(script_of_steps(command(f"echo ready >{fifo}; exec sleep 1000"), command("echo never")))
    await_line(fifo)
    process.send_signal(signal.SIGUSR1)
    outcome = site.finish(process)
    assert (outcome.stdout, len(outcome.calls)) == ("", 1)
    assert outcome.exit_code != 0
    assert site.scratch_folders() == []


def test_a_command_can_trap_signals_as_in_any_shell(site: ScriptSite) -> None:
    """A shell cannot trap what it inherits as ignored, as a process started in the background inherits INT."""
    for number in ("INT", "QUIT", "TERM", "HUP"):
        trapped = command(f"trap 'echo {number}; exit 0' {number}; kill -{number} $$; echo ignored")
        assert site.run(script_of_steps(trapped)).stdout == f"{number}\n"


def test_output_that_nobody_takes_ends_the_job(site: ScriptSite) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = site.start(script_of_steps(command("exec yes", name="loud")), stdout=writer)
    os.close(writer)
    outcome = site.finish(process)
    assert outcome.exit_code != 0
    assert site.scratch_folders() == []
