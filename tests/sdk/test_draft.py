"""What is told before any money moves."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.model import Address, Label, Node
from deepsquare.scheduling import JobRequest, Site
from deepsquare.sdk import InvalidValue, NoProvider
from deepsquare.sdk.draft import Draft, Terms, draft_of
from tests.support.sites import ALICE, BOB, CAROL, NOW, bound, definition, request, site

MINUTE = timedelta(minutes=1)


@st.composite
def busy_sites(draw: st.DrawFn) -> list[Site]:
    """Providers of any size and price, with something bound to them or not, alive or not."""

    def one(address: Address) -> Site:
        cpus = draw(st.integers(1, 4))
        return site(
            address,
            (Node(cpus, 400),),
            cpu_price=draw(st.integers(0, 3)),
            labels={"zone": draw(st.sampled_from(["left", "right"]))},
            bound=(bound(draw(st.integers(1, 9)), definition(cpus=cpus)),) if draw(st.booleans()) else (),
            lease_end=draw(st.sampled_from([None, NOW - MINUTE, NOW + MINUTE])),
            is_banned=draw(st.booleans()),
        )

    return [one(address) for address in draw(st.sampled_from([[], [ALICE], [ALICE, BOB], [ALICE, BOB, CAROL]]))]


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    return Terms(
        credits=draw(st.sampled_from([None, 0, 1, 2, 100])),
        max_price_per_minute=draw(st.integers(0, 3)),
        latest_start=draw(st.sampled_from([None, NOW - MINUTE, NOW + MINUTE])),
    )


def verdict(draft: Draft) -> tuple[object, ...]:
    """What becomes of a request: what it locks, or what the customer is told."""
    try:
        draft.require_provider()
    except NoProvider as refusal:
        return draft.locked, refusal.message, refusal.reasons, refusal.next_step
    return draft.locked, draft.can_be_requested


@given(
    sites=busy_sites(),
    terms=any_terms(),
    waiting=st.lists(st.integers(10, 99).map(request), max_size=3),
    cpus=st.integers(1, 4),
    zone=st.sampled_from([None, "left", "nowhere"]),
)
def test_whether_a_job_is_requested_and_what_it_locks_has_nothing_to_do_with_how_busy_the_grid_is(
    sites: list[Site], terms: Terms, waiting: list[JobRequest], cpus: int, zone: str | None
) -> None:
    wanted = definition(cpus=cpus, uses=() if zone is None else (Label("zone", zone),))
    idle = [replace(each, bound=(), lease_end=None) for each in sites]
    busy_draft = draft_of(wanted, terms, sites, NOW, (), queue=waiting)
    assert verdict(busy_draft) == verdict(draft_of(wanted, terms, idle, NOW, ()))


def test_who_locks_too_little_is_told_what_the_cheapest_provider_takes() -> None:
    sites = [site(who, cpu_price=price) for who, price in ((ALICE, 30), (BOB, 10), (CAROL, 20))]
    draft = draft_of(definition(), Terms(credits=1), sites, NOW, ())
    with pytest.raises(NoProvider) as refused:
        draft.require_provider()
    assert refused.value.next_step == "lock at least 10 credits"


@pytest.mark.parametrize(("values", "told"), [(["cheapest"], "'cheapest'"), (["cost", "time"], "cost and time")])
def test_terms_have_one_objective_of_those_that_there_are(values: list[str], told: str) -> None:
    with pytest.raises(InvalidValue, match=told) as refused:
        Terms(uses=[Label("objective", value) for value in values])
    assert refused.value.next_step == "name one objective: cost, time, energy, balanced"
