"""One experiment: work, clusters, what decides, and under which conditions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deepsquare.model import parse_credits
from deepsquare.scheduling import Order, Policy
from deepsquare.simulation import lublin
from deepsquare.simulation.failures import NodeFailure, node_failures
from deepsquare.simulation.federation import ROUTES, Copies, route
from deepsquare.simulation.trace import TraceJob, at_load, merged, overestimated, shaken, with_users
from deepsquare.simulation.world import Conditions, Federation, Grid, Machine, Record

POOLED = "pooled"
"""All CPUs as one machine without borders and without latency: what no grid can be better than by much."""
GRID = "grid"
"""One queue for all clusters: what the meta-scheduler does."""
POLICIES = (GRID, POOLED, *ROUTES)

FEWEST_JOBS = 2
"""Of a trace: one job alone says nothing of how fast they come."""

_MOST_CPUS, _MOST_NODES = 10**9, 10**6
_MACHINE = re.compile(r"\A(?:(\d+)x)?(\d+)(?:@(\d+(?:\.\d+)?))?\Z")


class InvalidScenario(ValueError):
    """Clusters or work that cannot be simulated."""


@dataclass(frozen=True, slots=True)
class Shaping:
    """What is done to traces before they run."""

    load: float | None = None
    """Of each cluster by its own jobs; None leaves the arrivals as they are."""
    seed: int = 0
    shake_seconds: float = 0.0
    most_overestimate: float = 1.0
    users: int | None = None
    """None leaves the users of the traces."""


def machines_of(text: str) -> list[Machine]:
    """The clusters in `256,8x32,128@0.5`: CPUs, or nodes x CPUs, each with its price in credits per CPU and minute.

    Raises `InvalidScenario`.
    """
    machines = []
    for part in text.split(","):
        match = _MACHINE.match(part.strip())
        if match is None or int(match[2]) == 0 or match[1] == "0":
            raise InvalidScenario(f"{part!r} is no cluster; write 256, or 8x32 for 8 nodes of 32 CPUs, or 256@0.02")
        nodes = int(match[1] or 1)
        if nodes > _MOST_NODES or nodes * int(match[2]) > _MOST_CPUS:
            raise InvalidScenario(
                f"{part!r} is too large: at most {_MOST_NODES} nodes and {_MOST_CPUS} CPUs of a cluster"
            )
        machines.append(Machine(nodes * int(match[2]), nodes, parse_credits(match[3] or "0.01")))
    return machines


def lublin_traces(count: int, machines: Sequence[Machine], seed: int) -> list[list[TraceJob]]:
    """`count` jobs of the Lublin-Feitelson model for each cluster."""
    return [lublin.generate(count, machine.cpus, seed * 1000 + number) for number, machine in enumerate(machines)]


def work(traces: Sequence[Sequence[TraceJob]], machines: Sequence[Machine], shaping: Shaping) -> list[TraceJob]:
    """The jobs of all traces, the n-th trace's at home at the n-th cluster. Raises `InvalidScenario`."""
    if len(traces) > len(machines) or not all(len(trace) >= FEWEST_JOBS for trace in traces):
        raise InvalidScenario(f"{len(traces)} traces for {len(machines)} clusters; each needs a cluster and two jobs")
    if shaping.load is not None:
        traces = [at_load(trace, machine.cpus, shaping.load) for trace, machine in zip(traces, machines, strict=False)]
    jobs = merged(traces)
    if shaping.shake_seconds:
        jobs = shaken(jobs, shaping.seed, shaping.shake_seconds)
    if shaping.most_overestimate > 1:
        jobs = overestimated(jobs, shaping.seed, shaping.most_overestimate)
    return jobs if shaping.users is None else with_users(jobs, shaping.seed, shaping.users)


def failures_during(
    jobs: Sequence[TraceJob], machines: Sequence[Machine], mean_up_seconds: float, mean_down_seconds: float, seed: int
) -> tuple[NodeFailure, ...]:
    """The failures of all nodes while work arrives, and then for as long as it would take to do it all on all CPUs.

    Afterwards all stay up: so every job ends, also one that needs all nodes of a cluster where hardly ever all are up.
    """
    cpus = sum(machine.cpus for machine in machines)
    longest = max(*(job.run for job in jobs), sum(job.cpus * job.run for job in jobs) / cpus)
    until = max(job.submit for job in jobs) + longest
    return node_failures([machine.nodes for machine in machines], mean_up_seconds, mean_down_seconds, until, seed)


def simulate(
    name: str,
    jobs: Sequence[TraceJob],
    machines: Sequence[Machine],
    policy: Policy,
    conditions: Conditions,
    *,
    seed: int = 0,
) -> tuple[list[Record], Sequence[Machine]]:
    """Run the jobs under the policy of this name; order and backfill of every queue that it has are those of `policy`.

    Answers what became of the jobs, and the clusters that they ran on. Raises `KeyError` for an unknown name.
    """
    if name == GRID:
        return Grid(jobs, machines, policy, conditions).run(), machines
    order = Order.FCFS if policy.order is Order.FAIR else policy.order
    if name == POOLED:
        whole = [Machine(sum(machine.cpus for machine in machines), price=_mean_price(machines))]
        ideal = Conditions()
        at_home = [replace(job, home=0) for job in jobs]
        home = route("home", ideal, seed)
        return Federation(at_home, whole, order, ideal, home, backfill=policy.backfill).run(), whole
    chosen = route(name, conditions, seed)
    is_late = isinstance(chosen, Copies)
    federation = Federation(jobs, machines, order, conditions, chosen, backfill=policy.backfill, binds_at_start=is_late)
    return federation.run(), machines


def _mean_price(machines: Sequence[Machine]) -> int:
    return sum(machine.price * machine.cpus for machine in machines) // sum(machine.cpus for machine in machines)
