"""What a supervisor tells a meta-scheduler of its cluster."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from deepsquare.clusters.port import ClusterNode, NodeState
from deepsquare.model import Node
from deepsquare.supervisor.service import Supervisor
from deepsquare.web.errors import ServiceUnreachable
from tests.supervisor.stage import SETTINGS, Stage
from tests.support.cluster import SIXTEEN_CPUS

NODE = SIXTEEN_CPUS.resources


async def test_nothing_is_said_before_the_cluster_was_seen(s: Stage) -> None:
    await s.rounds.tell_scheduler()
    assert s.scheduler.heard == []


async def test_the_machines_that_may_be_used_are_told(s: Stage) -> None:
    down = ClusterNode("n2", Node(8, 1_000), NodeState.DOWN)
    drained = ClusterNode("n3", Node(8, 1_000), NodeState.DRAINED)
    s.cluster.machines = [SIXTEEN_CPUS, down, drained]
    await s.look()
    await s.rounds.tell_scheduler()
    assert s.scheduler.heard == [(0, 0, (NODE,))]


async def test_a_drained_cluster_has_none(s: Stage) -> None:
    s.cluster.machines = [ClusterNode("n1", NODE, NodeState.DRAINED)]
    await s.look()
    await s.rounds.tell_scheduler()
    assert s.scheduler.heard == [(0, 0, ())]


async def test_jobs_that_run_and_jobs_that_wait_are_counted(s: Stage) -> None:
    one, _ = await s.job("echo one"), await s.job("echo two")
    await s.go()
    s.cluster.start(s.tag(one))
    await s.look()
    await s.rounds.tell_scheduler()
    assert s.scheduler.heard == [(1, 1, (NODE,))]


async def test_of_a_cluster_that_does_not_answer_nothing_is_said(s: Stage) -> None:
    await s.look()
    s.cluster.is_down = True
    await s.look()
    await s.rounds.tell_scheduler()
    assert s.scheduler.heard == []


class Deaf:
    """A meta-scheduler that cannot be reached."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def tell(self, *, running: int, queued: int, nodes: Sequence[Node]) -> None:  # noqa: ARG002
        self.asked.set()
        raise ServiceUnreachable("nobody there")


async def test_a_meta_scheduler_that_is_away_stops_nobody(s: Stage) -> None:
    deaf = Deaf()
    running = asyncio.create_task(Supervisor(replace(s.ports(), scheduler=deaf), SETTINGS).run())
    async with asyncio.timeout(30):
        while not deaf.asked.is_set():
            await asyncio.sleep(0)
            s.clock.advance(0.1)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
