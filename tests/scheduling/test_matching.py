"""What a site answers to a job: every rule refuses with its reason, and an offer states its terms."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from deepsquare.model import WEI_PER_CREDIT, Affinity, AffinityOperator, JobId, Label, Node
from deepsquare.scheduling import (
    Cluster,
    JobRequest,
    Offer,
    Order,
    Policy,
    Rejection,
    Rule,
    Scheduler,
    Site,
    candidates,
)
from deepsquare.scheduling.reasons import judge
from tests.support.sites import ALICE, BOB, CAROL, NOW, bound, definition, request, site


def ask(
    job: JobRequest, place: Site, *, order: Order = Order.FAIR, queue: tuple[JobRequest, ...] = ()
) -> Offer | Rejection:
    return candidates(job, [place], NOW, queue=queue, policy=Policy(order=order))[0].answer


big_request = request(shape=definition(cpus=8))
big_job = bound(9, definition(cpus=8), minutes=30)

REFUSALS: list[tuple[Rule, JobRequest, Site, str]] = [
    (Rule.BANNED, request(), site(is_banned=True), "banned"),
    (Rule.BANNED, request(), site(is_approved=False), "waits for approval"),
    (Rule.AVOIDED, replace(request(), avoided=frozenset({ALICE})), site(), "gave this job back"),
    (Rule.UNREACHABLE, request(), site(lease_end=NOW), "last heard of"),
    (Rule.LABEL, request(shape=definition(uses=(Label("os", "debian"),))), site(), "has no label os"),
    (
        Rule.AFFINITY,
        request(shape=definition(affinities=(Affinity(Label("arch", "arm64"), AffinityOperator.EQUAL),))),
        site(labels={"arch": "amd64"}),
        "needs arch == arm64; has arch=amd64",
    ),
    (Rule.SIZE, request(shape=definition(cpus=9)), site(), "largest has 8 CPUs"),
    (Rule.SIZE, request(shape=definition(tasks=9)), site(), "needs 9 tasks at once; all nodes together hold 8"),
    (Rule.SIZE, request(shape=definition(gpus=4)), site(nodes=(Node(8, 8000, 2),)), "needs 4 GPUs"),
    (Rule.SIZE, request(shape=definition(gpus=4)), site(nodes=(Node(8, 8000, 2),) * 2), "cannot be reached with 1"),
    (Rule.PRICE_CEILING, replace(request(), max_price_per_minute=WEI_PER_CREDIT), site(cpu_price=2), "ceiling is 1"),
    (Rule.CREDITS, request(credit=1), site(cpu_price=2), "pay for 30 s"),
    (Rule.LATEST_START, replace(request(), latest_start=NOW - timedelta(seconds=1)), site(), "latest start"),
    (Rule.FREE_RESOURCES, request(), site(bound=(big_job,)), "busy with 1 job"),
]


@pytest.mark.parametrize(("rule", "job", "place", "message"), REFUSALS)
def test_a_refusal_names_its_rule_and_what_would_help(rule: Rule, job: JobRequest, place: Site, message: str) -> None:
    answer = ask(job, place)
    assert isinstance(answer, Rejection)
    assert answer.rule is rule
    assert message in answer.message
    assert answer.help


def test_room_that_is_promised_to_a_job_before_is_not_given_away() -> None:
    half = bound(9, definition(cpus=4), minutes=30)
    whole = request(1, definition(cpus=8), credit=1_000, age_s=60)
    answer = ask(request(2, credit=60), site(bound=(half,)), order=Order.FCFS, queue=(whole,))
    assert isinstance(answer, Rejection)
    assert answer.rule is Rule.PROMISED
    assert "job 1" in answer.message
    assert answer.expected_start == NOW + timedelta(minutes=30)
    assert isinstance(ask(request(2, credit=30), site(bound=(half,)), order=Order.FCFS, queue=(whole,)), Offer)


def test_a_cluster_that_made_trouble_says_when_it_is_tried_again() -> None:
    scheduler = Scheduler()
    scheduler.join(Cluster(site().provider))
    scheduler.close(ALICE, NOW.timestamp() + 60, "it gave back or lost a job")
    answer = judge(request(), scheduler, scheduler.clusters[ALICE], NOW.timestamp())
    assert isinstance(answer, Rejection)
    assert answer.rule is Rule.DISTRUSTED
    assert answer.expected_start == NOW + timedelta(seconds=60)


def test_a_cluster_that_takes_no_jobs_says_so() -> None:
    scheduler = Scheduler()
    scheduler.join(Cluster(site().provider))
    scheduler.close(ALICE, math.inf, "none of its machines takes jobs")
    scheduler.clusters[ALICE].is_drained = True
    answer = judge(request(), scheduler, scheduler.clusters[ALICE], NOW.timestamp())
    assert isinstance(answer, Rejection)
    assert (answer.rule, answer.message) == (Rule.DRAINED, "none of its machines takes jobs")
    assert answer.is_temporary


def test_every_rule_has_a_refusing_case() -> None:
    assert {rule for rule, *_ in REFUSALS} | {Rule.PROMISED, Rule.DISTRUSTED, Rule.DRAINED} == set(Rule)


def test_an_offer_says_price_and_walltime() -> None:
    answer = ask(request(shape=definition(cpus=2), credit=10), site(cpu_price=2))
    assert isinstance(answer, Offer)
    assert answer.price_per_minute == 4 * WEI_PER_CREDIT
    assert answer.max_duration_seconds == 150


def test_a_free_site_offers_time_without_end() -> None:
    answer = ask(request(credit=0), site(cpu_price=0))
    assert isinstance(answer, Offer)
    assert answer.max_duration_seconds is None


def test_a_busy_site_says_when_it_will_be_free_at_the_latest() -> None:
    answer = ask(request(), site(bound=(big_job,)))
    assert isinstance(answer, Rejection)
    assert answer.is_temporary
    assert answer.expected_start == NOW + timedelta(minutes=30)


def test_nothing_is_promised_where_a_bound_job_has_no_end() -> None:
    endless = bound(9, definition(cpus=8), minutes=None)
    answer = ask(request(), site(bound=(endless,)))
    assert isinstance(answer, Rejection)
    assert answer.expected_start is None


def test_a_job_whose_credits_last_longer_than_any_calendar_has_no_end_that_can_be_told() -> None:
    made = Scheduler()
    made.join(site().cluster(NOW.timestamp()))
    made.hold(JobId(9), big_request, ALICE, NOW.timestamp(), until=10.0**30)
    answer = judge(request(), made, made.clusters[ALICE], NOW.timestamp())
    assert isinstance(answer, Rejection)
    assert (answer.rule, answer.expected_start) == (Rule.FREE_RESOURCES, None)


def test_a_job_waits_only_for_as_many_ends_as_it_needs() -> None:
    held = (bound(1, definition(cpus=4), minutes=10), bound(2, definition(cpus=4), minutes=20))
    for cpus, minutes in ((2, 10), (8, 20)):
        answer = ask(request(shape=definition(cpus=cpus), credit=1_000), site(bound=held))
        assert isinstance(answer, Rejection)
        assert answer.expected_start == NOW + timedelta(minutes=minutes)


def test_the_table_of_candidates_shows_the_chosen_one_first_and_the_rejected_last() -> None:
    sites = [site(ALICE, cpu_price=2), site(BOB, cpu_price=1), site(CAROL, is_banned=True)]
    rows = candidates(request(), sites, NOW)
    assert [row.site.provider.address for row in rows] == [BOB, ALICE, CAROL]
    assert [row.is_chosen for row in rows] == [True, False, False]


def test_a_job_is_told_how_many_go_before_it() -> None:
    earlier = tuple(request(number, definition(cpus=8), age_s=60) for number in (1, 2))
    answer = ask(request(3, definition(cpus=8)), site(bound=(big_job,)), order=Order.FCFS, queue=earlier)
    assert isinstance(answer, Rejection)
    assert "and 2 jobs of the queue before it" in answer.message
