"""What the grid adds to Slurm: the same jobs through the whole grid and by plain `sbatch`, on one cluster, in one run.

The cluster is a real Slurm of four nodes on loopback, the grid is the one that `dps up --slurm` runs: each
service its own process, the chain durable. The plain jobs are another user's, as on any cluster that has users beside
the grid: a supervisor asks Slurm for the jobs of its own account. Both sides are watched by looking every 20 ms. A
job's RUNNING is the moment when its own program starts; the grid's is the moment when its customer hears of it.

A step of the language is an `srun`, and a plain batch script needs none. What is promised is measured beside the
bare program, in turns, for a machine that others use is not equally fast all the time; a second figure stands beside
jobs that do the same work, a program under `srun`. A third one is of the same grid with anvil as its chain, for a
ledger need not be kept in Python, nor on the cluster's machine.
"""

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.report import Figure, median
from deepsquare.chain import EventReader, HttpRpc, JobChanged
from deepsquare.cli.localgrid.accounts import ADMIN, CUSTOMER, SCHEDULER, account
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.cli.localgrid.grid import LocalGrid
from deepsquare.cli.localgrid.providers import providers
from deepsquare.model import JobStatus, Label
from deepsquare.sdk import AsyncClient
from deepsquare.sdk.job import AsyncJob
from tests.support.nodes import anvil, installed
from tests.support.slurm import JOB_ACCOUNT, SlurmLab, slurm_lab

LOOK_SECONDS = 0.02
AT_SLURM = [Label("site", "summit")]
PARALLEL_SUBMITS = 16
ANVIL_CHAIN_ID = 31_337
GAS_MONEY_WEI = 10**21
WORKFLOW = """\
enableLogging: true
resources: {{tasks: 1, cpusPerTask: 1, memPerCpu: 50, gpus: 0}}
steps:
  - run:
      command: {command}
"""


def measure(*, quick: bool) -> list[Figure]:
    """The figures of this benchmark."""
    with slurm_lab() as lab:
        os.environ.update(lab.environment)
        return asyncio.run(_measure(lab, quick=quick))


async def _measure(lab: SlurmLab, *, quick: bool) -> list[Figure]:
    runs, jobs, turns = (3, 20, 1) if quick else (20, 200, 3)
    async with _grid() as client:
        latency = await _latency(lab, client, runs)
        throughput = [await _throughput(lab, client, jobs, f"sleep {seconds}", turns) for seconds in ("0", "1")]
        follow = await _follow_latency(client, 10 if quick else 50)
    on_anvil = await _throughput_on_anvil(lab, jobs, "sleep 1", turns)
    return [*latency, *[figure for several in throughput for figure in several], *on_anvil, follow]


@asynccontextmanager
async def _grid(node_url: str | None = None) -> AsyncIterator[AsyncClient]:
    """A grid and its customer, on the chain of this node or on an embedded one."""
    with tempfile.TemporaryDirectory(prefix="dps-bench-") as path:
        folder = StateFolder(Path(path))
        if node_url is not None:
            await _give_gas_money(folder, node_url)
        async with (
            LocalGrid(folder, say=print, with_slurm=True, node_url=node_url) as grid,
            AsyncClient(grid.configuration) as client,
        ):
            await client.allow(100_000)
            yield client


async def _give_gas_money(folder: StateFolder, anvil_url: str) -> None:
    """Coins for everybody on the grid: anvil suggests fees, an embedded chain none."""
    parties = [ADMIN, SCHEDULER, CUSTOMER, *(provider.name for provider in providers(with_slurm=True))]
    rpc = HttpRpc(anvil_url)
    try:
        for name in parties:
            await rpc.request("anvil_setBalance", [account(folder, name).address, hex(GAS_MONEY_WEI)])
    finally:
        await rpc.close()


async def _latency(lab: SlurmLab, client: AsyncClient, runs: int) -> list[Figure]:
    """One `true` at a time, turn and turn about, so that both sides meet the same machine."""
    plain: list[tuple[float, float]] = []
    through: list[tuple[float, float]] = []
    workflow = WORKFLOW.format(command="'true'")
    marks = lab.folder / "marks"
    marks.mkdir()
    marks.chmod(0o777)  # the plain jobs are another user's
    for number in range(runs):
        plain.append(await asyncio.to_thread(_plain_latency, lab, marks / str(number)))
        through.append(await _grid_latency(client, workflow))
    figures = []
    for name, column, column_plain in (
        ("RUNNING", [t[0] for t in through], [p[0] for p in plain]),
        ("FINISHED", [t[1] for t in through], [p[1] for p in plain]),
    ):
        grid, slurm = median(column), median(column_plain)
        detail = f"median of {runs}: grid {grid:.2f} s, sbatch {slurm:.2f} s"
        figures.append(Figure(f"submit to {name}: grid minus sbatch", grid - slurm, "s", at_most=1.0, detail=detail))
    return figures


def _plain_latency(lab: SlurmLab, mark: Path) -> tuple[float, float]:
    """Seconds from `sbatch` to the program's start, which it writes to `mark`, and to the end as `squeue` tells it."""
    begin = time.time()
    job = _sbatch(lab, f"date +%s.%N > {mark}")
    while _state(lab, job) != "COMPLETED":
        time.sleep(LOOK_SECONDS)  # a benchmark's own look at a real cluster
    return float(mark.read_text()) - begin, time.time() - begin


async def _grid_latency(client: AsyncClient, workflow: str) -> tuple[float, float]:
    """Seconds from `submit` until its customer hears of RUNNING and of FINISHED."""
    begin = time.perf_counter()
    job = await client.submit(workflow, credits=1, uses=AT_SLURM)
    heard = {event.status.name: time.perf_counter() - begin async for event in job.events()}
    return heard["RUNNING"], heard["FINISHED"]


async def _throughput(lab: SlurmLab, client: AsyncClient, jobs: int, program: str, turns: int) -> list[Figure]:
    """Jobs per second of many jobs of one program: through the grid, by `sbatch`, and by `sbatch` with `srun`."""
    ratio, through, detail = await _in_turns(lab, client, jobs, program, turns)
    steps = await _plain_rate(lab, jobs, f"srun {program}")
    many = f"{jobs} jobs of `{program}`"
    alike = f"grid {through:.1f} jobs/s, sbatch of `srun {program}` {steps:.1f} jobs/s"
    return [
        Figure(f"{many}: grid beside sbatch", ratio, "ratio", at_least=0.5, detail=detail),
        Figure(f"{many}: grid beside sbatch with srun", through / steps, "ratio", detail=alike),
    ]


async def _in_turns(
    lab: SlurmLab, client: AsyncClient, jobs: int, program: str, turns: int
) -> tuple[float, float, str]:
    """The grid beside `sbatch` of the bare program, medians: their ratio, the grid's jobs per second, both in words."""
    pairs = [(await _plain_rate(lab, jobs, program), await _grid_rate(client, jobs, program)) for _ in range(turns)]
    ratios = [through / plain for plain, through in pairs]
    plain, through = (median(column) for column in zip(*pairs, strict=True))
    detail = (
        f"median of {', '.join(f'{ratio:.2f}' for ratio in ratios)}; grid, whose step is an srun: "
        f"{through:.1f} jobs/s; sbatch of the bare program: {plain:.1f} jobs/s"
    )
    return median(ratios), through, detail


async def _throughput_on_anvil(lab: SlurmLab, jobs: int, program: str, turns: int) -> list[Figure]:
    """The same where anvil keeps the chain; no figure where there is no anvil."""
    if installed("anvil") is None:
        return []
    with tempfile.TemporaryDirectory(prefix="dps-bench-") as folder:
        async with anvil(Path(folder), ANVIL_CHAIN_ID) as node, _grid(node.url) as client:
            ratio, _, detail = await _in_turns(lab, client, jobs, program, turns)
    return [Figure(f"{jobs} jobs of `{program}`: grid on anvil beside sbatch", ratio, "ratio", detail=detail)]


async def _plain_rate(lab: SlurmLab, jobs: int, program: str) -> float:
    begin = time.perf_counter()
    await asyncio.to_thread(_plain_many, lab, jobs, program)
    return jobs / (time.perf_counter() - begin)


async def _grid_rate(client: AsyncClient, jobs: int, program: str) -> float:
    begin = time.perf_counter()
    await _grid_many(client, jobs, program)
    return jobs / (time.perf_counter() - begin)


def _plain_many(lab: SlurmLab, jobs: int, program: str) -> None:
    for _ in range(jobs):
        _sbatch(lab, program)
    while lab.run("squeue", "-h", "-o", "%i").strip():
        time.sleep(LOOK_SECONDS)  # a benchmark's own look at a real cluster


async def _grid_many(client: AsyncClient, jobs: int, program: str) -> None:
    places = asyncio.Semaphore(PARALLEL_SUBMITS)
    workflow = WORKFLOW.format(command=program)

    async def submit() -> AsyncJob:
        async with places:
            return await client.submit(workflow, credits=1, uses=AT_SLURM)

    handles = await asyncio.gather(*(submit() for _ in range(jobs)))
    await _all_finished(client, handles)


async def _all_finished(client: AsyncClient, handles: Sequence[AsyncJob]) -> None:
    """Return when all are over, as the chain's events tell; a look at each job would keep the chain busy."""
    waiting = {handle.id for handle in handles}
    ledger = await client.connection.ledger()
    block = ledger.grid.deployed_at_block
    async with EventReader(ledger) as reader:
        while waiting:
            page = await reader.read(block)
            block = page.next_block
            for event in page.events:
                if isinstance(event, JobChanged) and event.after.is_cold and event.job_id in waiting:
                    waiting.discard(event.job_id)
                    if event.after is not JobStatus.FINISHED:
                        raise RuntimeError(f"job {event.job_id} ended as {event.after.name}")
            if waiting:
                await reader.wake(1.0)


async def _follow_latency(client: AsyncClient, lines: int) -> Figure:
    """Seconds from a line's print to its arrival at a follower: each line says when it was printed."""
    workflow = WORKFLOW.format(command=f"for i in $(seq {lines}); do date +%s.%N; sleep 0.1; done")
    job = await client.submit(workflow, credits=1, uses=AT_SLURM)
    delays = []
    async for piece in job.logs(follow=True):
        now = time.time()
        delays += [now - float(line) for line in piece.decode().splitlines() if line[:1].isdigit() and "." in line]
    return Figure(
        "a printed line to `dps job logs --follow`",
        median(delays),
        "s",
        at_most=0.5,
        detail=f"median of {len(delays)} lines, longest {max(delays):.2f} s",
    )


def _sbatch(lab: SlurmLab, command: str) -> str:
    argv = ["sbatch", "--parsable", f"--uid={JOB_ACCOUNT}", "--chdir=/", "--output=/dev/null", "--mem=50"]
    return lab.run(*argv, f"--wrap={command}").strip()


def _state(lab: SlurmLab, job: str) -> str:
    done = subprocess.run(
        ["squeue", "-h", "-t", "all", "-j", job, "-o", "%T"],
        env=lab.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
