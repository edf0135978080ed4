"""A local cluster that is switched off and on again."""

from pathlib import Path

import pytest

from deepsquare.clusters.local import shutdown
from deepsquare.clusters.port import RunState
from tests.clusters.places import LocalPlace, job, printed, until

pytestmark = pytest.mark.programs


async def test_running_jobs_are_lost_and_waiting_jobs_run_after_the_next_start(tmp_path: Path) -> None:
    place = LocalPlace(tmp_path / "cluster")
    cluster = place.open()
    running, waiting = job(place, "echo ready; sleep 100000", tasks=8), job(place, "true", tasks=8)
    await cluster.submit(running)
    await printed(cluster, running, "ready")
    await cluster.submit(waiting)

    shutdown.drain(place.root)
    (folder,) = shutdown.running(place.root)
    shutdown.tell_to_stop(folder)

    assert (await until(cluster, running.tag)).state is RunState.LOST
    assert (await until(cluster, waiting.tag, RunState.QUEUED)).state is RunState.QUEUED
    assert (await until(place.open(), waiting.tag)).state is RunState.COMPLETED
