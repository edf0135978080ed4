"""Places are kept for customers who let their jobs run: what is kept in vain is bounded, also for fresh accounts."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from deepsquare.model import Address, Hardware, JobId, Node, Prices, Provider
from deepsquare.scheduling import Cluster, FairShare, JobRequest, Order, Policy, Scheduler
from deepsquare.scheduling.good_faith import REST_FACTOR, GoodFaith
from deepsquare.scheduling.matching import Rejection
from deepsquare.scheduling.reasons import judge
from tests.scheduling.test_scheduler import job
from tests.support.sites import ALICE, BOB, CAROL

ONE, TWO = JobId(1), JobId(2)


def of(customer: Address, request: JobRequest) -> JobRequest:
    return replace(request, customer=customer)


def kept_in_vain(faith: GoodFaith, customer: Address, begin: float, seconds: float, width: int = 4) -> None:
    """A place was kept for so long for a job that its customer took back then."""
    faith.pass_time(None, begin)
    faith.pass_time(ONE, begin + seconds)
    faith.taken_back(ONE, of(customer, job(1, width)), begin + seconds)


def test_who_takes_back_a_promised_job_is_passed_over_for_several_times_as_long_as_the_promise_stood() -> None:
    usage = FairShare()
    usage.charge(ALICE, 1e6, 0)
    faith = GoodFaith(usage)
    kept_in_vain(faith, ALICE, 0, 10)
    assert faith.passed_over_until(ALICE, 10) == 10 + 10 * REST_FACTOR
    assert faith.passed_over_until(BOB, 10) < 10


def test_a_job_that_ran_was_kept_a_place_for_a_reason() -> None:
    faith = GoodFaith(FairShare())
    faith.pass_time(None, 0)
    faith.pass_time(ONE, 10)
    faith.fulfilled(ONE)
    faith.taken_back(ONE, of(ALICE, job(1)), 20)
    assert faith.passed_over_until(ALICE, 20) < 20


def test_accounts_that_used_less_than_was_kept_in_vain_are_one() -> None:
    usage = FairShare()
    usage.charge(BOB, 39, 10)
    usage.charge(CAROL, 41, 10)
    faith = GoodFaith(usage)
    kept_in_vain(faith, ALICE, 0, 10)
    passed_over = [faith.passed_over_until(who, 10) > 10 for who in (ALICE, BOB, CAROL, Address("new"))]
    assert passed_over == [True, True, False, True]
    assert faith.passed_over_until(BOB, 50) <= 50


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(1, 100)), min_size=1, max_size=50))
def test_fresh_accounts_have_at_most_a_fifth_of_the_time_kept_in_vain_but_for_the_last_time(
    attacks: list[tuple[float, float]],
) -> None:
    """Each attack waits for a while, then as long as its account is passed over, and has a place kept in vain."""
    faith, now, stood = GoodFaith(FairShare()), 0.0, 0.0
    for number, (pause, seconds) in enumerate(attacks):
        account = Address(f"fresh-{number}")
        begin = max(now + pause, faith.passed_over_until(account, now + pause))
        kept_in_vain(faith, account, begin, seconds)
        now, stood = begin + seconds, stood + seconds
    last = attacks[-1][1]
    assert (stood - last) * (1 + REST_FACTOR) <= (now - last) * (1 + 1e-9)


FCFS = Policy(order=Order.FCFS, latency_seconds=0)


def promised_to_bob() -> Scheduler:
    """Four CPUs; a job of two ends at 100, and Bob's first one, which wants all, is promised them then."""
    made = Scheduler(FCFS)
    made.join(Cluster(Provider(ALICE, Hardware((Node(4, 10**6),)), Prices(0, 1, 0))))
    made.hold(JobId(9), job(9, 2), ALICE, 0, until=100)
    made.submit(of(BOB, job(1, 4)))
    made.decide(0)
    return made


def take_back(made: Scheduler, waiting: JobId, now: float) -> None:
    """Its customer cancels a job that waits."""
    made.give_up(waiting, now)
    made.withdraw(waiting)


def promised_job(made: Scheduler) -> JobId | None:
    promise = made.clusters[ALICE].promise
    return None if promise is None else promise.job


def test_the_place_that_a_griefer_takes_back_goes_to_the_others_and_not_to_its_next_account() -> None:
    made = promised_to_bob()
    take_back(made, ONE, 99)
    made.submit(of(Address("fresh"), job(2, 4, at=99)))
    made.submit(of(CAROL, job(3, 2, seconds=500, at=99)))
    assert [start.job for start in made.decide(99)] == [3]
    assert made.next_look() == 99 + 99 * REST_FACTOR
    assert promised_job(made) is None
    made.decide(made.next_look())
    assert promised_job(made) == 2


def test_a_job_that_has_a_promise_keeps_it_whoever_breaks_another() -> None:
    made = promised_to_bob()
    # Goes before it, and is promised the place instead.
    made.submit(of(Address("early"), job(0, 4, at=-1)))
    made.decide(10)
    take_back(made, ONE, 20)
    made.decide(20)
    assert promised_job(made) == 0


def test_who_is_passed_over_still_starts_where_there_is_room() -> None:
    made = promised_to_bob()
    take_back(made, ONE, 50)
    made.submit(of(BOB, job(2, 4, at=50)))
    assert made.decide(50) == []
    made.end(JobId(9), 60)
    assert [start.job for start in made.decide(60)] == [2]


def test_who_is_passed_over_is_told_why_and_until_when() -> None:
    made = promised_to_bob()
    take_back(made, ONE, 50)
    answer = judge(of(BOB, job(2, 4, at=50)), made, made.clusters[ALICE], 50)
    assert isinstance(answer, Rejection)
    assert "cancelled while a place was kept" in answer.message
    assert "after 1970-01-01 00:04:10 UTC" in answer.help


def test_a_cluster_is_not_drained_for_ever_by_accounts_that_take_their_jobs_back() -> None:
    """Whole clusters asked for and cancelled before the start, against narrow jobs of those who pay."""
    made, numbers = Scheduler(FCFS), itertools.count(100)
    made.join(Cluster(Provider(ALICE, Hardware((Node(4, 10**6),)), Prices(0, 1, 0))))
    running: dict[JobId, float] = {}
    wide, kept, used, end = None, 0, 0, 4000
    for now in range(end):
        for over in [each for each, until in running.items() if until <= now]:
            made.end(over, now)
            del running[over]
        promise = made.clusters[ALICE].promise
        kept += promise is not None and promise.job == wide
        if wide is not None and promise is not None and promise.job == wide and promise.start <= now + 1:
            take_back(made, wide, now)
            wide = None
        if wide is None and now:
            wide = JobId(next(numbers))
            made.submit(of(Address(f"fresh-{wide}"), job(wide, 4, at=now)))
        while len(made.queue) < 8:
            number = next(numbers)
            made.submit(of(BOB, job(number, 1, seconds=20.0 + 37 * number % 180, at=now)))
        for start in made.decide(now):
            assert start.job != wide
            running[start.job] = now + start.request.max_seconds
        used += 4 - made.clusters[ALICE].free_cpus
    longest_drain = 200
    assert kept <= end / (1 + REST_FACTOR) + longest_drain
    assert used >= 4 * end * 0.95
