"""A queue against all sites."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from deepsquare.model import Address, JobDefinition, JobId, Node
from deepsquare.scheduling import Assignment, CheapestFirst, JobRequest, Offer, Rule, Site, candidates, place
from deepsquare.scheduling.packing import pack
from tests.support.sites import ALICE, BOB, NOW, bound, definition, request, site

POLICY = CheapestFirst()


def test_the_cheapest_site_that_can_start_the_job_gets_it() -> None:
    plan = place([request()], [site(ALICE, cpu_price=2), site(BOB, cpu_price=1)], POLICY, NOW)
    assert plan.assignments == (Assignment(JobId(1), BOB),)


def test_a_full_cheap_site_loses_to_a_free_dear_one() -> None:
    full = site(BOB, cpu_price=1, bound=(bound(9, definition(cpus=8)),))
    plan = place([request()], [site(ALICE, cpu_price=2), full], POLICY, NOW)
    assert plan.assignments == (Assignment(JobId(1), ALICE),)


def test_the_oldest_job_is_served_first() -> None:
    wide = definition(cpus=8)
    plan = place([request(1, wide, age_s=1), request(2, wide, age_s=2)], [site()], POLICY, NOW)
    assert plan.assignments == (Assignment(JobId(2), ALICE),)
    assert [r.rule for r in plan.waiting[JobId(1)]] == [Rule.FREE_RESOURCES]


def test_jobs_of_one_block_go_by_their_number() -> None:
    wide = definition(cpus=8)
    plan = place([request(2, wide), request(1, wide)], [site()], POLICY, NOW)
    assert plan.assignments == (Assignment(JobId(1), ALICE),)


def test_a_job_that_cannot_start_does_not_hold_up_younger_ones() -> None:
    plan = place([request(1, definition(cpus=99), age_s=9), request(2)], [site()], POLICY, NOW)
    assert plan.assignments == (Assignment(JobId(2), ALICE),)
    assert set(plan.waiting) == {JobId(1)}


def test_a_waiting_job_knows_the_reason_of_every_site() -> None:
    plan = place([request(1, definition(cpus=99))], [site(ALICE), site(BOB, is_banned=True)], POLICY, NOW)
    assert {r.provider: r.rule for r in plan.waiting[JobId(1)]} == {ALICE: Rule.SIZE, BOB: Rule.BANNED}


def test_without_any_provider_a_job_waits_without_reasons() -> None:
    assert place([request()], [], POLICY, NOW).waiting == {JobId(1): ()}


def test_the_table_of_candidates_shows_the_chosen_one_first_and_the_rejected_last() -> None:
    sites = [
        site(ALICE, cpu_price=2),
        site(BOB, cpu_price=1),
        replace(site(), provider=replace(site().provider, address=Address("0x" + "c" * 40), is_banned=True)),
    ]
    rows = candidates(request(), sites, POLICY, NOW)
    assert [row.site.provider.address for row in rows][:2] == [BOB, ALICE]
    assert [row.is_chosen for row in rows] == [True, False, False]


requests = st.lists(
    st.builds(
        lambda tasks, cpus, gpus, age: (definition(tasks, cpus, gpus=gpus), age),
        st.integers(1, 4),
        st.integers(1, 6),
        st.integers(0, 2),
        st.integers(0, 5),
    ),
    max_size=12,
).map(lambda shapes: [request(n, shape, age_s=age) for n, (shape, age) in enumerate(shapes, start=1)])
site_lists = st.lists(
    st.lists(st.builds(Node, st.integers(0, 8), st.just(9000), st.integers(0, 2)), min_size=1, max_size=3).map(tuple),
    min_size=1,
    max_size=3,
).map(lambda machines: [site(Address(f"0x{n:040x}"), nodes, cpu_price=n) for n, nodes in enumerate(machines, start=1)])


@given(requests, site_lists)
def test_every_job_is_either_bound_once_or_waits(queue: list[JobRequest], sites: list[Site]) -> None:
    plan = place(queue, sites, POLICY, NOW)
    bound_ids = [a.job_id for a in plan.assignments]
    assert sorted([*bound_ids, *plan.waiting]) == sorted(job.id for job in queue if job.id)


@given(requests, site_lists)
def test_no_site_is_ever_over_committed(queue: list[JobRequest], sites: list[Site]) -> None:
    by_id = {job.id: job.definition for job in queue}
    for place_ in sites:
        left: tuple[Node, ...] | None = place_.provider.hardware.nodes
        for a in place(queue, sites, POLICY, NOW).assignments:
            if a.provider == place_.provider.address:
                assert left is not None
                left = pack(by_id[a.job_id], left)
        assert left is not None


@given(requests, site_lists)
def test_placement_conserves_work_and_is_deterministic(queue: list[JobRequest], sites: list[Site]) -> None:
    plan = place(queue, sites, POLICY, NOW)
    assert place(list(reversed(queue)), sites, POLICY, NOW) == plan
    by_id: dict[JobId | None, JobDefinition] = {job.id: job.definition for job in queue}
    after = {s.provider.address: s for s in sites}
    for a in plan.assignments:
        after[a.provider] = after[a.provider].with_job(bound(a.job_id, by_id[a.job_id]))
    for waiting in plan.waiting:
        job = next(j for j in queue if j.id == waiting)
        rows = candidates(job, list(after.values()), POLICY, NOW)
        assert not any(isinstance(row.answer, Offer) for row in rows)
