"""What a schedule was worth."""

from deepsquare.scheduling import Policy
from deepsquare.simulation.metrics import measure
from deepsquare.simulation.scenario import GRID, simulate
from deepsquare.simulation.trace import TraceJob
from deepsquare.simulation.world import Conditions, Machine


def test_a_job_that_did_not_wait_waited_for_no_less_than_nothing() -> None:
    # 0.3 + 0.6 - 0.6 is a little below 0.3.
    job = TraceJob(submit=0.3, run=0.6, cpus=1, limit=1)
    metrics = measure(*simulate(GRID, [job], [Machine(1)], Policy(), Conditions()))
    assert f"{metrics.mean_wait_seconds:.0f}" == f"{metrics.p99_wait_seconds:.0f}" == "0"
