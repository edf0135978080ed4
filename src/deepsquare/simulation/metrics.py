"""What a schedule was worth, in numbers."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deepsquare.simulation.world import Machine, Record

SHORTEST_COUNTED_SECONDS = 10.0
"""Jobs shorter than this count as long: a wait of seconds is no disaster to a job of a second."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Of all jobs that ran."""

    jobs: int
    unplaced: int
    """Jobs that fit nowhere, or never ended."""
    lost: int
    """Those of them that were started: each attempt died with its nodes or its cluster."""
    mean_slowdown: float
    """Bounded slowdown: max((wait + run) / max(run, 10 s), 1)."""
    median_slowdown: float
    p95_slowdown: float
    p99_slowdown: float
    mean_wait_seconds: float
    p95_wait_seconds: float
    p99_wait_seconds: float
    makespan_seconds: float
    utilisation: float
    """CPU seconds that jobs needed over those that there were until the last end."""
    jain_of_speeds: float
    """Jain's index over users of the speed at which their work went: 1 / mean bounded slowdown. 1: all alike."""
    jain_of_slowdowns: float
    """Jain's index over users of their mean bounded slowdown: 1 where all were slowed down alike."""
    cost: float
    """Wei, for CPU time by the prices of the clusters."""
    energy_kwh: float
    carbon_kg: float
    moves: int
    """Attempts beyond the first of each job."""
    lost_cpu_seconds: float


def slowdown(record: Record) -> float:
    """The bounded slowdown of a job."""
    job = record.job
    return max((record.end - job.submit) / max(job.run, SHORTEST_COUNTED_SECONDS), 1.0)


def measure(records: Sequence[Record], machines: Sequence[Machine]) -> Metrics:
    """What became of the jobs, taken together. Raises `ValueError` where not a single job ended."""
    over = [record for record in records if not math.isnan(record.end) and not record.is_running]
    if not over:
        raise ValueError("no job ended: do they fit the clusters?")
    slowdowns = sorted(map(slowdown, over))
    # Of a job that did not wait, the difference of these large numbers may be a little below 0.
    waits = sorted(max(0.0, record.end - record.job.run - record.job.submit) for record in over)
    begin, end = min(record.job.submit for record in over), max(record.end for record in over)
    cpus = sum(machine.cpus for machine in machines)
    by_user: defaultdict[int, list[float]] = defaultdict(list)
    for record in over:
        by_user[record.job.user].append(slowdown(record))
    user_slowdowns = [statistics.fmean(values) for values in by_user.values()]
    work = [(record.job.cpus * record.job.run, machines[record.site]) for record in over]
    kwh = [(seconds * machine.watts_per_cpu / 3.6e6, machine.carbon) for seconds, machine in work]
    return Metrics(
        jobs=len(over),
        unplaced=len(records) - len(over),
        lost=sum(record.attempts > 0 and math.isnan(record.end) for record in records),
        mean_slowdown=statistics.fmean(slowdowns),
        median_slowdown=quantile(slowdowns, 0.5),
        p95_slowdown=quantile(slowdowns, 0.95),
        p99_slowdown=quantile(slowdowns, 0.99),
        mean_wait_seconds=statistics.fmean(waits),
        p95_wait_seconds=quantile(waits, 0.95),
        p99_wait_seconds=quantile(waits, 0.99),
        makespan_seconds=end - begin,
        utilisation=sum(seconds for seconds, _ in work) / (cpus * (end - begin)),
        jain_of_speeds=jain(1 / value for value in user_slowdowns),
        jain_of_slowdowns=jain(user_slowdowns),
        cost=sum(seconds / 60 * machine.price for seconds, machine in work),
        energy_kwh=sum(energy for energy, _ in kwh),
        carbon_kg=sum(energy * carbon / 1000 for energy, carbon in kwh),
        moves=sum(max(0, record.attempts - 1) for record in records),
        lost_cpu_seconds=sum(record.lost_seconds * record.job.cpus for record in records),
    )


def jain(values: Iterable[float]) -> float:
    """Jain's index: 1 where all values are equal, 1/n where one has all."""
    known = list(values)
    return sum(known) ** 2 / (len(known) * sum(value * value for value in known))


def quantile(ordered: Sequence[float], part: float) -> float:
    """The value that `part` of the ordered values are not above."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]
