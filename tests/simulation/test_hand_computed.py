"""Small workloads whose schedules were worked out by hand, job by job."""

import pytest

from deepsquare.scheduling import Backfill, Order, Policy
from deepsquare.simulation.trace import TraceJob
from deepsquare.simulation.world import Conditions, Federation, Grid, Machine

ONE_MACHINE = [
    TraceJob(submit=0, run=10, cpus=2, limit=10),
    TraceJob(submit=1, run=10, cpus=3, limit=10),
    TraceJob(submit=2, run=5, cpus=4, limit=5),
    TraceJob(submit=3, run=30, cpus=1, limit=30),
    TraceJob(submit=4, run=5, cpus=1, limit=5),
]
"""On four CPUs: the second job waits for the first, the third for the second; the last two are small."""


@pytest.mark.parametrize(
    ("backfill", "starts"),
    [
        # Nobody overtakes: the small ones wait behind the third job, which needs the whole machine.
        (Backfill.NONE, [0, 10, 20, 25, 25]),
        # The second job keeps its promise at 10; the fourth runs beside it and delays the third, which has none.
        (Backfill.EASY, [0, 10, 33, 3, 4]),
        # The third job is promised 20 as well: the fourth, which lasts 30 s, waits for it, the fifth need not.
        (Backfill.CONSERVATIVE, [0, 10, 20, 25, 4]),
    ],
)
def test_backfill_on_one_machine(backfill: Backfill, starts: list[float]) -> None:
    policy = Policy(order=Order.FCFS, backfill=backfill, latency_seconds=0)
    records = Grid(ONE_MACHINE, [Machine(4)], policy, Conditions()).run()
    assert [record.start for record in records] == starts


def test_an_early_end_is_used_at_once() -> None:
    jobs = [TraceJob(0, 3, 2, 10), TraceJob(1, 10, 4, 10), TraceJob(2, 10, 1, 10), TraceJob(2, 8, 1, 8)]
    records = Grid(jobs, [Machine(4)], Policy(order=Order.FCFS, latency_seconds=0), Conditions()).run()
    # The third would last until 12, beyond the promise at 10; the fourth ends at 10. The first ends at 3 already:
    # the second still waits for the fourth, and the third now finds nothing promised before 10 that it could keep.
    assert [record.start for record in records] == [0, 10, 20, 2]


TWO_SITES = [
    TraceJob(submit=0, run=10, cpus=4, limit=10),
    TraceJob(submit=1, run=10, cpus=4, limit=10),
    TraceJob(submit=2, run=5, cpus=2, limit=5),
    TraceJob(submit=3, run=5, cpus=2, limit=5),
    TraceJob(submit=4, run=10, cpus=2, limit=10, home=1),
]
"""For a site of four CPUs and one of two."""

SITES = [Machine(4), Machine(2)]


def test_late_binding_by_copies_at_every_site() -> None:
    world = Federation(TWO_SITES, SITES, Order.FCFS, Conditions(), lambda _, job, __: [0, 1] if job.cpus <= 2 else [0])
    records = world.run()
    assert [(record.start, record.site) for record in records] == [(0, 0), (10, 0), (2, 1), (7, 1), (12, 1)]


def test_late_binding_by_one_queue() -> None:
    records = Grid(TWO_SITES, SITES, Policy(order=Order.FCFS, latency_seconds=0), Conditions()).run()
    assert [(record.start, record.site) for record in records] == [(0, 0), (10, 0), (2, 1), (7, 1), (12, 1)]


def test_at_home_a_job_waits_for_its_own_site() -> None:
    records = Federation(TWO_SITES, SITES, Order.FCFS, Conditions(), lambda _, job, __: [job.home]).run()
    assert [(record.start, record.site) for record in records] == [(0, 0), (10, 0), (20, 0), (20, 0), (4, 1)]


def test_the_shortest_first_on_one_machine() -> None:
    jobs = [TraceJob(0, 10, 1, 10), TraceJob(1, 8, 1, 8), TraceJob(2, 2, 1, 2), TraceJob(3, 5, 1, 5)]
    records = Grid(jobs, [Machine(1)], Policy(order=Order.SJF, latency_seconds=0), Conditions()).run()
    assert [record.start for record in records] == [0, 17, 10, 12]


def test_latency_delays_a_start_and_the_news_of_an_end() -> None:
    jobs = [TraceJob(0, 10, 1, 10), TraceJob(0, 10, 1, 10)]
    policy = Policy(order=Order.FCFS, latency_seconds=0)
    records = Grid(jobs, [Machine(1)], policy, Conditions(latency_seconds=5)).run()
    # Bound at 0, there at 5, over at 15, known at 20, the next one there at 25.
    assert [record.start for record in records] == [5, 25]
