"""What a grid does without one queue, and what its numbers mean."""

import pytest

from deepsquare.scheduling import Order, Policy
from deepsquare.simulation import lublin
from deepsquare.simulation.federation import ROUTES, route
from deepsquare.simulation.lublin import generate
from deepsquare.simulation.metrics import jain, measure, quantile
from deepsquare.simulation.scenario import POLICIES, Shaping, machines_of, simulate, work
from deepsquare.simulation.timeline import timeline
from deepsquare.simulation.trace import TraceJob, at_load, overestimated
from deepsquare.simulation.world import Conditions, Federation, Grid, Machine, Outage, Record

SITES = [Machine(4), Machine(8)]


def sent(name: str, jobs: list[TraceJob], report_seconds: float = 0.0) -> list[int]:
    conditions = Conditions(report_seconds=report_seconds)
    records = Federation(jobs, SITES, Order.FCFS, conditions, route(name, conditions, 1)).run()
    return [record.site for record in records]


def job(submit: float = 0, run: float = 10, cpus: int = 1, home: int = 0) -> TraceJob:
    return TraceJob(submit, run, cpus, run, home=home)


def test_at_home_a_job_too_wide_goes_to_the_first_cluster_that_holds_it() -> None:
    assert sent("home", [job(), job(home=1), job(cpus=8)]) == [0, 1, 1]


def test_round_robin_goes_around() -> None:
    assert sent("round-robin", [job(), job(), job()]) == [0, 1, 0]


def test_the_least_work_is_per_cpu() -> None:
    assert sent("least-work", [job(cpus=4), job(cpus=4), job(cpus=2)]) == [0, 1, 1]


def test_the_best_fit_leaves_least_free_and_then_goes_where_least_work_is() -> None:
    assert sent("best-fit", [job(cpus=4), job(cpus=8), job(run=5, cpus=1)]) == [0, 1, 0]


def test_the_earliest_start_is_estimated_behind_all_that_is_queued() -> None:
    # Both full until 10 and 20; the third is to start at 10 on the first, which then is full until 40.
    jobs = [job(cpus=4), job(run=20, cpus=8), job(submit=1, run=30, cpus=4), job(submit=2, cpus=4)]
    assert sent("earliest-start", jobs) == [0, 1, 0, 1]


def test_an_old_report_misleads_but_what_was_sent_since_is_remembered() -> None:
    over_when_the_next_comes = [job(run=1, cpus=4), job(submit=12, cpus=4)]
    assert sent("best-fit", over_when_the_next_comes, report_seconds=0) == [0, 0]
    assert sent("best-fit", over_when_the_next_comes, report_seconds=100) == [0, 1]


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_runs_all_jobs_and_gives_equal_output_for_equal_input(name: str) -> None:
    machines = machines_of("32,64@0.02,2x16")
    shaping = Shaping(load=0.8, seed=1, shake_seconds=600, most_overestimate=5, users=4)
    jobs = work([generate(60, machine.cpus, 7) for machine in machines], machines, shaping)
    conditions = Conditions(latency_seconds=5, report_seconds=30)
    policy = Policy(order=Order.SJF)
    once, again = (simulate(name, jobs, machines, policy, conditions, seed=3) for _ in range(2))
    assert once == again
    metrics = measure(*once)
    assert (metrics.jobs, metrics.unplaced) == (180, 0)
    assert 0 < metrics.utilisation <= 1
    assert 0 < metrics.jain_of_speeds <= 1


def test_all_baselines_are_policies() -> None:
    assert set(ROUTES) < set(POLICIES)


def test_a_dead_cluster_costs_its_jobs_a_new_start_elsewhere() -> None:
    conditions = Conditions(lease_seconds=120, outages=(Outage(0, 50),))
    records = Grid([job(run=100, cpus=4)], SITES, Policy(), conditions).run()
    # On the small cluster until it dies at 50; that is known at 170.
    assert [(record.site, record.start, record.attempts) for record in records] == [(1, 170, 2)]
    assert records[0].lost_seconds == 50


def test_a_cluster_that_comes_back_is_used_again() -> None:
    conditions = Conditions(outages=(Outage(0, 10, 20), Outage(1, 5)))
    records = Grid([job(run=100, cpus=4)], SITES, Policy(), conditions).run()
    assert [(record.site, record.start) for record in records] == [(0, 20)]


def test_a_job_on_its_way_to_a_cluster_that_dies_and_comes_back_meanwhile_is_sent_once() -> None:
    # Sent at 0; the death from 3 to 4 is known at 4, and the job sent anew.
    conditions = Conditions(latency_seconds=5, outages=(Outage(0, 3, 4),))
    records = Grid([job(run=10)], [Machine(4)], Policy(), conditions).run()
    assert [(record.start, record.attempts) for record in records] == [(9, 1)]


@pytest.mark.parametrize("seed", [1, 2])
def test_when_a_tenth_of_the_clusters_dies_every_job_ends_nearly_as_soon_as_if_it_had_never_been(seed: int) -> None:
    machines = [Machine(cpus) for cpus in (64, 64, 32, 60, 16, 32, 64, 32, 16, 32)]
    cpus = sum(machine.cpus for machine in machines)
    jobs = overestimated(at_load(lublin.generate(600, 64, seed), cpus, 0.6), seed, 10.0)
    usual = Conditions(latency_seconds=5)
    dead = 4
    dying = Conditions(latency_seconds=5, outages=(Outage(dead, jobs[len(jobs) // 2].submit),))
    # That a job runs twice at once raises in the simulator itself.
    broken = measure(Grid(jobs, machines, Policy(), dying).run(), machines)
    left = [machine for number, machine in enumerate(machines) if number != dead]
    never = measure(Grid(jobs, left, Policy(), usual).run(), left)
    assert (broken.jobs, broken.unplaced) == (len(jobs), 0)
    assert broken.moves > 0
    assert broken.mean_slowdown <= 1.5 * never.mean_slowdown


def test_the_metrics_of_two_jobs_worked_out_by_hand() -> None:
    records = [
        Record(TraceJob(0, 100, 2, 100, user=1), start=0, end=100, site=0, attempts=1),
        Record(TraceJob(0, 2, 1, 2, user=2), start=100, end=102, site=0, attempts=2),
    ]
    metrics = measure(records, [Machine(4, price=60)])
    # Slowdowns: 1, and 102 s over the 10 s that a job counts for at least.
    assert metrics.mean_slowdown == pytest.approx((1 + 10.2) / 2)
    assert metrics.utilisation == pytest.approx(202 / (4 * 102))
    assert metrics.cost == pytest.approx(202)
    assert metrics.energy_kwh == pytest.approx(202 * 10 / 3.6e6)
    assert metrics.moves == 1
    assert metrics.jain_of_slowdowns == pytest.approx(11.2**2 / (2 * (1 + 10.2**2)))


def test_jain_is_one_for_equals_and_a_share_for_one_who_has_all() -> None:
    assert jain([3, 3, 3]) == pytest.approx(1)
    assert jain([1, 0, 0, 0]) == pytest.approx(0.25)


def test_a_quantile_is_a_value_that_occurred() -> None:
    assert [quantile([1, 2, 3, 4], part) for part in (0.5, 0.75, 0.99)] == [2, 3, 4]


def test_a_timeline_tells_who_ran_and_who_waited() -> None:
    records = [Record(job(0, 10, 3), start=0, end=10), Record(job(4, 10, 2), start=10, end=20)]
    line = timeline(records)
    assert line.moments == [0, 4, 10, 20]
    assert line.busy_cpus == [3, 3, 2, 0]
    assert line.waiting_jobs == [0, 1, 0, 0]
