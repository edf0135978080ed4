"""What only a real Slurm can do to a supervisor: controllers that die, admins that cancel, nodes that fail."""

import asyncio
import pwd
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deepsquare.clusters.port import ClusterError, ClusterJobId, JobRequest, NodeState, RunState
from deepsquare.clusters.slurm import SlurmCluster
from tests.clusters.places import PATIENCE_SECONDS, SlurmPlace, job, printed, run, until
from tests.support.slurm import JOB_ACCOUNT, SlurmLab, slurm_lab

pytestmark = pytest.mark.system

FOREVER = "echo ready; sleep 100000"


@pytest.fixture
def place(lab: SlurmLab) -> SlurmPlace:
    return SlurmPlace(lab)


@pytest.fixture
def cluster(place: SlurmPlace) -> SlurmCluster:
    return place.open()


@pytest.fixture
def own_place(own_lab: SlurmLab) -> SlurmPlace:
    return SlurmPlace(own_lab)


async def start(cluster: SlurmCluster, request: JobRequest) -> ClusterJobId:
    """Submit a job that prints `ready`, wait until it has."""
    job_id = await cluster.submit(request)
    await printed(cluster, request, "ready")
    await until(cluster, request.tag, RunState.RUNNING)
    return job_id


async def until_polled(cluster: SlurmCluster, request: JobRequest, *states: RunState) -> None:
    """Like `until`, for what Slurm tells nobody (an admin's work, a failed node): look a few times a second."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await cluster.find(request.tag)
            if found is not None and found.state in states:
                return
            await cluster.changed(0.2)


async def admin(place: SlurmPlace, *argv: str) -> None:
    await asyncio.to_thread(place.lab.run, *argv)


async def test_the_sites_way_of_mpi_is_the_default_of_every_step(place: SlurmPlace) -> None:
    _, output = await run(place.open(mpi="none"), job(place, 'echo "$SLURM_MPI_TYPE"; srun true'))
    assert output == "none\n"


async def test_jobs_run_as_the_configured_account(cluster: SlurmCluster, place: SlurmPlace) -> None:
    _, output = await run(cluster, job(place, "id -un; id -G"))

    assert output.split() == [JOB_ACCOUNT, str(pwd.getpwnam(JOB_ACCOUNT).pw_gid)]


async def test_a_job_sees_nothing_of_how_we_speak_to_slurm(cluster: SlurmCluster, place: SlurmPlace) -> None:
    _, output = await run(cluster, job(place, "env"))

    assert "LANG=C.UTF-8" in output
    assert "LC_ALL" not in output
    assert "SLURM_TIME_FORMAT" not in output


async def test_a_hundred_submissions_at_once_all_run_once(cluster: SlurmCluster, place: SlurmPlace) -> None:
    requests = [job(place, "echo ran", memory_per_cpu_mb=10) for _ in range(100)]

    ids = await asyncio.gather(*(cluster.submit(request) for request in requests))

    assert len(set(ids)) == len(requests)
    for request in requests:
        assert (await until(cluster, request.tag)).state is RunState.COMPLETED
        assert cluster.output_path(request.tag).read_text() == "ran\n"


async def test_a_job_goes_on_while_the_controller_is_dead_and_its_end_is_not_lost(own_place: SlurmPlace) -> None:
    cluster, lab = own_place.open(), own_place.lab
    mark = uuid.uuid4().hex
    script = "echo ready; while [[ ! -e /dev/shm/$MARK ]]; do sleep 0.05; done; exit 6"
    request = job(own_place, script, environment={"MARK": mark})
    await start(cluster, request)

    await asyncio.to_thread(lab.kill_controller)
    with pytest.raises(ClusterError) as failure:
        await cluster.find(request.tag)
    assert failure.value.transient
    with pytest.raises(ClusterError) as failure:
        await cluster.submit(job(own_place, "true"))
    assert failure.value.transient

    flag = Path("/dev/shm") / mark  # noqa: S108 - the job runs as another user, in another folder
    flag.touch()
    try:
        await until_recorded(cluster, own_place, request)
        await asyncio.to_thread(lab.start_controller)
        ended = await until(place_again(own_place), request.tag)
    finally:
        flag.unlink()

    assert (ended.state, ended.exit_code) == (RunState.FAILED, 6)


def place_again(place: SlurmPlace) -> SlurmCluster:
    """A restarted supervisor that waits only seconds for Slurm to agree with a record."""
    return place.open(settle_seconds=2.0)


async def until_recorded(cluster: SlurmCluster, place: SlurmPlace, request: JobRequest) -> None:
    """Return once the job's wrapper has written the end into its record."""
    record = place.spool / str(request.tag) / "record"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "ended_at" not in record.read_text():
            await cluster.changed(0.2)


async def test_an_admins_cancel_is_not_the_customers(cluster: SlurmCluster, place: SlurmPlace) -> None:
    request = job(place, FOREVER)
    job_id = await start(cluster, request)

    await admin(place, "scancel", job_id)

    await until_polled(cluster, request, RunState.LOST)


async def test_a_requeued_job_runs_again_and_only_that_run_counts(cluster: SlurmCluster, place: SlurmPlace) -> None:
    request = job(place, "echo ready; ((SLURM_RESTART_COUNT)) && exit 5; sleep 100000")
    job_id = await start(cluster, request)
    first = await cluster.find(request.tag)
    assert first is not None

    await admin(place, "scontrol", "requeue", job_id)
    await until_polled(cluster, request, RunState.QUEUED)
    await until_seconds_after(place, datetime.now(UTC).timestamp(), seconds=2)  # sooner no node would launch it again
    await admin(place, "scontrol", "update", f"JobId={job_id}", "StartTime=now")

    await until_polled(cluster, request, RunState.FAILED)
    ended = await cluster.find(request.tag)
    assert ended is not None
    assert ended.exit_code == 5
    assert ended.started_at is not None
    assert first.started_at is not None
    assert ended.started_at > first.started_at


async def test_suspended_time_is_told_apart(cluster: SlurmCluster, place: SlurmPlace) -> None:
    request = job(place, "echo ready; while [[ ! -e go ]]; do sleep 0.05; done")
    job_id = await start(cluster, request)

    await admin(place, "scontrol", "suspend", job_id)
    suspended = await cluster.find(request.tag)
    assert suspended is not None
    assert suspended.state is RunState.SUSPENDED
    since = await asyncio.to_thread(place.lab.suspended_since, job_id)
    await until_seconds_after(place, since, seconds=3)
    await admin(place, "scontrol", "resume", job_id)
    (place.spool / str(request.tag) / "work" / "go").touch()

    ended = await until(cluster, request.tag)
    assert ended.state is RunState.COMPLETED
    assert ended.suspended_seconds >= 2


async def until_seconds_after(place: SlurmPlace, moment: float, seconds: int) -> None:
    """Return once the machine's clock, in whose seconds Slurm thinks, is so far beyond the moment."""
    await asyncio.to_thread(
        place.lab.wait_until, lambda: datetime.now(UTC).timestamp() > moment + seconds, f"{seconds} s have passed"
    )


async def test_a_failed_node_is_the_clusters_fault(own_place: SlurmPlace) -> None:
    cluster = own_place.open(extra_options=("--no-requeue",))
    request = job(own_place, "hostname; echo on $SLURMD_NODENAME; echo ready; sleep 100000")
    await start(cluster, request)
    node = cluster.output_path(request.tag).read_text().split("on ")[1].split()[0]

    await asyncio.to_thread(own_place.lab.kill_node, node)
    await admin(own_place, "scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")

    await until_polled(cluster, request, RunState.LOST)
    states = {machine.name: machine.state for machine in await cluster.nodes()}
    assert states == {name: NodeState.DOWN if name == node else NodeState.UP for name in own_place.lab.nodes}


async def test_a_job_that_no_node_could_start_may_be_submitted_once_more(own_place: SlurmPlace) -> None:
    cluster = own_place.open(extra_options=("--hold",))
    request = job(own_place, "echo hello")
    held = await cluster.submit(request)
    folder = own_place.spool / str(request.tag)
    folder.chmod(0)  # no node gets at the job's files
    await admin(own_place, "scontrol", "release", held)
    await until_polled(cluster, request, RunState.UNSTARTED)
    folder.chmod(0o711)

    await cluster.forget(request.tag)
    restarted = own_place.open()
    again = await restarted.submit(request)
    ended = await until(restarted, request.tag)

    assert again != held
    assert (ended.id, ended.state) == (again, RunState.COMPLETED)
    assert restarted.output_path(request.tag).read_text() == "hello\n"


async def test_drained_nodes_are_told_apart(own_place: SlurmPlace) -> None:
    node = own_place.lab.nodes[1]

    await admin(own_place, "scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=State=IDLE")

    states = {machine.name: machine.state for machine in await own_place.open().nodes()}
    assert states == {name: NodeState.DRAINED if name == node else NodeState.UP for name in own_place.lab.nodes}


@pytest.mark.parametrize("with_history", [True, False])
async def test_what_the_controller_forgot_is_still_known(with_history: bool) -> None:
    with slurm_lab(with_history=with_history, minimum_job_age_seconds=2) as lab:
        place = SlurmPlace(lab)
        cluster = place.open()
        request = job(place, "exit 9")
        job_id = await cluster.submit(request)
        first = await until(cluster, request.tag)

        await asyncio.to_thread(
            lab.wait_until,
            lambda: job_id not in lab.run("squeue", "-h", "-t", "all", "-o", "%i"),
            "the job is forgotten",
        )

        again = await cluster.find(request.tag)
        assert again is not None
        assert (again.state, again.exit_code, again.id) == (first.state, 9, job_id)


async def test_the_job_of_another_account_with_our_tag_is_not_ours(cluster: SlurmCluster, place: SlurmPlace) -> None:
    tag = job(place, "true").tag
    foreign = ["--uid=daemon", "--gid=daemon", "--chdir=/", "--output=/dev/null"]

    await admin(place, "sbatch", *foreign, f"--comment={tag}", f"--job-name={tag}", "--wrap=sleep 30")

    assert await cluster.find(tag) is None
    assert list(await cluster.jobs()) == []


async def test_a_job_that_renames_itself_is_still_known_and_poses_as_no_other(
    cluster: SlurmCluster, place: SlurmPlace
) -> None:
    other = job(place, "true")
    mask = f"scontrol update JobId=$SLURM_JOB_ID Comment={other.tag} JobName={other.tag}"
    request = job(place, f"{mask}; exit 3")

    ended, output = await run(cluster, request)

    assert (ended.state, ended.exit_code, output) == (RunState.FAILED, 3, "")
    assert await cluster.find(other.tag) is None


async def test_a_jobs_output_cannot_be_turned_into_a_window_to_our_files(
    cluster: SlurmCluster, place: SlurmPlace
) -> None:
    request = job(place, "ln -sf /etc/shadow ../output; rm -f ../output; mv ../output ../x; cat ../facts.jsonl; exit 0")

    _, output = await run(cluster, request)

    assert not cluster.output_path(request.tag).is_symlink()
    assert output.count("ermission denied") == 4


async def test_a_partition_that_is_not_there_is_told_with_the_command(place: SlurmPlace) -> None:
    (finding,) = await place.open(partition="nowhere").check()

    assert "nowhere" in finding
    assert "scontrol create PartitionName=nowhere" in finding


async def test_a_partition_that_does_not_let_us_in_is_told_with_the_command(place: SlurmPlace) -> None:
    (finding,) = await place.open(partition="closed").check()

    assert "AllowGroups=ALL" in finding


async def test_a_spool_that_the_account_cannot_reach_is_told_with_the_command(
    place: SlurmPlace, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    (finding,) = await place.open(spool=closed / "spool").check()

    assert "chmod o+x" in finding
    assert str(closed) in finding


async def test_an_account_that_is_not_there_is_an_error_with_the_command(place: SlurmPlace) -> None:
    with pytest.raises(ClusterError, match="useradd --system nobody-of-this-name"):
        place.open(user="nobody-of-this-name")


async def test_a_job_refused_by_slurm_leaves_nothing_in_the_spool(place: SlurmPlace) -> None:
    cluster = place.open(partition="closed")
    request = job(place, "true")

    with pytest.raises(ClusterError) as refusal:
        await cluster.submit(request)

    assert not refusal.value.transient
    assert "group not permitted" in str(refusal.value)
    assert [path.name for path in place.spool.iterdir()] == ["events"]
