"""What a person waits for at the prompt: whole processes, from the first byte of Python to the exit code.

Each command runs against a grid of this machine, as `dps up` keeps one, and beside a Python that does nothing,
which shows how busy the machine is.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Figure, median
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.cli.localgrid.grid import LocalGrid

EXAMPLE = Path(__file__).parents[1] / "examples" / "hello-world.yaml"
DPS = (sys.executable, "-P", "-m", "deepsquare.cli")


def measure(*, quick: bool) -> list[Figure]:
    """The figures of this benchmark."""
    return asyncio.run(_measure(5 if quick else 20))


async def _measure(runs: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="dps-bench-") as folder:
        async with LocalGrid(StateFolder(Path(folder)), say=print) as grid:
            environment = os.environ | {"DEEPSQUARE_CONFIG": str(grid.folder.config_file)}
            submit = (*DPS, "submit", str(EXAMPLE), "--credits", "1")
            return [
                await _figure("python -c ''", (sys.executable, "-c", ""), runs, environment),
                await _figure("dps --help", (*DPS, "--help"), runs, environment, at_most=0.2),
                await _figure("dps submit (no watch)", submit, runs, environment, at_most=1.0),
            ]


async def _figure(
    name: str, command: Sequence[str], runs: int, environment: dict[str, str], at_most: float | None = None
) -> Figure:
    seconds = [await asyncio.to_thread(_run, command, environment) for _ in range(runs)]
    detail = f"median of {runs}, {min(seconds):.2f} to {max(seconds):.2f} s"
    return Figure(name, median(seconds), "s", at_most=at_most, detail=detail)


def _run(command: Sequence[str], environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return time.perf_counter() - begin
