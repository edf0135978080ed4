"""Nodes that die alone: what runs there is lost, the rest of the cluster goes on, and the node comes back."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsquare.model import JobId
from deepsquare.scheduling import Backfill, Order, Policy
from deepsquare.simulation.failures import NodeFailure, node_failures
from deepsquare.simulation.metrics import measure
from deepsquare.simulation.scenario import GRID, POLICIES, POOLED, failures_during, simulate
from deepsquare.simulation.site import Site
from deepsquare.simulation.trace import TraceJob
from deepsquare.simulation.world import Conditions, Grid, Machine, Outage, Record

AT_ONCE = Policy(order=Order.FCFS, latency_seconds=0)
FAILING = [name for name in POLICIES if name != POOLED]
TWO_NODES = [Machine(4, nodes=2)]
JOBS = [
    TraceJob(submit=0, run=10, cpus=2, limit=10),
    TraceJob(submit=1, run=10, cpus=2, limit=10),
    TraceJob(submit=2, run=10, cpus=4, limit=10),
    TraceJob(submit=3, run=4, cpus=2, limit=4),
]
"""For two nodes of two CPUs: the first two jobs fill one each, the third needs both, the last is small."""


def run(
    name: str, jobs: list[TraceJob], machines: Sequence[Machine], conditions: Conditions, policy: Policy = AT_ONCE
) -> list[Record]:
    return simulate(name, jobs, machines, policy, conditions)[0]


@pytest.mark.parametrize("name", [GRID, "home"])
def test_a_job_dies_with_its_node_and_starts_again_from_the_queue(name: str) -> None:
    # The first node is dead from 4 to 20: the first job, on its 4 of 10 seconds, is before all others again. It
    # takes over the second node when the second job ends there, at 11, until 21; only then both nodes are free. The
    # last one could start where the first node comes back, at 20, but would delay the third, which is promised 21.
    conditions = Conditions(node_failures=(NodeFailure(0, 0, 4, 20),))
    records = run(name, JOBS, TWO_NODES, conditions)
    assert [(record.start, record.end, record.attempts) for record in records] == [
        (11, 21, 2),
        (1, 11, 1),
        (21, 31, 1),
        (31, 35, 1),
    ]
    assert [record.lost_seconds for record in records] == [4, 0, 0, 0]
    metrics = measure(records, TWO_NODES)
    assert (metrics.jobs, metrics.moves, metrics.lost, metrics.lost_cpu_seconds) == (4, 1, 0, 8)


@pytest.mark.parametrize("name", FAILING)
def test_a_job_without_attempts_left_is_lost_with_its_node(name: str) -> None:
    conditions = Conditions(node_failures=(NodeFailure(0, 0, 4, 20),), most_attempts=1)
    records = run(name, JOBS, TWO_NODES, conditions)
    assert math.isnan(records[0].end)
    assert not math.isnan(records[1].end)
    metrics = measure(records, TWO_NODES)
    assert (metrics.jobs, metrics.unplaced, metrics.lost, metrics.moves) == (3, 1, 1, 0)


def test_a_job_over_several_nodes_dies_with_one_of_them_and_waits_for_its_repair() -> None:
    conditions = Conditions(node_failures=(NodeFailure(0, 1, 5, 50),))
    records = Grid([TraceJob(0, 10, 4, 10)], TWO_NODES, AT_ONCE, conditions).run()
    assert [(record.start, record.end, record.attempts) for record in records] == [(50, 60, 2)]


def test_a_grid_sends_the_job_elsewhere_as_soon_as_it_hears_of_the_death() -> None:
    conditions = Conditions(latency_seconds=5, node_failures=(NodeFailure(0, 0, 15),))
    records = Grid([TraceJob(0, 100, 4, 100)], [Machine(4), Machine(8)], AT_ONCE, conditions).run()
    # There at 5, dead at 15, known at 20, at the other cluster at 25.
    assert [(record.site, record.start, record.lost_seconds) for record in records] == [(1, 25, 10)]


def test_a_node_that_is_dead_stays_so_while_its_cluster_dies_and_comes_back() -> None:
    conditions = Conditions(outages=(Outage(0, 5, 10),), node_failures=(NodeFailure(0, 0, 2, 30),))
    records = Grid([TraceJob(3, 10, 2, 10), TraceJob(4, 10, 2, 10)], TWO_NODES, AT_ONCE, conditions).run()
    assert [record.start for record in records] == [10, 20]


def test_a_node_that_is_not_repaired_leaves_those_that_need_it_waiting() -> None:
    conditions = Conditions(node_failures=(NodeFailure(0, 0, 1),))
    records = Grid([TraceJob(0, 10, 1, 10), TraceJob(2, 10, 4, 10)], TWO_NODES, AT_ONCE, conditions).run()
    metrics = measure(records, TWO_NODES)
    assert (metrics.jobs, metrics.unplaced, metrics.lost) == (1, 1, 0)


def test_failures_of_one_node_that_overlap_are_refused() -> None:
    conditions = Conditions(node_failures=(NodeFailure(0, 0, 1, 9), NodeFailure(0, 0, 5, 7)))
    with pytest.raises(ValueError, match="dead already"):
        Grid([TraceJob(0, 10, 1, 10)], TWO_NODES, AT_ONCE, conditions).run()


def test_equal_seeds_give_equal_failures_of_the_means_that_were_asked_for() -> None:
    failures = node_failures([4, 2], 1000, 100, 1_000_000, seed=1)
    assert failures == node_failures([4, 2], 1000, 100, 1_000_000, seed=1)
    assert failures != node_failures([4, 2], 1000, 100, 1_000_000, seed=2)
    assert {(failure.site, failure.node) for failure in failures} == {(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)}
    assert len(failures) == pytest.approx(6 * 1_000_000 / 1100, rel=0.05)
    assert sum(failure.end - failure.begin for failure in failures) / len(failures) == pytest.approx(100, rel=0.05)


jobs_drawn = st.lists(
    st.builds(
        lambda submit, run, cpus, over, home: TraceJob(submit, run, cpus, run * over, home=home),
        st.integers(0, 100),
        st.integers(1, 60),
        st.integers(1, 8),
        st.integers(1, 4),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=25,
)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[TraceJob], list[Machine], Conditions]:
    jobs = draw(jobs_drawn)
    machines = [Machine(8, nodes=draw(st.sampled_from([1, 2, 4]))) for _ in range(2)]
    failures = failures_during(
        jobs, machines, draw(st.integers(5, 200)), draw(st.integers(1, 100)), draw(st.integers())
    )
    latency, most = draw(st.sampled_from([0.0, 3.0])), draw(st.sampled_from([1, 2, math.inf]))
    begin, seconds = draw(st.integers(0, 150)), draw(st.integers(1, 60))
    outages = (Outage(draw(st.integers(0, 1)), begin, begin + seconds),)
    return jobs, machines, Conditions(latency, outages=outages, node_failures=failures, most_attempts=most)


def assert_holds_what_it_needs_on_nodes_that_are_up(site: Site, job: JobId, cpus: int) -> None:
    shares = site.cluster.held[job].shares
    assert sum(share.cpus for share in shares) == cpus
    assert site.cluster.down.isdisjoint(share.node for share in shares)
    assert all(room.cpus >= 0 for room in site.cluster.rooms)


@settings(deadline=None)
@given(scenes(), st.sampled_from(FAILING), st.sampled_from(Backfill))
def test_however_nodes_fail_no_cluster_is_over_committed_and_every_job_ends_or_is_lost(
    scene: tuple[list[TraceJob], list[Machine], Conditions], name: str, backfill: Backfill
) -> None:
    jobs, machines, conditions = scene
    if name != GRID:  # a federation has nobody who would send the jobs of a dead cluster elsewhere
        conditions = replace(conditions, outages=())
    policy = replace(AT_ONCE, backfill=backfill)
    really_look = Site.look

    def look(site: Site, now: float, delay: float = 0.0) -> None:
        really_look(site, now, delay)
        for job in site.cluster.held:
            assert_holds_what_it_needs_on_nodes_that_are_up(site, job, jobs[job].cpus)

    # That a job runs twice at once raises in the simulator itself.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Site, "look", look)
        records = run(name, jobs, machines, conditions, policy)
    assert records == run(name, jobs, machines, conditions, policy)
    for record in records:
        assert not record.is_running
        assert 1 <= record.attempts <= conditions.most_attempts
        has_ended = record.end == pytest.approx(record.start + record.job.run)
        assert has_ended or (math.isnan(record.end) and record.attempts == conditions.most_attempts)
