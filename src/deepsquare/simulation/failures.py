"""Which nodes die when, and when they are repaired: drawn in advance, so that equal seeds give equal failures."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeFailure:
    """One node of a cluster is dead for a while, or for ever; the jobs that run on it die with it."""

    site: int
    node: int
    begin: float
    end: float = math.inf


def node_failures(
    nodes: Sequence[int], mean_up_seconds: float, mean_down_seconds: float, until: float, seed: int
) -> tuple[NodeFailure, ...]:
    """The failures that begin before `until`, of clusters that have so many `nodes`.

    Up and down times are exponentially distributed. Each node has random numbers of its own: another node more
    or less changes nothing for it.
    """
    failures = []
    for site, count in enumerate(nodes):
        for node in range(count):
            random_ = random.Random(f"{seed}/{site}/{node}")  # noqa: S311 - equal seeds shall give equal failures
            begin = random_.expovariate(1 / mean_up_seconds)
            while begin < until:
                end = begin + random_.expovariate(1 / mean_down_seconds)
                failures.append(NodeFailure(site, node, begin, end))
                begin = end + random_.expovariate(1 / mean_up_seconds)
    return tuple(failures)
