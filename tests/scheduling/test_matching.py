"""One job against one site: every rule refuses with its reason, and an offer states its terms."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deepsquare.model import WEI_PER_CREDIT, Affinity, AffinityOperator, Label, Node
from deepsquare.scheduling import JobRequest, Offer, Rejection, Rule, Site, judge
from tests.support.sites import ALICE, NOW, bound, definition, request, site

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
    (Rule.FREE_RESOURCES, request(), site(bound=(big_job,)), "busy with 1 job"),
]


@pytest.mark.parametrize(("rule", "job", "place", "message"), REFUSALS)
def test_a_refusal_names_its_rule_and_what_would_help(rule: Rule, job: JobRequest, place: Site, message: str) -> None:
    answer = judge(job, place, NOW)
    assert isinstance(answer, Rejection)
    assert answer.rule is rule
    assert message in answer.message
    assert answer.help


def test_every_rule_has_a_refusing_case() -> None:
    assert {rule for rule, *_ in REFUSALS} == set(Rule)


def test_an_offer_says_price_and_walltime() -> None:
    answer = judge(request(shape=definition(cpus=2), credit=10), site(cpu_price=2), NOW)
    assert isinstance(answer, Offer)
    assert answer.price_per_minute == 4 * WEI_PER_CREDIT
    assert answer.max_duration_seconds == 150


def test_a_free_site_offers_time_without_end() -> None:
    answer = judge(request(credit=0), site(cpu_price=0), NOW)
    assert isinstance(answer, Offer)
    assert answer.max_duration_seconds is None


def test_a_busy_site_says_when_it_will_be_free_at_the_latest() -> None:
    answer = judge(request(), site(bound=(big_job,)), NOW)
    assert isinstance(answer, Rejection)
    assert answer.is_temporary
    assert answer.expected_start == NOW + timedelta(minutes=30)


def test_nothing_is_promised_where_a_bound_job_has_no_end() -> None:
    endless = bound(9, definition(cpus=8), minutes=None)
    answer = judge(request(), site(bound=(endless,)), NOW)
    assert isinstance(answer, Rejection)
    assert answer.expected_start is None


def test_a_job_waits_only_for_as_many_ends_as_it_needs() -> None:
    held = (bound(1, definition(cpus=4), minutes=10), bound(2, definition(cpus=4), minutes=20))
    assert site(bound=held).earliest_start(definition(cpus=2), NOW) == NOW + timedelta(minutes=10)
    assert site(bound=held).earliest_start(definition(cpus=8), NOW) == NOW + timedelta(minutes=20)
