"""What only the embedded cluster must survive: its keepers, its queue, its folders."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deepsquare.clusters.local import LocalCluster, keeper
from deepsquare.clusters.local.layout import JobFolder, Root
from deepsquare.clusters.local.queue import LOST_DETAIL
from deepsquare.clusters.port import ClusterError, ClusterJobId, ClusterNode, JobRequest, NodeState, RunState
from deepsquare.clusters.records import read_json, write_json
from deepsquare.model import Node
from tests.clusters.places import LocalPlace, job, printed, run, until
from tests.support.processes import left_of

pytestmark = pytest.mark.programs

FOREVER = "echo ready; sleep 100000"


@pytest.fixture
def place(tmp_path: Path) -> LocalPlace:
    return LocalPlace(tmp_path / "cluster")


@pytest.fixture
def cluster(place: LocalPlace) -> LocalCluster:
    return place.open()


def folder_of(place: LocalPlace, request: JobRequest) -> JobFolder:
    return Root(place.root).job(str(request.tag))


async def start(cluster: LocalCluster, request: JobRequest) -> ClusterJobId:
    """Submit a job that prints `ready`, wait until it has."""
    job_id = await cluster.submit(request)
    await printed(cluster, request, "ready")
    return job_id


def keeper_of(place: LocalPlace, request: JobRequest) -> int:
    started = read_json(folder_of(place, request).started)
    assert started is not None
    return int(started["keeper"])


async def test_a_job_outlives_the_supervisor_that_was_killed(place: LocalPlace) -> None:
    request = job(place, "trap 'echo told; exit' TERM; echo ready; while :; do sleep 1000 & wait; done")
    supervisor = f"""
import asyncio, os, pathlib, signal
from deepsquare.clusters.local import LocalCluster
from deepsquare.clusters.port import ClusterNode, JobRequest, NodeState
from deepsquare.model import JobTag, Node
nodes = [ClusterNode("alpha", Node(4, 1000), NodeState.UP)]
cluster = LocalCluster(pathlib.Path({str(place.root)!r}), nodes, contract={place.contract!r})
asyncio.run(cluster.submit({request!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", supervisor], cwd="/", check=False)
    assert killed.returncode == -signal.SIGKILL

    cluster = place.open()
    await printed(cluster, request, "ready")
    await cluster.cancel(ClusterJobId(str(request.tag)))

    assert (await until(cluster, request.tag)).state is RunState.CANCELLED


async def test_a_killed_keeper_loses_its_job_and_leaves_no_process(place: LocalPlace, cluster: LocalCluster) -> None:
    request = job(place, "setsid sleep 4711.25 & echo ready; sleep 4711.25")
    await start(cluster, request)
    killed = psutil.Process(keeper_of(place, request))
    processes = killed.children(recursive=True)

    killed.kill()
    assert left_of([killed], 30) == []
    lost = await cluster.find(request.tag)
    assert lost is not None
    assert (lost.state, lost.exit_code, lost.detail) == (RunState.LOST, None, LOST_DETAIL)
    assert left_of(processes, 30) == []
    again = await cluster.find(request.tag)
    assert again is not None
    assert again.ended_at is not None


@pytest.mark.parametrize("whole_cluster", [False, True])
async def test_a_job_whose_folder_is_removed_ends_with_its_keeper(
    place: LocalPlace, cluster: LocalCluster, *, whole_cluster: bool
) -> None:
    first, second = job(place, FOREVER, tasks=8), job(place, FOREVER, tasks=8)
    await start(cluster, first)
    await cluster.submit(second)
    orphan = psutil.Process(keeper_of(place, first))
    processes = [orphan, *orphan.children(recursive=True)]

    shutil.rmtree(place.root if whole_cluster else folder_of(place, first).path)

    assert left_of(processes, 30) == []
    if not whole_cluster:
        await until(cluster, second.tag, RunState.RUNNING)
        await cluster.cancel(ClusterJobId(str(second.tag)))
        await until(cluster, second.tag)


async def test_the_room_of_a_lost_job_is_given_to_the_next(place: LocalPlace, cluster: LocalCluster) -> None:
    first, second = job(place, FOREVER, tasks=8), job(place, "true", tasks=8)
    await start(cluster, first)
    await cluster.submit(second)
    killed = psutil.Process(keeper_of(place, first))

    killed.kill()
    assert left_of([killed], 30) == []
    await cluster.jobs()

    assert (await until(cluster, second.tag)).state is RunState.COMPLETED


async def test_a_keeper_that_is_told_to_stop_writes_down_that_its_job_is_lost(
    place: LocalPlace, cluster: LocalCluster
) -> None:
    request = job(place, FOREVER)
    await start(cluster, request)

    os.kill(keeper_of(place, request), signal.SIGTERM)

    assert (await until(cluster, request.tag)).state is RunState.LOST


async def test_a_job_that_was_given_room_but_not_started_before_a_crash_starts_once(
    place: LocalPlace, cluster: LocalCluster
) -> None:
    blocker, request = job(place, FOREVER, tasks=8), job(place, "echo ran")
    blocker_id = await start(cluster, blocker)
    await cluster.submit(request)
    folder = folder_of(place, request)
    write_json(folder.allocation, {"affinity": [0], "shares": []})
    folder.lock.touch()

    await cluster.cancel(blocker_id)

    assert (await until(cluster, request.tag)).state is RunState.COMPLETED
    assert cluster.output_path(request.tag).read_text() == "ran\n"


async def test_the_queue_is_first_in_first_out(place: LocalPlace, cluster: LocalCluster) -> None:
    order = place.root / "order"
    running = job(place, FOREVER, tasks=5)
    running_id = await start(cluster, running)
    waiting = [job(place, f"echo {index} >>{order}", tasks=8 - index) for index in range(3)]
    for request in waiting:
        await cluster.submit(request)
    assert {known.tag: known.state for known in await cluster.jobs()} == {
        running.tag: RunState.RUNNING,
        **{request.tag: RunState.QUEUED for request in waiting},
    }

    await cluster.cancel(running_id)
    for request in waiting:
        await until(cluster, request.tag)

    assert order.read_text().split() == ["0", "1", "2"]


@pytest.mark.parametrize("state", [NodeState.DRAINED, NodeState.DOWN])
async def test_a_node_that_takes_no_work_gets_none(tmp_path: Path, state: NodeState) -> None:
    place = LocalPlace(tmp_path / "cluster")
    resources = Node(cpus=1, memory_mb=100)
    place.nodes = (ClusterNode("a", resources, state), ClusterNode("b", resources, NodeState.UP))
    cluster = place.open()
    first, second = job(place, "echo $SLURMD_NODENAME; " + FOREVER), job(place, "true")
    first_id = await start(cluster, first)
    await cluster.submit(second)

    waiting = await cluster.find(second.tag)

    assert waiting is not None
    assert waiting.state is RunState.QUEUED
    assert cluster.output_path(first.tag).read_text().startswith("b\n")
    await cluster.cancel(first_id)
    await until(cluster, second.tag)


async def test_a_tag_that_many_submit_at_once_runs_once(place: LocalPlace) -> None:
    request = job(place, "echo ran")
    clusters = [place.open() for _ in range(5)]

    ids = await asyncio.gather(*(cluster.submit(request) for cluster in clusters))

    assert set(ids) == {str(request.tag)}
    await until(clusters[0], request.tag)
    assert clusters[0].output_path(request.tag).read_text() == "ran\n"


async def test_a_job_runs_on_the_cpus_that_it_was_given(place: LocalPlace, cluster: LocalCluster) -> None:
    _, output = await run(cluster, job(place, "python3 -c 'import os; print(len(os.sched_getaffinity(0)))'"))

    assert output == "1\n"


async def test_srun_refuses_more_tasks_than_the_job_has_room_for(place: LocalPlace, cluster: LocalCluster) -> None:
    ended, output = await run(cluster, job(place, "srun -n 3 true", tasks=2))

    assert ended.exit_code == 1
    assert "3 tasks" in output


async def test_srun_passes_signals_on(place: LocalPlace, cluster: LocalCluster) -> None:
    script = """
mkfifo up
srun bash -c "trap 'echo got it; exit 5' USR1; echo >up; while :; do sleep 1000 & wait; done" &
read -r <up
kill -USR1 $!
wait $!
echo code $?
"""
    _, output = await run(cluster, job(place, script))

    assert output.splitlines() == ["got it", "srun: error: task 0 ended with exit code 5", "code 5"]


async def test_a_script_whose_interpreter_is_missing_says_so(place: LocalPlace, cluster: LocalCluster) -> None:
    ended, output = await run(cluster, job(place, "", interpreter="#!/no/such/shell"))

    assert (ended.state, ended.exit_code) == (RunState.FAILED, keeper.NOT_EXECUTABLE)
    assert "/no/such/shell" in output


async def test_two_contracts_on_one_machine_do_not_see_each_other(place: LocalPlace, cluster: LocalCluster) -> None:
    request = job(place, "true")
    await run(cluster, request)
    other = LocalPlace(place.root).open()

    assert list(await other.jobs()) == []


async def test_what_a_dead_submission_left_half_written_is_removed(place: LocalPlace, cluster: LocalCluster) -> None:
    old, young = (place.root / "jobs" / name for name in (".old", ".young"))
    for path in (old, young):
        path.mkdir()
    os.utime(old, (1, 1))

    place.open()

    assert not old.exists()
    assert young.exists()
    assert list(await cluster.jobs()) == []


def test_a_keeper_starts_without_what_it_does_not_need() -> None:
    heavy = {"asyncio", "dataclasses", "subprocess", "socket", "pydantic", "archspec", "deepsquare.model"}
    names = "import deepsquare.clusters.local.keeper, sys; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True, cwd="/").stdout

    assert heavy.isdisjoint(loaded.split())


NONSENSE = ("{}", "[" * 100_000, '{"state": 1}', '{"state": "completed", "ended_at": "today"}', '{"state": "failed"}')
FORGED = '{"state": "completed", "exit_code": 0, "started_at": 1, "ended_at": 2, "detail": ""}'


async def test_a_job_that_writes_its_own_end_runs_on_in_its_room(place: LocalPlace, cluster: LocalCluster) -> None:
    request = job(place, f"echo '{FORGED}' >../ended.json; {FOREVER}", cpus_per_task=4, memory_per_cpu_mb=250)
    behind = job(place, FOREVER, tasks=2, cpus_per_task=4)
    await start(cluster, request)
    await cluster.submit(behind)

    assert [found.state for found in sorted(await cluster.jobs(), key=lambda found: found.tag.job_id)] == [
        RunState.RUNNING,
        RunState.QUEUED,
    ]
    with pytest.raises(ClusterError, match="not over"):
        await cluster.forget(request.tag)
    await cluster.cancel(ClusterJobId(str(behind.tag)))
    await cluster.cancel(ClusterJobId(str(request.tag)))
    assert (await until(cluster, request.tag)).state is RunState.CANCELLED


@pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
async def test_an_end_record_of_nonsense_loses_the_job_and_no_other(
    place: LocalPlace, cluster: LocalCluster, text: str
) -> None:
    request = job(place, FOREVER)
    await start(cluster, request)
    killed = psutil.Process(keeper_of(place, request))
    processes = killed.children(recursive=True)
    folder_of(place, request).ended.write_text(text)
    folder_of(place, request).started.write_text(text)
    killed.kill()
    assert left_of([killed], 30) == []

    assert [found.state for found in await cluster.jobs()] == [RunState.LOST]
    assert left_of(processes, 30) == []
    assert (await run(cluster, job(place, "true")))[0].state is RunState.COMPLETED


async def test_a_pipe_in_place_of_a_record_holds_nobody_up(place: LocalPlace, cluster: LocalCluster) -> None:
    request = job(place, f"mkfifo ../limit.json ../ended.json; {FOREVER}")
    job_id = await start(cluster, request)
    await cluster.cancel(job_id)
    assert (await until(cluster, request.tag)).state is RunState.CANCELLED
