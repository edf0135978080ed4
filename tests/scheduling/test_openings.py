"""The kept order of clusters is the order that asking each of them would give, whatever happened in between."""

import math

from hypothesis import given
from hypothesis import strategies as st

from deepsquare.model import Address, Hardware, JobId, Node, Prices, Provider
from deepsquare.scheduling import Cluster
from deepsquare.scheduling.openings import MOST_WIDTHS, Openings
from deepsquare.scheduling.packing import Shape

CPUS = (4, 8, 8, 16, 32)


def cluster(number: int, cpus: int = 8) -> Cluster:
    return Cluster(Provider(Address(f"0x{number:040x}"), Hardware((Node(cpus, 1000),)), Prices(0, 1, 0)))


def bounds(clusters: list[Cluster], cpus: int, now: float) -> list[tuple[float, Cluster]]:
    """What by_start shall answer: each cluster asked."""
    asked = [(c.start_bound(cpus, -math.inf), c.cpus, c.address, c) for c in clusters]
    return [(max(now, bound), c) for bound, _, _, c in sorted(asked) if bound < math.inf]


steps = st.lists(
    st.tuples(st.sampled_from(["start", "end", "prolong", "leave", "ask"]), st.integers(0, 4), st.integers(1, 16)),
    max_size=60,
)


@given(steps)
def test_the_order_is_that_of_asking_every_cluster(steps: list[tuple[str, int, int]]) -> None:
    clusters = [cluster(number, cpus) for number, cpus in enumerate(CPUS)]
    openings = Openings()
    for each in clusters:
        openings.join(each)
    there = set(clusters)
    for moment, (what, number, cpus) in enumerate(steps):
        chosen = clusters[number]
        oldest = next(iter(chosen.held), None)
        if what == "start" and cpus <= chosen.free_cpus:
            chosen.start(JobId(moment), Shape(1, cpus), moment, moment + 7 * cpus)
        elif what == "end" and oldest is not None:
            chosen.end(oldest, moment)
        elif what == "prolong" and oldest is not None:
            chosen.prolong(oldest, moment + cpus)
        elif what == "leave" and chosen in there:
            openings.leave(chosen)
            there.discard(chosen)
        elif what == "ask":
            left = [c for c in clusters if c in there]
            assert list(openings.by_start(cpus, moment)) == bounds(left, cpus, moment)
            assert set(openings.with_free(cpus)) == {c for c in left if c.free_cpus >= cpus}


def test_of_many_widths_only_so_many_orders_are_kept() -> None:
    openings, one = Openings(), cluster(1, 1000)
    openings.join(one)
    for cpus in range(1, 3 * MOST_WIDTHS):
        assert list(openings.by_start(cpus, 5.0)) == [(5.0, one)]
    assert len(openings._by_start) == MOST_WIDTHS


def test_a_cluster_that_left_says_nothing_more() -> None:
    openings, one = Openings(), cluster(1)
    openings.join(one)
    openings.leave(one)
    one.start(JobId(1), Shape(1, 1), 0, 10)
    assert openings.with_free(0) == []
