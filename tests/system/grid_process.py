"""`dps up` and other commands as real processes, as a person runs them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.support.processes import left_of

START_SECONDS = 90
STOP_SECONDS = 60
COMMAND_SECONDS = 90
_PAUSE_SECONDS = 0.05

DPS = (sys.executable, "-P", "-m", "deepsquare.cli")


def environment(home: Path) -> dict[str, str]:
    """A person's environment without any setting of ours; whatever is written for them lands in `home`."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DEEPSQUARE_", "XDG_"))}
    return {**clean, "HOME": str(home), "COLUMNS": "200"}


@dataclass
class Up:
    """A `dps up` that runs."""

    process: subprocess.Popen[str]
    started: dict[str, Any]

    @property
    def services(self) -> dict[str, psutil.Process]:
        """The services by name; taken at the start."""
        return {name: psutil.Process(pid) for name, pid in self.started["processes"].items()}

    def replace(self, service: str) -> None:
        """Kill a service, and wait for the process that takes its place."""
        killed = self.services[service]
        words = killed.cmdline()
        killed.kill()
        give_up_at = time.monotonic() + START_SECONDS
        while not any(_is(child, words) for child in psutil.Process(self.process.pid).children()):
            assert time.monotonic() < give_up_at, f"nothing takes the place of {service}"
            time.sleep(_PAUSE_SECONDS)

    def stop(self) -> None:
        """Ctrl-C, and wait."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(STOP_SECONDS) == 0


def _is(process: psutil.Process, words: list[str]) -> bool:
    """Whether a process was started with these words; one that has ended has none any more."""
    try:
        return process.cmdline() == words
    except psutil.Error:
        return False


def start(folder: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> Up:
    """Start `dps up` in a folder; return once it serves."""
    variables = {**environment(folder), **(variables or {})}
    with (folder / "up.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*DPS, "up", "--json", *arguments], cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, (folder / "up.log").read_text(encoding="utf-8")
    return Up(process, json.loads(line))


@contextmanager
def up(folder: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> Iterator[Up]:
    """A grid that runs until the end of the block, and leaves no process however that ends."""
    running = start(folder, *arguments, variables=variables)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGINT)
        running.process.wait(STOP_SECONDS)
        if running.process.stdout is not None:
            running.process.stdout.close()


def dps(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command, run to its end."""
    return subprocess.run(
        [*DPS, *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def submit(folder: Path, workflow: str, *arguments: str) -> str:
    """The number of the job that this workflow of the folder becomes."""
    answer = dps(folder, "submit", workflow, "--credits", "1", *arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def output_of(folder: Path, workflow: str) -> str:
    """What a job of this workflow has printed once it is FINISHED."""
    job = submit(folder, workflow)
    watched = dps(folder, "job", "watch", job)
    output = dps(folder, "job", "logs", job).stdout
    assert watched.returncode == 0, (watched.stdout + watched.stderr, output)
    return output


@dataclass
class Watching:
    """A command that goes on while a test does other things."""

    process: subprocess.Popen[str]
    log: Path

    def line(self) -> str:
        """The next line on its stdout; waits for it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said
        return line

    def rest(self) -> str:
        """All that comes until its end."""
        assert self.process.stdout is not None
        output = self.process.stdout.read()
        self.process.wait(STOP_SECONDS)
        return output

    @property
    def said(self) -> str:
        """Its stderr."""
        return self.log.read_text(encoding="utf-8")


@contextmanager
def watching(folder: Path, *arguments: str) -> Iterator[Watching]:
    """A command that is gone after the block."""
    path = folder / "watching.log"
    with path.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*DPS, *arguments],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        try:
            yield Watching(process, path)
        finally:
            process.kill()


def processes_of(folder: Path) -> list[psutil.Process]:
    """Every process that has anything to do with the folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = " ".join(process.info["cmdline"] or [])
        if str(folder) in words or str(process.info["cwd"] or "").startswith(str(folder)):
            found.append(process)
    return found


def assert_nothing_runs(folder: Path) -> None:
    """All processes of the folder end by themselves, soon."""
    alive = left_of(processes_of(folder), STOP_SECONDS)
    assert not alive, [process.cmdline() for process in alive]
