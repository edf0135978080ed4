"""Rigid jobs as Lublin and Feitelson modelled them, with the parameters that they published.

U. Lublin, D. G. Feitelson: The workload on parallel supercomputers: modeling the characteristics of rigid
jobs. Journal of Parallel and Distributed Computing 63 (2003). Two streams, batch and interactive. Widths:
one CPU, a power of two, or anything, two-stage uniform in log2. Run times: the logarithm is hyper-gamma, wider
jobs run for longer. Arrivals: gamma distributed in the logarithm, dealt out over half hours by the daily cycle.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from deepsquare.simulation.trace import TraceJob

_HALF_HOURS = 48
_HALF_HOUR_SECONDS = 1800.0
_DAY_BEGINS_AT = 11
"""The half hour in which the daily cycle begins."""
_LONGEST_RUN, _LONGEST_GAP = 12.0, 13.0
"""Natural logarithms of seconds."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The parameters of one kind of jobs, named as in the paper's tables."""

    serial: float
    power_of_two: float
    narrowest: float
    """Log2 of CPUs."""
    widest_below: float
    """How far the widest job is below the machine, in log2."""
    middle_below: float
    """How far the middle of the widths is below the widest, in log2."""
    narrow: float
    """The part of parallel jobs below the middle."""
    short: tuple[float, float]
    """Shape and scale of the gamma distribution of short run times' logarithms."""
    long: tuple[float, float]
    short_by_cpus: tuple[float, float]
    """Slope and intercept of the part of short jobs among those of so many CPUs."""
    gaps: tuple[float, float]
    """Shape and scale of the gamma distribution of the logarithms of gaps between arrivals."""
    cycle: tuple[float, float]
    """Shape and scale of the gamma distribution of arrivals over the day."""


BATCH = Stream(
    serial=0.2927,
    power_of_two=0.6686,
    narrowest=1.2,
    widest_below=0.0,
    middle_below=2.0,
    narrow=0.875,
    short=(6.57, 0.823),
    long=(639.1, 0.0156),
    short_by_cpus=(-0.003, 0.6986),
    gaps=(6.0415 * 1.0519, 0.8531),
    cycle=(6.1271, 5.2740),
)
INTERACTIVE = Stream(
    serial=0.1541,
    power_of_two=0.625,
    narrowest=1.0,
    widest_below=1.5,
    middle_below=2.5,
    narrow=0.705,
    short=(3.8351, 0.6605),
    long=(7.073, 0.6856),
    short_by_cpus=(-0.0118, 0.9156),
    gaps=(6.5510 * 0.9797, 0.6621),
    cycle=(8.9186, 3.6680),
)


def generate(count: int, cpus: int, seed: int) -> list[TraceJob]:
    """`count` jobs for a machine of `cpus` CPUs, in the order of their arrival; each asks for what it runs."""
    random_ = random.Random(seed)  # noqa: S311 - equal seeds shall give equal jobs
    streams = [(stream, _arrivals(stream, random_)) for stream in (BATCH, INTERACTIVE)]
    following = [next(arrivals) for _, arrivals in streams]
    jobs = []
    for _ in range(count):
        which = following.index(min(following))
        stream, arrivals = streams[which]
        width = _width(stream, cpus, random_)
        run = _run(stream, width, random_)
        jobs.append(TraceJob(following[which], run, width, run))
        following[which] = next(arrivals)
    return jobs


def _width(stream: Stream, cpus: int, random_: random.Random) -> int:
    kind = random_.random()
    if kind <= stream.serial:
        return 1
    widest = math.log2(cpus) - stream.widest_below
    middle = widest - stream.middle_below
    is_narrow = random_.random() <= stream.narrow
    doublings = random_.uniform(stream.narrowest, middle) if is_narrow else random_.uniform(middle, widest)
    if kind <= stream.serial + stream.power_of_two:
        doublings = math.floor(doublings + 0.5)
    return max(1, min(cpus, math.floor(math.pow(2.0, doublings) + 0.5)))


def _run(stream: Stream, cpus: int, random_: random.Random) -> float:
    slope, intercept = stream.short_by_cpus
    logarithm = math.inf
    while logarithm > _LONGEST_RUN:
        is_short = random_.random() <= slope * cpus + intercept
        logarithm = random_.gammavariate(*(stream.short if is_short else stream.long))
    return float(max(1, math.floor(math.exp(logarithm))))


def _arrivals(stream: Stream, random_: random.Random) -> Iterator[float]:
    """Moments of arrival. A half hour lets as much of a gap pass as its part of the day's arrivals allows."""
    weights = daily_cycle(stream)
    half_hour, now, points, passed = 0, 0.0, 0.0, 0.0
    while True:
        logarithm = math.inf
        while logarithm > _LONGEST_GAP:
            logarithm = random_.gammavariate(*stream.gaps)
        points += math.exp(logarithm) / _HALF_HOUR_SECONDS
        while points > weights[half_hour]:
            points -= weights[half_hour]
            half_hour = (half_hour + 1) % _HALF_HOURS
            now += _HALF_HOUR_SECONDS
        of_this_half_hour = points / weights[half_hour]
        now += _HALF_HOUR_SECONDS * (of_this_half_hour - passed)
        passed = of_this_half_hour
        yield now


def daily_cycle(stream: Stream) -> list[float]:
    """How many arrivals each half hour of the day has; 1 is the mean."""
    weights = [0.0] * _HALF_HOURS
    for half_hour in range(_DAY_BEGINS_AT, _DAY_BEGINS_AT + _HALF_HOURS):
        part = _gamma_below(half_hour + 0.5, *stream.cycle) - _gamma_below(half_hour - 0.5, *stream.cycle)
        weights[(half_hour - 1) % _HALF_HOURS] = part
    mean = sum(weights) / _HALF_HOURS
    return [weight / mean for weight in weights]


def _gamma_below(x: float, shape: float, scale: float) -> float:
    """The distribution function of the gamma distribution, by its power series."""
    x /= scale
    term = total = 1 / shape
    divisor = shape
    while term > total * 1e-15:
        divisor += 1
        term *= x / divisor
        total += term
    return total * math.exp(-x + shape * math.log(x) - math.lgamma(shape))
