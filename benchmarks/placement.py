"""How close one queue brings many clusters to one machine, what a decision costs, and what outages do.

Three seeds take some minutes. The whole protocol, with a simulation of a million jobs, is
`python -m benchmarks placement --seeds 30`: hours of one core, and one that is ended goes on where it was.
"""

import random
import resource
import statistics
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import shaken
from benchmarks.report import Figure
from benchmarks.shaken import CONDITIONS, TRACES, is_at_hand, trace
from deepsquare.model import Address, Hardware, JobDefinition, JobId, Node, Prices, Provider
from deepsquare.scheduling import Backfill, Cluster, JobRequest, Order, Policy, Scheduler
from deepsquare.simulation import lublin
from deepsquare.simulation.metrics import measure as measured
from deepsquare.simulation.metrics import quantile
from deepsquare.simulation.scenario import GRID, simulate
from deepsquare.simulation.trace import TraceJob, at_load, overestimated
from deepsquare.simulation.world import Conditions, Grid, Machine, Outage

RESULTS = Path("benchmarks/results")


def measure(*, quick: bool, seeds: int | None = None) -> list[Figure]:
    """The figures of this benchmark; with `seeds` the whole protocol with so many, else as much as takes minutes."""
    simulated = 50_000 if quick else 100_000 if seeds is None else 1_000_000
    return [
        *_speed(simulated, quick=quick),
        *_outages(2 if quick else 5),
        *_one_cluster(),
        *shaken.figures(seeds or (1 if quick else 3), RESULTS / "placement-cases.jsonl"),
    ]


# ---- one cluster ----


def _one_cluster() -> list[Figure]:
    """Sequences of 1,024 jobs of each trace on one cluster of 256, as they stand, limits as long as the jobs run."""
    figures = []
    for name in TRACES:
        whole = trace(name)
        random_ = random.Random(1)  # noqa: S311 - equal seeds shall give equal jobs
        begins = [random_.randrange(len(whole) - 1024) for _ in range(10)]
        means = {}
        for order in (Order.FCFS, Order.SAF):
            policy = Policy(order=order, backfill=Backfill.EASY, latency_seconds=0.0)
            runs = [simulate(GRID, whole[b : b + 1024], [Machine(256)], policy, Conditions()) for b in begins]
            means[order] = statistics.fmean(measured(*run).mean_slowdown for run in runs)
        detail = f"FCFS {means[Order.FCFS]:.1f}, SAF {means[Order.SAF]:.1f}, both EASY; 10 sequences of 1,024 jobs"
        ratio = means[Order.FCFS] / means[Order.SAF]
        # The factor of the literature is that of the traces; nobody promises one for what is generated.
        source, at_least = (name, 2.0) if is_at_hand(name) else (f"generated for want of {name} in DPS_TRACES", None)
        title = f"{source}: FCFS over smallest area first"
        figures.append(Figure(title, ratio, "ratio", at_least=at_least, detail=detail))
    return figures


# ---- speed ----


def _speed(simulated: int, *, quick: bool) -> list[Figure]:
    return [
        *_decisions(100, 10_000),
        _throughput(1000, 20_000 if quick else 100_000),
        _growth(),
        *_long_simulation(simulated),
    ]


def _full_grid(clusters: int, queued: int, seed: int = 1) -> tuple[Scheduler, random.Random]:
    """Clusters that are full of jobs, and jobs that wait for them: widths and times of the model."""
    random_ = random.Random(seed)  # noqa: S311 - equal seeds shall give equal jobs
    scheduler = Scheduler(Policy())
    for number in range(clusters):
        cpus = random_.choice((32, 64))
        nodes = (Node(cpus, cpus * 4000),) * random_.choice((4, 8))
        prices = Prices(0, random_.randint(900, 1300), 0)
        scheduler.join(Cluster(Provider(Address(f"0x{number + 1:040x}"), Hardware(nodes), prices)))
    for user in range(100):
        scheduler.usage.charge(Address(f"user-{user}"), 1e9, 0.0)
    jobs = overestimated(lublin.generate(queued + clusters * 40, 256, seed), seed, 10.0)
    for number, job in enumerate(jobs):
        scheduler.submit(_request(number, job, random_))
        if number == clusters * 40:
            scheduler.decide(0.0)
    scheduler.decide(0.0)
    return scheduler, random_


def _request(number: int, job: TraceJob, random_: random.Random) -> JobRequest:
    definition = JobDefinition(job.cpus, 1, random_.choice((500, 1000, 2000)), 0, "")
    user = Address(f"user-{random_.randrange(100)}")
    submitted = datetime.fromtimestamp(number / 1000, UTC)
    return JobRequest(definition, 2**128, submitted, JobId(number), customer=user, max_seconds=job.limit)


def _churn(scheduler: Scheduler, random_: random.Random, decisions: int) -> tuple[list[float], int]:
    """End one job after another, submit another for each that started; seconds of each decision, and the starts."""
    held = [job for cluster in scheduler.clusters.values() for job in cluster.held]
    seconds: list[float] = []
    started, number = 0, 10**7
    for step in range(decisions):
        position = random_.randrange(len(held))
        held[position], held[-1] = held[-1], held[position]
        job = held.pop()
        begin = time.process_time()
        scheduler.end(job, 1.0 + step)
        starts = scheduler.decide(1.0 + step)
        seconds.append(time.process_time() - begin)
        held += [start.job for start in starts if not start.is_ahead]
        started += len(starts)
        for start in starts:
            number += 1
            scheduler.submit(replace(start.request, id=JobId(number)))
    return seconds, started


def _decisions(clusters: int, queued: int) -> list[Figure]:
    scheduler, random_ = _full_grid(clusters, queued)
    waiting = len(scheduler.queue)
    seconds, started = _churn(scheduler, random_, 3000)
    detail = f"{clusters} clusters, {waiting} queued, 3,000 decisions, {started} placements, median"
    detail += f" {statistics.median(seconds) * 1000:.2f} ms"
    return [Figure("p99 of a decision", quantile(sorted(seconds), 0.99) * 1000, "ms", at_most=10.0, detail=detail)]


def _throughput(clusters: int, queued: int) -> Figure:
    scheduler, random_ = _full_grid(clusters, queued)
    waiting = len(scheduler.queue)
    seconds, started = _churn(scheduler, random_, 5000)
    detail = f"{clusters} clusters, {waiting} queued, {started} placements"
    return Figure("placements per second", started / sum(seconds), "1/s", at_least=2000.0, detail=detail)


def _growth() -> Figure:
    costs = []
    for queued in (3_000, 30_000):
        scheduler, random_ = _full_grid(100, queued)
        seconds, started = _churn(scheduler, random_, 2000)
        costs.append(sum(seconds) / started)
    detail = f"100 clusters: {costs[0] * 1e6:.0f} us a placement with 3,000 queued, {costs[1] * 1e6:.0f} with 30,000"
    return Figure("cost per job, queue ten times as long", costs[1] / costs[0], "ratio", at_most=1.5, detail=detail)


def _long_simulation(count: int) -> list[Figure]:
    machines = [Machine(cpus, price=1000 + number) for number in range(25) for cpus in (256, 256, 128, 240)]
    jobs = lublin.generate(count, 256, 5)
    jobs = overestimated(at_load(jobs, sum(machine.cpus for machine in machines), 0.7), 5, 10.0)
    begin = time.process_time()
    records = Grid(jobs, machines, Policy(), Conditions(latency_seconds=5.0)).run()
    seconds = time.process_time() - begin
    slow = measured(records, machines).mean_slowdown
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    detail = f"load 0.7, 5 s latency; mean bounded slowdown {slow:.2f}; {seconds / count * 1e6:.0f} us a job"
    name = f"simulate {count:,} jobs on 100 clusters"
    return [
        Figure(name, seconds, "s of one core", at_most=300.0, detail=detail),
        Figure(f"{name}: memory", memory, "GiB", at_most=4.0),
    ]


# ---- outages ----


def _outages(seeds: int) -> list[Figure]:
    """Ten clusters, one dies in the middle; against the same work on the nine that stay."""
    worst, moves = 0.0, 0
    for seed in range(seeds):
        machines = [Machine(cpus) for cpus in (256, 256, 128, 240, 64, 128, 256, 128, 64, 128)]
        total = sum(machine.cpus for machine in machines)
        jobs = overestimated(at_load(lublin.generate(6000, 256, 50 + seed), total, 0.6), seed, 10.0)
        victim = 3
        half = jobs[len(jobs) // 2].submit
        conditions = replace(CONDITIONS, outages=(Outage(victim, half),))
        records = Grid(jobs, machines, Policy(), conditions).run()
        broken = measured(records, machines)
        left = [machine for number, machine in enumerate(machines) if number != victim]
        never = measured(Grid(jobs, left, Policy(), CONDITIONS).run(), left)
        if broken.jobs != len(jobs):
            raise RuntimeError(f"{broken.unplaced} jobs never ended after an outage")
        worst = max(worst, broken.mean_slowdown / never.mean_slowdown)
        moves += broken.moves
    detail = f"worst of {seeds} seeds, 6,000 jobs each; all ended, none ran twice at once, {moves} moved"
    name = "one of ten clusters dies: slowdown over never having had it"
    return [Figure(name, worst, "ratio", at_most=1.5, detail=detail)]
