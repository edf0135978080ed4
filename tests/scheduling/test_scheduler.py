"""One queue against all clusters: late binding, promises that hold, and no place given away twice."""

import heapq
import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deepsquare.model import WEI_PER_CREDIT, Address, Hardware, JobId, Label, Node, Prices, Provider
from deepsquare.scheduling import Backfill, Cluster, JobRequest, Order, Policy, Scheduler, Start
from deepsquare.scheduling.matching import Offer, Rejection, Rule
from deepsquare.scheduling.reasons import judge
from tests.support.sites import ALICE, BOB, CAROL, definition

FCFS = Policy(order=Order.FCFS, latency_seconds=0)
MINUTE = 60.0
MANY = 300


def cluster(address: Address, *nodes: Node, price: int = 1, labels: dict[str, str] | None = None) -> Cluster:
    prices = Prices(0, price * WEI_PER_CREDIT, 0)
    return Cluster(
        Provider(address, Hardware(nodes), prices, tuple(Label(key, value) for key, value in (labels or {}).items()))
    )


def cpus(count: int) -> Node:
    return Node(count, 10**6)


def job(
    number: int, width: int = 1, seconds: float = 100.0, at: float = 0.0, *, tasks: int = 1, objective: str = ""
) -> JobRequest:
    uses = (Label("objective", objective),) if objective else ()
    shape = definition(tasks, width, 1, uses=uses)
    submitted = datetime.fromtimestamp(at, UTC)
    return JobRequest(shape, 10**9 * WEI_PER_CREDIT, submitted, JobId(number), max_seconds=seconds)


def scheduler(*clusters: Cluster, policy: Policy = FCFS) -> Scheduler:
    made = Scheduler(policy)
    for each in clusters:
        made.join(each)
    return made


def decided(made: Scheduler, now: float) -> dict[int, Address]:
    return {start.job: start.cluster.address for start in made.decide(now)}


def test_a_job_starts_where_there_is_room() -> None:
    made = scheduler(cluster(ALICE, cpus(1)), cluster(BOB, cpus(4)))
    made.submit(job(1, 4))
    assert decided(made, 0) == {1: BOB}


def test_narrow_jobs_leave_the_wide_cluster_to_wide_ones() -> None:
    made = scheduler(cluster(ALICE, cpus(8)), cluster(BOB, cpus(4)))
    for number in (1, 2):
        made.submit(job(number, 2))
    made.submit(job(3, 8))
    assert decided(made, 0) == {1: BOB, 2: BOB, 3: ALICE}


def test_a_job_that_cannot_start_is_promised_the_cluster_where_it_starts_earliest() -> None:
    made = scheduler(cluster(ALICE, cpus(4)), cluster(BOB, cpus(4)))
    made.hold(JobId(8), job(8, 4), ALICE, 0, until=200)
    made.hold(JobId(9), job(9, 4), BOB, 0, until=100)
    made.submit(job(1, 4))
    assert decided(made, 0) == {}
    promise = made.clusters[BOB].promise
    assert promise is not None
    assert (promise.job, promise.start) == (1, 100)


def test_a_promise_moves_to_a_cluster_that_is_free_earlier_than_was_thought() -> None:
    made = scheduler(cluster(ALICE, cpus(4)), cluster(BOB, cpus(4)))
    made.hold(JobId(8), job(8, 4), ALICE, 0, until=200)
    made.hold(JobId(9), job(9, 4), BOB, 0, until=100)
    made.submit(job(1, 4))
    made.decide(0)
    made.end(JobId(8), 50)
    assert decided(made, 50) == {1: ALICE}
    assert made.clusters[BOB].promise is None


def test_jobs_that_run_nowhere_hold_up_nobody_and_start_when_a_cluster_for_them_joins() -> None:
    made = scheduler(cluster(ALICE, cpus(4)))
    made.submit(job(1, 99))
    made.submit(job(2, 4))
    assert decided(made, 0) == {2: ALICE}
    assert [entry.job for entry in made.queue] == [1]
    made.join(cluster(BOB, cpus(99)))
    assert decided(made, 1) == {1: BOB}


CONSERVATIVE = replace(FCFS, backfill=Backfill.CONSERVATIVE)


def test_conservative_backfill_starts_no_job_after_its_latest_start() -> None:
    made = scheduler(cluster(ALICE, cpus(4)), policy=CONSERVATIVE)
    made.submit(replace(job(1), latest_start=datetime.fromtimestamp(5, UTC)))
    assert decided(made, 6) == {}


def test_conservative_backfill_delays_no_job_that_waits_at_the_cluster_itself() -> None:
    made = scheduler(cluster(ALICE, cpus(4)), policy=CONSERVATIVE)
    made.hold(JobId(8), job(8, 2), ALICE, 0, until=100)
    made.hold(JobId(9), job(9, 4), ALICE, 0, until=50, may_wait=True)
    made.submit(job(1, 2, 101))
    made.submit(job(2, 2, 100))
    assert decided(made, 0) == {2: ALICE}


def test_conservative_backfill_tells_whom_it_makes_wait_why_and_until_when() -> None:
    made = scheduler(cluster(ALICE, cpus(4)), policy=CONSERVATIVE)
    made.hold(JobId(8), job(8, 2), ALICE, 0, until=100)
    for number, width, seconds in ((1, 4, 50), (2, 1, 200), (3, 4, 50)):
        made.submit(job(number, width, seconds, number))
    assert decided(made, 3) == {}
    second = judge(made.queue[JobId(2)].request, made, made.clusters[ALICE], 3)
    assert isinstance(second, Rejection)
    # The first job has all four CPUs from 100 to 150.
    assert (second.rule, second.expected_start) == (Rule.PROMISED, datetime.fromtimestamp(150, UTC))
    assert isinstance(judge(job(4, 1, 90, 4), made, made.clusters[ALICE], 3), Offer)


def test_a_closed_cluster_gets_nothing_until_it_opens() -> None:
    made = scheduler(cluster(ALICE, cpus(4)))
    made.close(ALICE, 60, "trouble")
    made.submit(job(1))
    assert decided(made, 0) == {}
    assert made.next_look() == 60
    assert decided(made, 60) == {1: ALICE}


@pytest.mark.parametrize("by_price", [True, False])
def test_jobs_that_wait_for_closed_clusters_hold_up_nobody_however_many_they_are(by_price: bool) -> None:
    made = scheduler(cluster(ALICE, cpus(4), price=10), cluster(BOB, cpus(4), labels={"site": "b"}))
    made.close(BOB, 1000, "silent")
    made.hold(JobId(9), job(9, 2), ALICE, 0, until=100)
    for number in range(1000, 1000 + MANY):
        stuck = job(number)
        if by_price:
            made.submit(replace(stuck, locked_credits=5 * WEI_PER_CREDIT))
        else:
            made.submit(replace(stuck, definition=replace(stuck.definition, uses=(Label("site", "b"),))))
    made.submit(replace(job(1, 4, at=1), avoided=frozenset({BOB})))
    made.submit(replace(job(2, 2, at=2, seconds=500), avoided=frozenset({BOB})))
    assert decided(made, 2) == {}
    made.end(JobId(9), 50)
    assert decided(made, 50) == {1: ALICE}
    assert decided(made, 1000) == dict.fromkeys(range(1000, 1004), BOB)


@pytest.mark.parametrize("are_alike", [True, False])
def test_jobs_that_fit_only_where_no_end_is_known_hold_up_nobody_however_many_they_are(are_alike: bool) -> None:
    made = scheduler(cluster(ALICE, cpus(4)), cluster(BOB, cpus(4), labels={"site": "b"}))
    made.hold(JobId(8), job(8, 4), BOB, 0, until=math.inf)
    made.hold(JobId(9), job(9, 2), ALICE, 0, until=100)
    for number in range(1000, 1000 + MANY):
        stuck = replace(job(number), max_price_per_minute=0 if are_alike else 10**30 + number)
        made.submit(replace(stuck, definition=replace(stuck.definition, uses=(Label("site", "b"),))))
    made.submit(replace(job(1, 4, at=1), avoided=frozenset({BOB})))
    made.submit(replace(job(2, 2, at=2, seconds=500), avoided=frozenset({BOB})))
    assert decided(made, 2) == {}
    promise = made.clusters[ALICE].promise
    assert promise is not None
    assert (promise.job, promise.start) == (1, 100)
    made.end(JobId(8), 3)
    assert decided(made, 3).items() >= dict.fromkeys(range(1000, 1004), BOB).items()


def test_a_job_whose_promised_cluster_closes_is_promised_another() -> None:
    made = scheduler(cluster(ALICE, cpus(4)), cluster(BOB, cpus(4)))
    made.hold(JobId(8), job(8, 4), ALICE, 0, until=200)
    made.hold(JobId(9), job(9, 4), BOB, 0, until=100)
    made.submit(job(1, 4))
    made.decide(0)
    made.close(BOB, math.inf, "silent")
    made.decide(1)
    promise = made.clusters[ALICE].promise
    assert promise is not None
    assert promise.start == 200


def test_a_withdrawn_job_keeps_nothing_promised() -> None:
    made = scheduler(cluster(ALICE, cpus(4)))
    made.hold(JobId(9), job(9, 2), ALICE, 0, until=100)
    made.submit(job(1, 4))
    made.submit(job(2, 2, seconds=500))
    assert decided(made, 0) == {}
    made.withdraw(JobId(1))
    assert decided(made, 1) == {2: ALICE}


def test_a_job_whose_latest_start_is_over_is_not_started() -> None:
    made = scheduler(cluster(ALICE, cpus(4)))
    made.submit(replace(job(1), latest_start=datetime.fromtimestamp(10, UTC)))
    assert decided(made, 11) == {}


def test_a_job_whose_latest_start_is_over_is_promised_nothing() -> None:
    made = scheduler(cluster(ALICE, cpus(4)))
    made.hold(JobId(9), job(9, 2), ALICE, 0, until=100)
    made.submit(replace(job(1, 4), latest_start=datetime.fromtimestamp(10, UTC)))
    made.submit(job(2, 2, seconds=500))
    assert decided(made, 10) == {}
    assert 10 < made.next_look() < 11
    assert decided(made, made.next_look()) == {2: ALICE}
    assert made.next_look() == math.inf


def test_the_balanced_objective_weighs_price_against_size() -> None:
    made = scheduler(cluster(ALICE, cpus(4), price=9), cluster(BOB, cpus(8), price=1))
    made.submit(job(1))
    assert decided(made, 0) == {1: BOB}


def test_the_objective_cost_waits_for_a_cheaper_cluster_that_is_free_in_time() -> None:
    made = scheduler(cluster(ALICE, cpus(4), price=2), cluster(BOB, cpus(4), price=1))
    made.hold(JobId(9), job(9, 4), BOB, 0, until=1000)
    made.submit(job(1, objective="cost"))
    made.submit(job(2, objective="time"))
    assert decided(made, 0) == {2: ALICE}
    made.end(JobId(9), 900)
    assert decided(made, 900) == {1: BOB}


def test_the_objective_cost_waits_no_longer_than_its_patience() -> None:
    policy = replace(FCFS, patience_seconds=600)
    made = scheduler(cluster(ALICE, cpus(4), price=2), cluster(BOB, cpus(4), price=1), policy=policy)
    made.hold(JobId(9), job(9, 4), BOB, 0, until=500)
    made.submit(job(1, objective="cost"))
    assert decided(made, 0) == {}
    assert made.next_look() == 600
    assert decided(made, 600) == {1: ALICE}


def test_the_objective_cost_does_not_wait_for_what_comes_too_late() -> None:
    policy = replace(FCFS, patience_seconds=600)
    made = scheduler(cluster(ALICE, cpus(4), price=2), cluster(BOB, cpus(4), price=1), policy=policy)
    made.hold(JobId(9), job(9, 4), BOB, 0, until=601)
    made.submit(job(1, objective="cost"))
    assert decided(made, 0) == {1: ALICE}


def test_beside_a_place_for_nothing_the_others_are_still_cheap_or_dear() -> None:
    free, cheap, dear = (
        cluster(ALICE, cpus(4), price=0),
        cluster(BOB, cpus(4), price=1),
        cluster(CAROL, cpus(1), price=9),
    )
    made = scheduler(free, cheap, dear, policy=replace(FCFS, patience_seconds=0))
    for number in (1, 2, 3):
        made.submit(job(number, 1, objective="cost"))
    made.hold(JobId(9), job(9, 3), ALICE, 0, until=math.inf)
    assert decided(made, 0) == {1: ALICE, 2: BOB, 3: BOB}


def test_the_objective_energy_prefers_clean_power() -> None:
    dirty = cluster(ALICE, cpus(4), labels={"energy.watts-per-cpu": "5", "energy.carbon": "800"})
    clean = cluster(BOB, cpus(8), price=3, labels={"energy.watts-per-cpu": "10", "energy.carbon": "30"})
    made = scheduler(dirty, clean)
    made.submit(job(1, objective="energy"))
    assert decided(made, 0) == {1: BOB}


def test_work_is_bound_ahead_where_jobs_end_all_the_time_and_nowhere_else() -> None:
    made = scheduler(cluster(ALICE, cpus(4)), cluster(BOB, cpus(4)), policy=replace(FCFS, latency_seconds=10))
    for number in range(4):
        made.hold(JobId(100 + number), job(100 + number), BOB, 0, until=MINUTE)
    number = 0
    for second in range(120):
        for _ in range(8):
            number += 1
            made.submit(job(number, at=second, seconds=2))
        for held in list(made.clusters[ALICE].held):
            made.end(held, second)
        made.decide(second)
    assert 4 * 8 * 3 // 4 <= len(made.clusters[ALICE].ahead) <= 4 * 8
    assert not made.clusters[BOB].ahead


def test_jobs_that_come_after_the_ends_are_bound_ahead_as_those_that_waited_would_have_been() -> None:
    made = scheduler(cluster(ALICE, cpus(4)), cluster(BOB, cpus(4)), policy=replace(FCFS, latency_seconds=10))
    for number in range(4):
        made.hold(JobId(100 + number), job(100 + number), BOB, 0, until=MINUTE)
    for number in range(20):
        made.hold(JobId(number), job(number), ALICE, 0, until=MINUTE)
        made.end(JobId(number), number / 4)
        made.decide(number / 4)
    for number in range(200, 300):
        made.submit(job(number, at=5, seconds=2))
    made.decide(5)
    assert len(made.clusters[ALICE].held) == 4
    assert 16 <= len(made.clusters[ALICE].ahead) <= 32
    assert not made.clusters[BOB].ahead
    bound = len(made.clusters[ALICE].ahead)
    made.submit(job(300, at=6, seconds=2))
    made.decide(6)
    assert len(made.clusters[ALICE].ahead) == bound, "what is bound ahead is enough already"


def test_a_job_bound_ahead_takes_the_place_of_one_that_ends() -> None:
    made = scheduler(cluster(ALICE, cpus(1)))
    made.hold(JobId(1), job(1), ALICE, 0, until=100)
    made.hold(JobId(2), job(2), ALICE, 0, until=100, may_wait=True)
    assert list(made.clusters[ALICE].ahead) == [2]
    made.end(JobId(1), 50)
    assert list(made.clusters[ALICE].held) == [2]
    assert made.clusters[ALICE].held[JobId(2)].until == 150


# ---- rules that hold for all inputs ----

clusters_drawn = st.lists(
    st.lists(st.integers(1, 8), min_size=1, max_size=3).map(lambda sizes: tuple(cpus(size) for size in sizes)),
    min_size=1,
    max_size=3,
)
jobs_drawn = st.lists(
    st.tuples(
        st.integers(0, 50),  # submitted at
        st.integers(1, 4),  # tasks
        st.integers(1, 4),  # CPUs each
        st.integers(1, 60),  # limit
        st.floats(0.1, 1.0),  # part of the limit that it runs
    ),
    min_size=1,
    max_size=25,
)


@dataclass
class History:
    """What happened in a small grid."""

    starts: dict[int, tuple[float, Address]] = field(default_factory=dict)
    first_promise: dict[int, float] = field(default_factory=dict)


def live(
    machines: list[tuple[Node, ...]], work: list[tuple[int, int, int, int, float]], policy: Policy
) -> tuple[History, Scheduler]:
    """Drive a scheduler through the work, checking after each decision that no node is over-committed."""
    made = scheduler(
        *(cluster(Address(f"0x{number:040x}"), *nodes) for number, nodes in enumerate(machines)), policy=policy
    )
    history, ends = History(), list[tuple[float, int]]()
    requests = [
        job(number, width, float(limit), float(at), tasks=tasks)
        for number, (at, tasks, width, limit, _) in enumerate(work)
    ]
    moments = sorted({float(at) for at, *_ in work})
    while moments or ends:
        now = min(moments[:1] + [end for end, _ in ends[:1]])
        while ends and ends[0][0] <= now:
            made.end(JobId(heapq.heappop(ends)[1]), now)
        if moments and moments[0] <= now:
            moments.pop(0)
            for request in requests:
                if request.submitted_at.timestamp() == now:
                    made.submit(request)
        for start in made.decide(now):
            note(start, now, history)
            heapq.heappush(ends, (now + start.request.max_seconds * work[start.job][4], start.job))
        for each in made.clusters.values():
            assert all(room.cpus >= 0 and room.memory_mb >= 0 for room in each.rooms)
            if each.promise is not None:
                history.first_promise.setdefault(each.promise.job, each.promise.start)
        assert_work_conserving(made, now)
    return history, made


def note(start: Start, now: float, history: History) -> None:
    assert start.job not in history.starts
    history.starts[start.job] = (now, start.cluster.address)


def assert_work_conserving(made: Scheduler, now: float) -> None:
    """Whoever waits could start nowhere without breaking the promise to the job before it."""
    if made.policy.backfill is not Backfill.EASY:
        return
    for entry in made.queue:
        for each in made.clusters.values():
            assert each.shares_for(entry.group.shape, now + entry.request.max_seconds) is None


@given(clusters_drawn, jobs_drawn, st.sampled_from(Order), st.sampled_from(Backfill))
def test_every_job_that_fits_runs_once_and_no_node_is_over_committed(
    machines: list[tuple[Node, ...]], work: list[tuple[int, int, int, int, float]], order: Order, backfill: Backfill
) -> None:
    history, made = live(machines, work, Policy(order=order, backfill=backfill, latency_seconds=0))
    for entry in made.queue:
        assert not any(each.can_hold(entry.group.shape) for each in made.clusters.values())
    assert len(history.starts) + len(made.queue) == len(work)


@given(clusters_drawn, jobs_drawn, st.sampled_from([Backfill.EASY, Backfill.NONE]))
def test_a_job_starts_no_later_than_it_was_first_promised(
    machines: list[tuple[Node, ...]], work: list[tuple[int, int, int, int, float]], backfill: Backfill
) -> None:
    history, _ = live(machines, work, replace(FCFS, backfill=backfill))
    for number, promised in history.first_promise.items():
        assert history.starts[number][0] <= promised


_BOUND_AHEAD_WITH_THE_PROMISE = (
    [(Node(1, 1_000_000), Node(6, 1_000_000), Node(8, 1_000_000))],
    [
        *[(0, 1, 1, 1, 1.0)] * 3,
        (0, 1, 1, 20, 1.0), (0, 1, 2, 1, 1.0), (0, 1, 2, 7, 1.0), (0, 1, 4, 21, 0.96875), (0, 2, 2, 1, 1.0),
        (1, 1, 1, 9, 1.0), (1, 1, 2, 1, 1.0), (1, 1, 2, 2, 1.0), (1, 1, 3, 1, 1.0), (1, 1, 3, 6, 1.0),
        (1, 1, 3, 6, 1.0), (1, 1, 4, 11, 1.0), (1, 1, 4, 5, 1.0), (1, 1, 4, 5, 1.0), (1, 2, 2, 1, 1.0),
        (1, 2, 3, 14, 1.0), (1, 2, 4, 1, 1.0), (1, 3, 4, 1, 1.0),
        (5, 1, 1, 36, 1.0), (21, 3, 3, 1, 1.0), (21, 3, 1, 3, 1.0),
    ],
)  # fmt: skip
"""The job that has the promise is bound ahead: what was kept for it is free to those behind it at once."""


@given(clusters_drawn, jobs_drawn, st.sampled_from(Order))
@example(*_BOUND_AHEAD_WITH_THE_PROMISE, Order.FAIR)
def test_equal_input_gives_equal_output(
    machines: list[tuple[Node, ...]], work: list[tuple[int, int, int, int, float]], order: Order
) -> None:
    policy = Policy(order=order)
    assert live(machines, work, policy)[0] == live(machines, work, policy)[0]


@given(jobs_drawn)
def test_without_backfill_first_come_is_first_served(work: list[tuple[int, int, int, int, float]]) -> None:
    history, _ = live([(cpus(16),)], work, replace(FCFS, backfill=Backfill.NONE))
    in_order = sorted(history.starts, key=lambda number: (work[number][0], number))
    times = [history.starts[number][0] for number in in_order]
    assert times == sorted(times)


def test_a_new_account_goes_before_nobody_who_used_no_more_than_the_average() -> None:
    made = scheduler(cluster(ALICE, cpus(4)), policy=Policy())
    for customer, used in ((ALICE, 100), (BOB, 200), (CAROL, 300)):
        made.usage.charge(customer, used, 0)
    light, average, heavy, new = (
        made.key(replace(job(1), customer=customer)) for customer in (ALICE, BOB, CAROL, Address("new"))
    )
    assert light < average < heavy
    assert new == pytest.approx(average)


@pytest.mark.parametrize("head_start_hours", [0, 1])
def test_no_job_starves_however_many_small_ones_of_others_keep_coming(head_start_hours: int) -> None:
    """The widest job of the greediest customer, against a stream that alone would fill the cluster for ever."""
    policy = Policy(
        size_head_start_seconds=head_start_hours * 3600 / 40, fair_head_start_seconds=3600, latency_seconds=0
    )
    made = scheduler(cluster(ALICE, cpus(4)), policy=policy)
    made.usage.charge(Address("greedy"), 10**6, 0)
    wide = replace(job(1, 4, seconds=10 * MINUTE), customer=Address("greedy"))
    made.submit(wide)
    ends: list[tuple[float, JobId]] = []
    number, now, limit = 1, 0.0, 10 * MINUTE
    while JobId(1) not in made.clusters[ALICE].held:
        for _ in range(2):
            number += 1
            fresh = replace(job(number, 1, seconds=limit, at=now), customer=Address(f"new-{number}"))
            made.submit(fresh)
        while ends and ends[0][0] <= now:
            made.end(heapq.heappop(ends)[1], now)
        for start in made.decide(now):
            heapq.heappush(ends, (now + limit, start.job))
        now += MINUTE
        # Nothing that came later than the head start is before it; then what was before it has to end, and the
        # queue before it is what came during the head start.
        bound = policy.longest_head_start_seconds
        before = 2 * bound / MINUTE
        assert now <= bound + before / 4 * limit + 2 * limit + 10 * MINUTE
