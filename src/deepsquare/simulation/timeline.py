"""How full a grid was and how long its queue, moment by moment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deepsquare.simulation.world import Record


@dataclass(frozen=True, slots=True)
class Timeline:
    """Two step functions over one list of moments (seconds)."""

    moments: list[float]
    busy_cpus: list[int]
    waiting_jobs: list[int]


def timeline(records: Sequence[Record]) -> Timeline:
    """What ran and what waited; attempts that were lost count as waiting."""
    changes: list[tuple[float, int, int]] = []
    for record in records:
        changes.append((record.job.submit, 0, 1))
        if not math.isnan(record.end):
            changes.append((record.start, record.job.cpus, -1))
            changes.append((record.end, -record.job.cpus, 0))
    result = Timeline([], [], [])
    busy = waiting = 0
    for moment, cpus, jobs in sorted(changes):
        busy, waiting = busy + cpus, waiting + jobs
        if result.moments and result.moments[-1] == moment:
            result.busy_cpus[-1], result.waiting_jobs[-1] = busy, waiting
        else:
            result.moments.append(moment)
            result.busy_cpus.append(busy)
            result.waiting_jobs.append(waiting)
    return result
