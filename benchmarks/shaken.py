"""Four unlike sites, shaken: one queue beside the other ways to decide, over many seeds.

Each site has the load of its own users: two the traces of the folder that `DPS_TRACES` names (without it: the
model), two the Lublin-Feitelson model. Every seed takes another part of the traces, shakes the arrivals by up to
half an hour and lets users ask for 1 to 10 times of what jobs run.

Each case is written down as soon as it is done. A run that was ended goes on from there, as long as neither the
code nor the traces have changed.
"""

import hashlib
import json
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import deepsquare
from benchmarks.report import Figure
from deepsquare.scheduling import Order, Policy
from deepsquare.simulation import lublin
from deepsquare.simulation.metrics import Metrics
from deepsquare.simulation.metrics import measure as measured
from deepsquare.simulation.scenario import GRID, POOLED, Shaping, simulate, work
from deepsquare.simulation.trace import TraceJob, read_swf
from deepsquare.simulation.world import Conditions, Machine

FOLDER = Path(os.environ.get("DPS_TRACES", "traces"))
TRACES = ("lublin_256.swf", "lublin_256_new2.swf")

SITES = [Machine(256, price=1000), Machine(256, price=1300), Machine(128, price=900), Machine(240, price=1100)]
LOADS = (0.5, 0.6, 0.7, 0.8, 0.9)
JOBS_PER_SITE = 1000
USERS = 40
CONDITIONS = Conditions(latency_seconds=5.0, report_seconds=30.0)
CONTENDERS = (
    *((GRID, order) for order in (Order.FAIR, Order.FCFS, Order.SJF)),
    *((name, order) for name in (POOLED, "copies", "earliest-start", "home") for order in (Order.FCFS, Order.SJF)),
    ("random", Order.SJF),
)
"""What has to be known first of all, first: a run may be ended."""

Outcome = dict[tuple[str, Order], Metrics]


@dataclass(frozen=True, slots=True)
class Case:
    """One simulation."""

    name: str
    order: Order
    seed: int
    load: float


def figures(seeds: int, path: Path) -> list[Figure]:
    """What is promised, over so many seeds; the cases are kept in the file."""
    outcomes: dict[tuple[float, int], Outcome] = {}
    for case, metrics in outcomes_of(cases(seeds), path, fingerprint(), run):
        outcomes.setdefault((case.load, case.seed), {})[case.name, case.order] = metrics
    return [figure for load in LOADS for figure in _figures(load, [outcomes[load, seed] for seed in range(seeds)])]


def cases(seeds: int) -> list[Case]:
    """All that there is to simulate."""
    return [Case(name, order, seed, load) for name, order in CONTENDERS for seed in range(seeds) for load in LOADS]


def outcomes_of(
    wanted: Sequence[Case], path: Path, code: str, run: Callable[[Case], Metrics]
) -> Iterator[tuple[Case, Metrics]]:
    """Each case with what came of it: as the file says where this very code has run it, else it is run and written."""
    known = dict(_known(path, code))
    path.parent.mkdir(parents=True, exist_ok=True)
    for case in wanted:
        metrics = known.get(case)
        if metrics is None:
            metrics = run(case)
            with path.open("a") as file:
                print(json.dumps({"code": code, "case": asdict(case), "metrics": asdict(metrics)}), file=file)
        yield case, metrics


def _known(path: Path, code: str) -> Iterator[tuple[Case, Metrics]]:
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            kept = json.loads(line)
        except ValueError:
            # Whoever wrote it was ended meanwhile.
            continue
        if kept["code"] == code:
            case = kept["case"]
            yield Case(case["name"], Order(case["order"]), case["seed"], case["load"]), Metrics(**kept["metrics"])


def fingerprint() -> str:
    """Equal where the same cases have the same outcomes: of all code that decides or simulates, and the traces."""
    digest = hashlib.sha256()
    package = Path(deepsquare.__file__).parent
    sources = [file for part in ("model", "scheduling", "simulation") for file in sorted((package / part).glob("*.py"))]
    for file in (*sources, Path(__file__), *(FOLDER / name for name in TRACES)):
        digest.update(file.name.encode() + (file.read_bytes() if file.exists() else b""))
    return digest.hexdigest()


def run(case: Case) -> Metrics:
    """Simulate a case."""
    policy = Policy(order=case.order, latency_seconds=CONDITIONS.latency_seconds)
    jobs = four_sites(case.load, case.seed)
    return measured(*simulate(case.name, jobs, SITES, policy, CONDITIONS, seed=case.seed))


def four_sites(load: float, seed: int) -> list[TraceJob]:
    """The work of one seed."""
    traces = []
    for number, machine in enumerate(SITES):
        if number < len(TRACES):
            whole = trace(TRACES[number])
            begin = seed * JOBS_PER_SITE % (len(whole) - JOBS_PER_SITE)
            traces.append(whole[begin : begin + JOBS_PER_SITE])
        else:
            traces.append(lublin.generate(JOBS_PER_SITE, machine.cpus, 1000 + seed * 10 + number))
    shaping = Shaping(load, seed, shake_seconds=1800.0, most_overestimate=10.0, users=USERS)
    return work(traces, SITES, shaping)


def is_at_hand(name: str) -> bool:
    """Whether a trace is there to be read."""
    return (FOLDER / name).exists()


def trace(name: str) -> list[TraceJob]:
    """A trace; where it is not at hand the model that it was made with."""
    if not is_at_hand(name):
        return lublin.generate(10_000, 256, len(name))
    return read_swf((FOLDER / name).read_text().splitlines())


def _figures(load: float, outcomes: Sequence[Outcome]) -> list[Figure]:
    """What is promised at this load: means over the seeds."""

    def mean(name: str, order: Order, number: Callable[[Metrics], float]) -> float:
        return statistics.fmean(number(outcome[name, order]) for outcome in outcomes)

    def slow(name: str, order: Order) -> float:
        return mean(name, order, lambda metrics: metrics.mean_slowdown)

    figures = []
    seeds = f"{len(outcomes)} seeds"
    for order in (Order.FCFS, Order.SJF):
        grid = slow(GRID, order)
        for other, most in ((POOLED, 1.3), ("copies", 1.0), ("earliest-start", 0.5)):
            against = slow(other, order)
            detail = f"mean bounded slowdown over {seeds}: grid {grid:.2f}, {other} {against:.2f}"
            name = f"load {load}, {order}: grid over {other}"
            figures.append(Figure(name, grid / against, "ratio", at_most=most, detail=detail))
    fair, pooled = slow(GRID, Order.FAIR), slow(POOLED, Order.FCFS)
    detail = f"mean bounded slowdown over {seeds}: fair {fair:.2f}, pooled FCFS {pooled:.2f}"
    figures.append(
        Figure(f"load {load}, default: grid over pooled FCFS", fair / pooled, "ratio", at_most=1.0, detail=detail)
    )
    waits = [mean(*which, lambda metrics: metrics.p99_wait_seconds) for which in (_DEFAULT, _REFERENCE)]
    detail = f"p99 wait: {waits[0]:.0f} s, pooled FCFS {waits[1]:.0f} s"
    figures.append(
        Figure(f"load {load}, default: p99 wait over pooled FCFS", waits[0] / waits[1], "ratio", 2.0, detail=detail)
    )
    for word, number in (
        ("speeds", lambda metrics: metrics.jain_of_speeds),
        ("slowdowns", lambda metrics: metrics.jain_of_slowdowns),
    ):
        jains = [mean(*which, number) for which in (_DEFAULT, _REFERENCE)]
        name = f"load {load}, default: Jain of users' {word}"
        detail = f"pooled FCFS {jains[1]:.3f}; {USERS} users"
        bound = jains[1] if word == "speeds" else None
        figures.append(Figure(name, jains[0], "index", at_least=bound, detail=detail))
    for name, order in (("home", Order.FCFS), ("home", Order.SJF), ("random", Order.SJF)):
        figures += [Figure(f"load {load}, {order}: {name}", slow(name, order), "slowdown", detail=seeds)]
    return figures


_DEFAULT, _REFERENCE = (GRID, Order.FAIR), (POOLED, Order.FCFS)
