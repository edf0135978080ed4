"""Processes of a grid: started, restarted, given up, ended; none outlives its parent."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from deepsquare.cli.failure import GridFailed
from deepsquare.cli.localgrid.children import EARLY_DEATHS, Children, Part
from deepsquare.clock import SystemClock
from tests.support.processes import left_of

pytestmark = pytest.mark.programs

WAIT_SECONDS = 30
FOREVER = "import signal; signal.pause()"


class HurriedClock:
    """Every pause is over almost at once, and noted."""

    def __init__(self) -> None:

        self.now = SystemClock().now
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0.001)


async def _ready() -> bool:
    return True


async def _never() -> bool:
    return False


class Said(list[str]):
    """What was said, and a way to wait for the next word."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()

    def __call__(self, text: str) -> None:
        self.append(text)
        self.news.set()


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
async def children(said: Said) -> AsyncIterator[Children]:
    async with Children(HurriedClock(), said) as found:
        yield found


def part(folder: Path, program: str, is_ready: Callable[[], Awaitable[bool]] = _ready, name: str = "part") -> Part:
    return Part(name, [sys.executable, "-c", program], dict(os.environ), folder / f"{name}.log", is_ready)


async def test_a_part_runs_until_it_is_stopped(children: Children, tmp_path: Path) -> None:
    await children.start(part(tmp_path, FOREVER))
    process = psutil.Process(children.pids["part"])
    await children.stop()
    assert not process.is_running()


async def test_a_part_that_dies_is_started_again_with_a_word(children: Children, tmp_path: Path, said: Said) -> None:
    await children.start(part(tmp_path, FOREVER))
    first = children.pids["part"]
    os.kill(first, 9)
    async with asyncio.timeout(WAIT_SECONDS):
        await said.news.wait()
    assert said == ["part ended with signal KILL; starting it again in 0.5 s"]


async def test_a_part_that_dies_again_and_again_before_it_serves_fails_the_grid(
    children: Children, tmp_path: Path
) -> None:
    with pytest.raises(GridFailed, match=f"part ended {EARLY_DEATHS} times with exit code 3: no port left") as failure:
        await children.start(part(tmp_path, "print('no port left'); raise SystemExit(3)", _never))
    assert str(tmp_path / "part.log") in failure.value.next_step


async def test_parts_end_in_the_opposite_order(children: Children, tmp_path: Path) -> None:
    log = tmp_path / "ends"
    program = (
        "import signal, sys\n"
        "def end(*_):\n"
        f"    open({str(log)!r}, 'a').write({{name!r}} + '\\n')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(tmp_path)!r} + '/' + {{name!r}} + '.ready', 'w')\n"
        "while True: signal.pause()\n"
    )
    for name in ("one", "two"):
        marker = tmp_path / f"{name}.ready"

        async def listens(marker: Path = marker) -> bool:
            return await asyncio.to_thread(marker.exists)

        await children.start(part(tmp_path, program.format(name=name), listens, name))
    await children.stop()
    assert log.read_text(encoding="utf-8").split() == ["two", "one"]


def test_no_part_outlives_whoever_started_it() -> None:
    parent = (
        "import os, subprocess, sys, time\n"
        "command = [sys.executable, '-P', '-m', 'deepsquare.cli.localgrid.tether', str(os.getpid()),"
        f" sys.executable, '-c', 'print(1, flush=True); {FOREVER}']\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
    assert left_of([child], WAIT_SECONDS) == []


def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    command = [sys.executable, "-P", "-m", "deepsquare.cli.localgrid.tether", "1", sys.executable, "-c", "print('ran')"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode != 0
    assert answer.stdout == ""
