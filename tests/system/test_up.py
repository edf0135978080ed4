"""`dps up`, as a person runs it: it keeps what it has, leaves nothing running, and survives the death of any part."""

import json
import signal
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deepsquare.cli.exits import ExitCode
from tests.support.processes import left_of
from tests.system.grid_process import STOP_SECONDS, assert_nothing_runs, dps, start, submit, up, watching

pytestmark = pytest.mark.system

WORKFLOW = """
enableLogging: true
resources: {{tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: 0}}
steps:
  - name: work
    run: {{command: "{command}"}}
"""

FUNDED = Decimal(1000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    commands = {  # a slow one costs something in any case: seconds count
        "quick": "echo quick",
        "slow": f"echo begin; sleep 1; until [ -e {tmp_path}/released ]; do sleep 0.1; done; echo end",
        "endless": "sleep 100000",
        "fails": "exit 9",
    }
    for name, command in commands.items():
        (tmp_path / f"{name}.yaml").write_text(WORKFLOW.format(command=command), encoding="utf-8")
    return tmp_path


def release(folder: Path) -> None:
    """Let slow jobs come to their end."""
    (folder / "released").touch()


def watch(folder: Path, job: str) -> subprocess.CompletedProcess[str]:
    return dps(folder, "job", "watch", job)


def jobs(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(dps(folder, "job", "list", "--all", "--json").stdout)
    return found


def assert_credits_add_up(folder: Path) -> None:
    """What the customer was given is what it still has and what its jobs cost or hold."""
    held = Decimal(0)
    for job in jobs(folder):
        bill = {name: Decimal(job["bill"][name]) for name in ("locked", "paid", "fee", "refunded")}
        assert bill["locked"] == bill["paid"] + bill["fee"] + bill["refunded"]
        held += bill["paid"] + bill["fee"] if job["bill"]["final"] else bill["locked"]
    assert Decimal(dps(folder, "credits", "balance").stdout) + held == FUNDED


def test_a_restart_finds_jobs_and_credits_as_they_were(folder: Path) -> None:
    with up(folder):
        assert watch(folder, submit(folder, "quick.yaml")).returncode == 0
        assert watch(folder, submit(folder, "fails.yaml")).returncode == ExitCode.JOB_FAILED
        before, balance = jobs(folder), dps(folder, "credits", "balance").stdout
    with up(folder):
        assert jobs(folder) == before
        assert dps(folder, "credits", "balance").stdout == balance
        assert dps(folder, "job", "logs", "1").stdout == "Running: work\nquick\n"
        assert watch(folder, submit(folder, "quick.yaml")).returncode == 0
        assert_credits_add_up(folder)


def test_ctrl_c_leaves_no_process_and_a_job_that_was_cut_off_costs_nothing(folder: Path) -> None:
    running = start(folder)
    job = submit(folder, "endless.yaml")
    with watching(folder, "job", "logs", "--follow", job) as following:
        assert following.line() == "Running: work\n"
    running.stop()
    assert running.process.stdout is not None
    running.process.stdout.close()
    assert_nothing_runs(folder)
    with up(folder):
        assert watch(folder, job).returncode == ExitCode.JOB_PANICKED
        assert jobs(folder)[0]["bill"]["refunded"] == "1"
        assert_credits_add_up(folder)


@pytest.mark.parametrize(
    ("service", "site"),
    [
        ("node", "valley"),
        ("gateway", "valley"),
        ("metascheduler", "valley"),
        ("valley", "valley"),
        ("summit", "summit"),
    ],
)
def test_each_job_ends_right_although_a_service_is_killed_while_it_runs(folder: Path, service: str, site: str) -> None:
    there = ("--use", f"site={site}")
    with up(folder) as running:
        quick, fails = submit(folder, "quick.yaml", *there), submit(folder, "fails.yaml", *there)
        with watching(folder, "submit", "slow.yaml", "--watch", *there) as slow:
            assert slow.line() == "Running: work\n"
            running.replace(service)
            release(folder)
            assert slow.rest() == "begin\nend\n"
            assert slow.process.returncode == 0, slow.said
        assert watch(folder, quick).returncode == 0
        assert watch(folder, fails).returncode == ExitCode.JOB_FAILED
        assert len({job["provider"] for job in jobs(folder)}) == 1
        assert {job["name"]: Decimal(job["bill"]["paid"]) for job in jobs(folder)}["slow"] > 0
        assert_credits_add_up(folder)


def test_when_up_itself_is_killed_its_services_end_and_the_next_up_takes_over(folder: Path) -> None:
    running = start(folder)
    services = list(running.services.values())
    job = submit(folder, "slow.yaml")
    running.process.kill()
    running.process.communicate()
    assert left_of(services, STOP_SECONDS) == []
    with up(folder):
        release(folder)
        assert watch(folder, job).returncode == 0
        assert_credits_add_up(folder)
    assert_nothing_runs(folder)


def test_a_second_grid_in_the_same_folder_is_refused(folder: Path) -> None:
    with up(folder):
        answer = dps(folder, "up")
        assert answer.returncode == ExitCode.GRID_BUSY
        assert "another dps runs a grid" in answer.stderr


def test_ctrl_c_while_watching_says_that_the_job_goes_on(folder: Path) -> None:
    with up(folder):
        with watching(folder, "submit", "slow.yaml", "--watch") as command:
            assert command.line() == "Running: work\n"
            command.process.send_signal(signal.SIGINT)
            command.rest()
            assert command.process.returncode == ExitCode.INTERRUPTED
            assert "job 1 goes on" in command.said
            assert "Traceback" not in command.said
        release(folder)
        assert watch(folder, "1").returncode == 0
