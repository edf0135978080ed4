"""Traces in the Standard Workload Format, and what is done with them before they are simulated."""

import statistics

import pytest

from deepsquare.simulation import lublin
from deepsquare.simulation.trace import InvalidTrace, TraceJob, at_load, merged, overestimated, read_swf, shaken

LINE = "{id} {submit} -1 {run} {cpus} -1 -1 {requested} {limit} -1 1 {user} -1 -1 0 -1 -1 -1"


def line(submit: int = 0, run: int = 10, cpus: int = 2, *, requested: int = -1, limit: int = -1, user: int = 7) -> str:
    return LINE.format(id=1, submit=submit, run=run, cpus=cpus, requested=requested, limit=limit, user=user)


def test_a_line_is_a_job() -> None:
    assert read_swf(["; Version: 2", "", line(5, 10, 2, limit=60)]) == [TraceJob(5, 10, 2, 60, 7)]


def test_a_job_without_a_limit_asked_for_what_it_ran() -> None:
    assert read_swf([line(run=10)])[0].limit == 10


def test_a_job_is_cut_off_at_its_limit() -> None:
    assert read_swf([line(run=100, limit=60)])[0].run == 60


def test_what_was_asked_for_counts_where_nothing_is_known_of_what_was_given() -> None:
    assert read_swf([line(cpus=-1, requested=4)])[0].cpus == 4


def test_jobs_that_never_ran_and_jobs_too_wide_are_left_out() -> None:
    assert read_swf([line(run=0), line(cpus=-1), line(cpus=9)], most_cpus=8) == []


def test_jobs_come_in_the_order_of_their_submission() -> None:
    assert [job.submit for job in read_swf([line(9), line(3)])] == [3, 9]


@pytest.mark.parametrize("text", ["1 2 three 4 5", "1 2 3", "1 2 -1 nan 4", "1 2 -1 9 inf"])
def test_a_line_that_is_no_job_is_named(text: str) -> None:
    with pytest.raises(InvalidTrace, match="line 2"):
        read_swf([line(), text])


def test_a_load_is_what_was_asked_for() -> None:
    jobs = at_load([TraceJob(10, 30, 2, 30), TraceJob(20, 30, 4, 30), TraceJob(110, 60, 1, 60)], cpus=4, load=0.5)
    work = sum(job.cpus * job.run for job in jobs)
    assert jobs[0].submit == 0
    assert work / (4 * jobs[-1].submit) == pytest.approx(0.5)


def test_shaking_moves_every_job_a_little_and_equal_seeds_alike() -> None:
    jobs = [TraceJob(1000.0 * number, 10, 1, 10) for number in range(50)]
    moved = shaken(jobs, 1, 60)
    assert moved == shaken(jobs, 1, 60)
    assert moved != shaken(jobs, 2, 60)
    assert all(abs(after.submit - before.submit) <= 60 for before, after in zip(jobs, moved, strict=True))


def test_estimates_are_never_too_short() -> None:
    assert all(10 <= job.limit <= 50 for job in overestimated([TraceJob(0, 10, 1, 10)] * 99, 1, 5))


def test_merged_traces_keep_their_home() -> None:
    jobs = merged([[TraceJob(5, 1, 1, 1)], [TraceJob(3, 1, 1, 1)]])
    assert [(job.submit, job.home) for job in jobs] == [(3, 1), (5, 0)]


def test_the_model_makes_the_published_mixture() -> None:
    """Compared with the parameters: widths by kind, and the daily cycle's mean of 1."""
    jobs = lublin.generate(20_000, 256, seed=3)
    assert jobs == lublin.generate(20_000, 256, seed=3)
    serial = sum(job.cpus == 1 for job in jobs) / len(jobs)
    assert lublin.INTERACTIVE.serial - 0.02 < serial < lublin.BATCH.serial + 0.02
    powers = sum(job.cpus & (job.cpus - 1) == 0 and job.cpus > 1 for job in jobs) / len(jobs)
    assert 0.6 < powers < 0.75
    assert max(job.cpus for job in jobs) <= 256
    assert all(0 < job.run <= 162_755 for job in jobs)
    # Most jobs are interactive and short: exp(3.84 x 0.66) is 13 s. The rest makes the mean a hundred times that.
    assert 13 < statistics.median(job.run for job in jobs) < 60
    assert 1_000 < statistics.mean(job.run for job in jobs) < 4_000
    assert [job.submit for job in jobs] == sorted(job.submit for job in jobs)


def test_the_model_has_the_daily_cycle() -> None:
    weights = lublin.daily_cycle(lublin.BATCH)
    assert statistics.mean(weights) == pytest.approx(1)
    assert max(weights) > 2 * min(weights)
