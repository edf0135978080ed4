"""Work for the simulator: jobs as they were once submitted, in the Standard Workload Format.

One job per line, 18 numbers, -1 where something is not known; lines that begin with `;` are comments
(D. Feitelson, https://www.cs.huji.ac.il/labs/parallel/workload/swf.html).
"""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

_SUBMIT, _RUN, _ALLOCATED, _REQUESTED, _REQUESTED_SECONDS, _USER = 1, 3, 4, 7, 8, 11
_FEWEST_FIELDS = 5


class InvalidTrace(ValueError):
    """A text that is no trace."""


@dataclass(frozen=True, slots=True)
class TraceJob:
    """One job of the past, or of a model."""

    submit: float
    """Seconds since the trace began."""
    run: float
    """Seconds; known to the simulator alone."""
    cpus: int
    limit: float
    """Seconds that its user asked for: it never runs for longer."""
    user: int = 0
    home: int = 0
    """Which cluster its user belongs to: where it goes where there is no grid."""


def read_swf(lines: Iterable[str], *, most_cpus: int | None = None) -> list[TraceJob]:
    """The jobs of a trace that ran, in the order of their submission.

    Jobs without CPUs or run time are left out, and those wider than `most_cpus`. A job that asked for no time
    is taken to have asked for what it ran. Raises `InvalidTrace` with the line that cannot be read.
    """
    jobs = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith(";"):
            continue
        job = _job(text, number)
        if job is not None and (most_cpus is None or job.cpus <= most_cpus):
            jobs.append(job)
    return sorted(jobs, key=lambda job: job.submit)


def _job(text: str, number: int) -> TraceJob | None:
    try:
        fields = [float(field) for field in text.split()]
    except ValueError:
        raise InvalidTrace(f"line {number} holds something else than numbers: {text[:60]!r}") from None
    if len(fields) < _FEWEST_FIELDS:
        raise InvalidTrace(f"line {number} has {len(fields)} fields; a job has 18")
    if not all(map(math.isfinite, fields)):
        raise InvalidTrace(f"line {number} holds something that is no finite number: {text[:60]!r}")
    fields += [-1.0] * (18 - len(fields))
    run = fields[_RUN]
    cpus = int(fields[_ALLOCATED] if fields[_ALLOCATED] > 0 else fields[_REQUESTED])
    if run <= 0 or cpus <= 0:
        return None
    limit = fields[_REQUESTED_SECONDS] if fields[_REQUESTED_SECONDS] > 0 else run
    return TraceJob(fields[_SUBMIT], min(run, limit), cpus, limit, int(fields[_USER]))


def at_load(jobs: Sequence[TraceJob], cpus: int, load: float) -> list[TraceJob]:
    """The same jobs from moment 0 on, their arrivals pulled together or apart so that they need `load` of `cpus`."""
    begin, end = jobs[0].submit, jobs[-1].submit
    offered = sum(job.cpus * job.run for job in jobs) / (cpus * (end - begin))
    return [replace(job, submit=(job.submit - begin) * offered / load) for job in jobs]


def shaken(jobs: Sequence[TraceJob], seed: int, seconds: float) -> list[TraceJob]:
    """The same jobs, each submitted up to `seconds` earlier or later: one trace gives as many as there are seeds."""
    random_ = random.Random(seed)  # noqa: S311 - equal seeds shall give equal jobs
    moved = [replace(job, submit=max(0.0, job.submit + random_.uniform(-seconds, seconds))) for job in jobs]
    return sorted(moved, key=lambda job: job.submit)


def overestimated(jobs: Sequence[TraceJob], seed: int, most: float) -> list[TraceJob]:
    """The same jobs, each asking for 1 to `most` times of what it runs."""
    random_ = random.Random(seed)  # noqa: S311 - equal seeds shall give equal jobs
    return [replace(job, limit=job.run * random_.uniform(1.0, most)) for job in jobs]


def with_users(jobs: Sequence[TraceJob], seed: int, users: int) -> list[TraceJob]:
    """The same jobs as those of `users` users of whom the n-th submits 1/n of what the first does (Zipf)."""
    random_ = random.Random(seed)  # noqa: S311 - equal seeds shall give equal jobs
    chosen = random_.choices(range(users), [1 / (n + 1) for n in range(users)], k=len(jobs))
    return [replace(job, user=user) for job, user in zip(jobs, chosen, strict=True)]


def merged(traces: Iterable[Sequence[TraceJob]]) -> list[TraceJob]:
    """All jobs of several clusters' traces, each at home where its trace stands."""
    jobs = [replace(job, home=home) for home, trace in enumerate(traces) for job in trace]
    return sorted(jobs, key=lambda job: job.submit)
