"""Long benchmarks lose nothing when they are ended."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.shaken import Case, outcomes_of
from deepsquare.scheduling import Order, Policy
from deepsquare.simulation import lublin
from deepsquare.simulation.metrics import Metrics, measure
from deepsquare.simulation.scenario import simulate
from deepsquare.simulation.world import Conditions, Machine


class Runner:
    """Simulates a little, and remembers which cases; an interruption comes after `most` of them."""

    def __init__(self, most: int = 100) -> None:
        self.ran: list[Case] = []
        self._most = most

    def __call__(self, case: Case) -> Metrics:
        if len(self.ran) == self._most:
            raise KeyboardInterrupt
        self.ran.append(case)
        jobs = lublin.generate(5, 8, case.seed)
        return measure(*simulate(case.name, jobs, [Machine(8)], Policy(), Conditions()))


CASES = [Case("grid", Order.FAIR, seed, 0.5) for seed in range(4)]


def test_a_run_that_was_ended_goes_on_where_it_was(tmp_path: Path) -> None:
    path, first, second, whole = tmp_path / "cases", Runner(most=2), Runner(), Runner()
    with pytest.raises(KeyboardInterrupt):
        list(outcomes_of(CASES, path, "code", first))
    with path.open("a") as file:
        file.write('{"code": "co')
    outcomes = list(outcomes_of(CASES, path, "code", second))
    assert (first.ran, second.ran) == (CASES[:2], CASES[2:])
    assert outcomes == [(case, whole(case)) for case in CASES]


def test_what_other_code_found_does_not_count(tmp_path: Path) -> None:
    path, again = tmp_path / "cases", Runner()
    list(outcomes_of(CASES, path, "code", Runner()))
    list(outcomes_of([replace(case, load=0.6) for case in CASES], path, "code", again))
    list(outcomes_of(CASES, path, "other code", again))
    assert len(again.ran) == 2 * len(CASES)
