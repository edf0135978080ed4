"""`dps simulate`: a grid as it would have been, under one or several ways to decide."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from deepsquare.cli.command import Command, current
from deepsquare.cli.output import Column, Table
from deepsquare.model import format_credits
from deepsquare.scheduling import Backfill, Order, Policy
from deepsquare.sdk.errors import InvalidValue
from deepsquare.simulation import scenario
from deepsquare.simulation.metrics import Metrics, measure
from deepsquare.simulation.trace import InvalidTrace, TraceJob, read_swf
from deepsquare.simulation.world import Conditions, Machine, Outage, Record

_COLUMNS = (
    Column("policy"),
    Column("mean slowdown", right=True),
    Column("p95", right=True),
    Column("mean wait", right=True),
    Column("p99 wait", right=True),
    Column("utilisation", right=True),
    Column("Jain", right=True),
    Column("credits", right=True),
    Column("kWh", right=True),
    Column("moves", right=True),
    Column("lost", right=True),
)


class _Finite(click.FloatRange):
    """A number in a range; "nan" is in each of click's own, and "inf" in those without an end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number that the text says."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_MEAN_SECONDS = _Finite(min=1, max=1e9)
_POLICY = click.Choice(scenario.POLICIES)
_BACKFILL = click.Choice([backfill.value for backfill in Backfill])
_ORDER = click.Choice([order.value for order in Order])


@click.command("simulate", cls=Command, short_help="Run traces through a simulated grid; compare policies.")
@click.option("--trace", "traces", multiple=True, type=_FILE, help="A trace; one per cluster at most.")
@click.option("--lublin", "count", type=click.IntRange(min=2), help="So many jobs of the Lublin model per cluster.")
@click.option("--clusters", default="256,256,128,240", show_default=True, help="CPUs of each, as 256 or 8x32@0.02.")
@click.option("--policy", "names", multiple=True, type=_POLICY, default=(scenario.GRID,), help="Several make a table.")
@click.option("--order", type=_ORDER, default=Order.FAIR.value, show_default=True, help="Of every queue.")
@click.option("--backfill", type=_BACKFILL, default=Backfill.EASY.value, show_default=True, help="Who may overtake.")
@click.option("--load", type=_Finite(min=0, min_open=True, max=10), help="Of each cluster by its own jobs.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything that is random.")
@click.option("--shake", type=_Finite(min=0), default=0.0, help="Move each arrival by up to so many seconds.")
@click.option("--overestimate", type=_Finite(min=1), default=1.0, help="Limits of 1 to so many run times.")
@click.option("--users", type=click.IntRange(min=1), help="Deal the jobs out to so many users.")
@click.option("--latency", type=_Finite(min=0), default=0.0, help="Seconds that the chain takes, each way.")
@click.option("--report-age", type=_Finite(min=0), default=30.0, help="How old load reports may be.")
@click.option("--outage", "outages", multiple=True, metavar="CLUSTER@BEGIN[-END]", help="A cluster dies (seconds).")
@click.option("--node-mtbf", type=_MEAN_SECONDS, help="Nodes die: mean seconds until then.")
@click.option("--node-repair", type=_MEAN_SECONDS, default=3600.0, show_default=True, help="Mean seconds of a repair.")
@click.option("--attempts", type=click.IntRange(min=1), help="How often a job may start; without it again and again.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw utilisation and queue over time.")
def simulate(  # noqa: PLR0917 - click passes each by its name
    traces: tuple[Path, ...],
    count: int | None,
    clusters: str,
    names: tuple[str, ...],
    order: str,
    backfill: str,
    load: float | None,
    seed: int,
    shake: float,
    overestimate: float,
    users: int | None,
    latency: float,
    report_age: float,
    outages: tuple[str, ...],
    node_mtbf: float | None,
    node_repair: float,
    attempts: int | None,
    plot: Path | None,
) -> None:
    """Run jobs of the past (--trace, Standard Workload Format) or of a model (--lublin) through a simulated grid.

    Needs no grid. Equal input gives equal output. docs/placement.md tells what the policies and numbers mean.
    """
    try:
        machines = scenario.machines_of(clusters)
        shaping = scenario.Shaping(load, seed, shake, overestimate, users)
        jobs = scenario.work(_traces(traces, count, machines, seed), machines, shaping)
        dead_clusters = tuple(_outage(text, machines) for text in outages)
        dead_nodes = scenario.failures_during(jobs, machines, node_mtbf, node_repair, seed) if node_mtbf else ()
        conditions = Conditions(
            latency, report_age, outages=dead_clusters, node_failures=dead_nodes, most_attempts=attempts or math.inf
        )
    except (scenario.InvalidScenario, InvalidTrace) as error:
        raise InvalidValue(str(error), next_step="see dps simulate --help") from None
    policy = Policy(order=Order(order), backfill=Backfill(backfill), latency_seconds=latency)
    results: dict[str, Metrics] = {}
    for name in names:
        try:
            records, used = scenario.simulate(name, jobs, machines, policy, conditions, seed=seed)
            results[name] = measure(records, used)
        except ValueError as error:
            raise InvalidValue(str(error), next_step="see dps simulate --help") from None
        if plot is not None:
            _plot(plot if len(names) == 1 else plot.with_stem(f"{plot.stem}-{name}"), name, records, used)
    documents = [{"policy": name, **dataclasses.asdict(metrics)} for name, metrics in results.items()]
    rows = [_row(name, metrics) for name, metrics in results.items()]
    current().output.table(documents, Table(_COLUMNS, rows), empty="Nothing was simulated.")


def _traces(paths: tuple[Path, ...], count: int | None, machines: list[Machine], seed: int) -> list[list[TraceJob]]:
    if bool(paths) == (count is not None):
        raise scenario.InvalidScenario("say what shall run: either --trace or --lublin")
    if count is not None:
        return scenario.lublin_traces(count, machines, seed)
    widest = max(machine.cpus for machine in machines)
    return [_trace(path, widest) for path in paths]


def _trace(path: Path, most_cpus: int) -> list[TraceJob]:
    try:
        jobs = read_swf(path.read_text(encoding="utf-8", errors="replace").splitlines(), most_cpus=most_cpus)
    except InvalidTrace as error:
        raise InvalidTrace(f"{path}: {error}") from None
    if len(jobs) < scenario.FEWEST_JOBS:
        raise InvalidTrace(f"{path} has {len(jobs)} jobs that ran on at most {most_cpus} CPUs; at least two are needed")
    return jobs


def _outage(text: str, machines: list[Machine]) -> Outage:
    cluster, _, times = text.partition("@")
    begin, _, end = times.partition("-")
    try:
        outage = Outage(int(cluster) - 1, float(begin), float(end or "inf"))
    except ValueError:
        raise scenario.InvalidScenario(
            f"{text!r} is no outage; write 2@3600-7200: the second cluster, from, to"
        ) from None
    if not 0 <= outage.site < len(machines) or not 0 <= outage.begin < outage.end:
        raise scenario.InvalidScenario(
            f"{text!r}: there are clusters 1 to {len(machines)}, and it must end after it begins"
        )
    return outage


def _row(name: str, metrics: Metrics) -> tuple[str, ...]:
    return (
        name,
        f"{metrics.mean_slowdown:.2f}",
        f"{metrics.p95_slowdown:.2f}",
        f"{metrics.mean_wait_seconds:.0f} s",
        f"{metrics.p99_wait_seconds:.0f} s",
        f"{metrics.utilisation:.1%}",
        f"{metrics.jain_of_speeds:.2f}",
        format_credits(int(metrics.cost) // 10**16 * 10**16),
        f"{metrics.energy_kwh:.0f}",
        str(metrics.moves),
        str(metrics.lost),
    )


def _plot(path: Path, name: str, records: list[Record], machines: Sequence[Machine]) -> None:
    from deepsquare.simulation.plot import MissingMatplotlib, draw  # noqa: PLC0415 - loads matplotlib

    try:
        draw(path, name, records, machines)
    except MissingMatplotlib as error:
        raise InvalidValue(str(error), next_step="pip install 'deepsquare[plot]'") from None
    except ValueError as error:
        raise InvalidValue(f"{path}: {error}", next_step="name a file that ends with .png, .svg or .pdf") from None
