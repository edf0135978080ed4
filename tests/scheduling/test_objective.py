"""A customer names one objective of those that there are."""

import pytest

from deepsquare.model import Label
from deepsquare.scheduling.matching import Rule, demand_refusal
from deepsquare.scheduling.objective import Objective, objective_complaint, objective_of
from tests.scheduling.test_scheduler import cluster, cpus, job
from tests.support.sites import ALICE


def named(*values: str) -> tuple[Label, ...]:
    return tuple(Label("objective", value) for value in values)


@pytest.mark.parametrize("objective", Objective)
def test_each_objective_can_be_named_also_twice(objective: Objective) -> None:
    assert objective_of(named(objective)) is objective
    assert objective_complaint(named(objective, objective)) is None


def test_who_names_none_wants_it_balanced() -> None:
    assert objective_of((Label("os", "debian"),)) is Objective.BALANCED
    assert objective_complaint(()) is None


def test_an_unknown_objective_is_named() -> None:
    assert objective_complaint(named("cheapest")) == "'cheapest' is no objective"


def test_two_objectives_are_one_too_many() -> None:
    assert objective_complaint(named("cost", "time")) == "the job has two objectives: cost and time"


def test_a_job_with_an_unknown_objective_fits_nowhere_and_is_told_which_there_are() -> None:
    refusal = demand_refusal(job(1, objective="cheapest"), cluster(ALICE, cpus(4)))
    assert refusal is not None
    assert (refusal.rule, refusal.message) == (Rule.LABEL, "'cheapest' is no objective")
    assert refusal.help == "submit it again; name one objective: cost, time, energy, balanced"
