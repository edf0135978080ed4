"""What every cluster promises a supervisor. The same tests hold for the embedded cluster and for a real Slurm."""

import uuid
from typing import Any

import psutil
import pytest

from deepsquare.clusters.port import (
    Cluster,
    ClusterError,
    ClusterJobId,
    NodeState,
    RunState,
    SubmitRefused,
    UnknownClusterJob,
)
from tests.clusters.places import OUTPUT_LIMIT_BYTES, PATIENCE_SECONDS, Place, job, printed, run, until
from tests.support.processes import left_of

FOREVER = "sleep 100000"


async def test_nothing_is_missing_on_a_good_site(cluster: Cluster) -> None:
    assert list(await cluster.check()) == []


async def test_the_machines_are_told_with_their_resources(cluster: Cluster, place: Place) -> None:
    assert list(await cluster.nodes()) == list(place.nodes)
    assert all(node.state is NodeState.UP for node in place.nodes)


async def test_labels_have_standard_keys_and_plain_values(cluster: Cluster) -> None:
    labels = {label.key: label.value for label in await cluster.labels()}

    assert {"os", "arch"} <= labels.keys() <= {"os", "arch", "cpu", "cpu.microarch", "gpu"}
    assert all(value == value.lower() and " " not in value for value in labels.values())


async def test_a_job_that_succeeds_is_completed(cluster: Cluster, place: Place) -> None:
    ended, output = await run(cluster, job(place, "echo hello"))

    assert (ended.state, ended.exit_code, output) == (RunState.COMPLETED, 0, "hello\n")
    assert ended.started_at is not None
    assert ended.ended_at is not None
    assert ended.started_at <= ended.ended_at


@pytest.mark.parametrize("code", [1, 3, 255])
async def test_a_job_that_fails_keeps_its_exit_code(cluster: Cluster, place: Place, code: int) -> None:
    ended, _ = await run(cluster, job(place, f"exit {code}"))

    assert (ended.state, ended.exit_code) == (RunState.FAILED, code)


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("KILL", 137), ("SEGV", 139)])
async def test_a_job_killed_by_a_signal_ends_with_128_plus_its_number(
    cluster: Cluster, place: Place, name: str, code: int
) -> None:
    ended, _ = await run(cluster, job(place, f"ulimit -c 0; kill -{name} $$"))

    assert (ended.state, ended.exit_code) == (RunState.FAILED, code)


async def test_output_and_errors_are_one_stream_in_order(cluster: Cluster, place: Place) -> None:
    _, output = await run(cluster, job(place, "echo one; echo two >&2; echo three"))

    assert output == "one\ntwo\nthree\n"


async def test_a_job_sees_the_sites_variables_as_they_are(cluster: Cluster, place: Place) -> None:
    value = "a b,c='d' $HOME \"e\"\nf"

    request = job(place, 'printf %s "$DEEPSQUARE_SITE_X"', environment={"DEEPSQUARE_SITE_X": value})

    _, output = await run(cluster, request)

    assert output == value


async def test_a_job_does_not_see_the_supervisors_environment(
    cluster: Cluster, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSQUARE_PRIVATE_KEY", "secret")

    _, output = await run(cluster, job(place, "env; srun env"))

    assert "PATH=" in output
    assert "secret" not in output


async def test_a_job_knows_its_name_and_its_shape(cluster: Cluster, place: Place) -> None:
    request = job(
        place, "echo $SLURM_JOB_NAME/$SLURM_NTASKS/$SLURM_CPUS_PER_TASK", name="my job; true", tasks=2, cpus_per_task=2
    )

    _, output = await run(cluster, request)

    assert output == "my job; true/2/2\n"


async def test_a_job_begins_in_a_folder_that_it_may_write(cluster: Cluster, place: Place) -> None:
    ended, output = await run(cluster, job(place, "echo x >file && cat file"))

    assert (ended.exit_code, output) == (0, "x\n")


async def test_srun_runs_every_task_with_its_own_rank(cluster: Cluster, place: Place) -> None:
    options = "--ntasks=4 --cpus-per-task=1 --mpi=none --cpu-bind=none --export=ALL,X=y"
    script = f"srun {options} bash -c 'echo $SLURM_PROCID/$SLURM_NTASKS/$X'"

    _, output = await run(cluster, job(place, script, tasks=4))

    assert sorted(output.split()) == ["0/4/y", "1/4/y", "2/4/y", "3/4/y"]


async def test_srun_returns_the_highest_exit_code_of_its_tasks(cluster: Cluster, place: Place) -> None:
    ended, _ = await run(cluster, job(place, "srun bash -c 'exit $((SLURM_PROCID * 2))'", tasks=3))

    assert (ended.state, ended.exit_code) == (RunState.FAILED, 4)


async def test_srun_gives_its_input_to_every_task(cluster: Cluster, place: Place) -> None:
    _, output = await run(cluster, job(place, "echo hello | srun cat", tasks=2))

    assert output == "hello\nhello\n"


async def test_a_job_sees_the_gpus_it_asked_for(cluster: Cluster, place: Place) -> None:
    _, output = await run(cluster, job(place, "echo [$CUDA_VISIBLE_DEVICES]", gpus=2))

    assert output == "[0,1]\n"


async def test_a_job_over_its_memory_is_out_of_memory_also_when_its_script_goes_on(
    cluster: Cluster, place: Place
) -> None:
    hungry = "python3 -c 'import time; x = bytearray(300 << 20); time.sleep(20)' || true; exit 0"

    ended, _ = await run(cluster, job(place, hungry))

    assert (ended.state, ended.exit_code) == (RunState.OUT_OF_MEMORY, 137)


@pytest.mark.timeout(300)
async def test_a_job_that_reaches_its_time_limit_is_stopped(
    cluster: Cluster, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.clusters.places.PATIENCE_SECONDS", 3 * PATIENCE_SECONDS)

    ended, _ = await run(cluster, job(place, FOREVER, time_limit_minutes=1))

    assert ended.state is RunState.TIMEOUT
    assert ended.started_at is not None
    assert ended.ended_at is not None
    assert (ended.ended_at - ended.started_at).total_seconds() >= place.minute_seconds - 1


@pytest.mark.timeout(300)
async def test_a_raised_time_limit_counts_from_the_start(
    cluster: Cluster, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.clusters.places.PATIENCE_SECONDS", 3 * PATIENCE_SECONDS)
    # Slurm looks at time limits every half minute: only a job that runs for so long was really prolonged.
    request = job(place, f"sleep {1.6 * place.minute_seconds}; echo done", time_limit_minutes=1)
    job_id = await cluster.submit(request)
    await until(cluster, request.tag, RunState.RUNNING)

    await cluster.set_time_limit(job_id, 10)
    await cluster.set_time_limit(job_id, 10)

    ended = await until(cluster, request.tag)
    assert ended.state is RunState.COMPLETED


async def test_a_time_limit_can_be_set_while_the_job_waits(cluster: Cluster, place: Place) -> None:
    first = await _fill(cluster, place)
    waiting = job(place, "true")
    job_id = await cluster.submit(waiting)

    await cluster.set_time_limit(job_id, 5)

    await cluster.cancel(first)
    assert (await until(cluster, waiting.tag)).state is RunState.COMPLETED


async def test_jobs_wait_for_room_and_start_when_there_is_some(cluster: Cluster, place: Place) -> None:
    first = await _fill(cluster, place)
    waiting = job(place, "true")
    await cluster.submit(waiting)
    await until(cluster, waiting.tag, RunState.QUEUED)

    await cluster.cancel(first)

    assert (await until(cluster, waiting.tag)).state is RunState.COMPLETED


async def test_a_waiting_job_that_is_cancelled_never_starts(cluster: Cluster, place: Place) -> None:
    first = await _fill(cluster, place)
    waiting = job(place, "echo started")
    job_id = await cluster.submit(waiting)

    await cluster.cancel(job_id)

    ended = await until(cluster, waiting.tag)
    await cluster.cancel(first)
    assert (ended.state, ended.started_at) == (RunState.CANCELLED, None)
    assert cluster.output_path(waiting.tag).read_text() == ""


async def test_a_running_job_that_is_cancelled_is_told_first(cluster: Cluster, place: Place) -> None:
    # In a loop: the signal may end the sleep, and with it the wait, just before the shell has its own.
    request = job(place, "trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 1000 & wait; done")
    job_id = await cluster.submit(request)
    await until(cluster, request.tag, RunState.RUNNING)
    await printed(cluster, request, "ready")

    await cluster.cancel(job_id)

    ended = await until(cluster, request.tag)
    assert (ended.state, ended.exit_code) == (RunState.CANCELLED, 7)
    assert "told" in cluster.output_path(request.tag).read_text()


async def test_a_job_that_ignores_term_is_killed(cluster: Cluster, place: Place) -> None:
    request = job(place, f"trap '' TERM; echo ready; {FOREVER}")
    job_id = await cluster.submit(request)
    await until(cluster, request.tag, RunState.RUNNING)
    await printed(cluster, request, "ready")

    await cluster.cancel(job_id)

    assert (await until(cluster, request.tag)).state is RunState.CANCELLED


async def test_cancelling_what_is_over_does_nothing(cluster: Cluster, place: Place) -> None:
    request = job(place, "true")
    job_id = await cluster.submit(request)
    await until(cluster, request.tag)

    await cluster.cancel(job_id)

    found = await cluster.find(request.tag)
    assert found is not None
    assert found.state is RunState.COMPLETED


async def test_nothing_that_a_job_started_outlives_it(cluster: Cluster, place: Place) -> None:
    mark = f"{uuid.uuid4().int % 10**9}.5"  # seconds to sleep that nobody else sleeps
    detached = f"(sleep {mark} & setsid sleep {mark} & setsid bash -c 'sleep {mark} & disown; exit' &)"

    ended, _ = await run(cluster, job(place, f"{detached}; nohup sleep {mark} & exit 4"))

    left = [process for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or [])]
    assert left_of(left, PATIENCE_SECONDS) == []
    assert ended.exit_code == 4


async def test_a_hundred_megabytes_of_output_are_cut_and_the_end_is_kept(cluster: Cluster, place: Place) -> None:
    ended, output = await run(cluster, job(place, "echo first; yes | head -c 100000000; echo last"))

    assert ended.state is RunState.COMPLETED
    assert output.startswith("first\n")
    assert f"[deepsquare] output cut here after {OUTPUT_LIMIT_BYTES} bytes" in output
    assert output.endswith("last\n")
    assert len(output) < OUTPUT_LIMIT_BYTES + 32_768


async def test_a_restarted_supervisor_finds_its_jobs_by_tag(cluster: Cluster, place: Place) -> None:
    request = job(place, FOREVER)
    job_id = await cluster.submit(request)
    await until(cluster, request.tag, RunState.RUNNING)

    restarted = place.open()

    found = await restarted.find(request.tag)
    assert found is not None
    assert (found.id, found.state) == (job_id, RunState.RUNNING)
    assert [known.tag for known in await restarted.jobs()] == [request.tag]
    await restarted.cancel(job_id)
    assert (await until(restarted, request.tag)).state is RunState.CANCELLED


async def test_a_job_whose_answer_was_lost_is_found_and_never_runs_twice(cluster: Cluster, place: Place) -> None:
    request = job(place, "echo ran")
    await place.submit_and_lose_the_answer(request)

    found = await cluster.find(request.tag)
    again = await cluster.submit(request)

    assert found is not None
    assert found.id == again
    await until(cluster, request.tag)
    assert cluster.output_path(request.tag).read_text() == "ran\n"


async def test_nothing_is_known_of_a_job_that_was_never_submitted(cluster: Cluster, place: Place) -> None:
    assert await cluster.find(job(place, "true").tag) is None
    with pytest.raises(UnknownClusterJob):
        await cluster.cancel(ClusterJobId("999999999"))
    with pytest.raises(UnknownClusterJob):
        await cluster.set_time_limit(ClusterJobId("999999999"), 5)


async def test_the_time_limit_of_an_ended_job_cannot_be_set(cluster: Cluster, place: Place) -> None:
    request = job(place, "true")
    job_id = await cluster.submit(request)
    await until(cluster, request.tag)

    with pytest.raises(ClusterError) as refusal:
        await cluster.set_time_limit(job_id, 5)

    assert not refusal.value.transient


async def test_a_job_that_no_node_can_hold_is_refused(cluster: Cluster, place: Place) -> None:
    request = job(place, "true", cpus_per_task=1000)

    with pytest.raises(SubmitRefused):
        await cluster.submit(request)

    assert await cluster.find(request.tag) is None


@pytest.mark.parametrize(
    "change",
    [
        {"interpreter": ""},
        {"tasks": 0},
        {"time_limit_minutes": 0},
        {"gpus": -1},
        {"environment": {"A B": "c"}},
        {"environment": {"A": "\0"}},
        {"environment": {"SBATCH_ACCOUNT": "another"}},
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(cluster: Cluster, place: Place, change: dict[str, Any]) -> None:
    with pytest.raises(SubmitRefused):
        await cluster.submit(job(place, "true", **change))


async def test_what_is_forgotten_leaves_no_file(cluster: Cluster, place: Place) -> None:
    request = job(place, "echo x")
    await run(cluster, request)

    await cluster.forget(request.tag)
    await cluster.forget(request.tag)

    assert not cluster.output_path(request.tag).parent.exists()
    assert await cluster.find(request.tag) is None


async def test_a_living_job_cannot_be_forgotten(cluster: Cluster, place: Place) -> None:
    request = job(place, FOREVER)
    job_id = await cluster.submit(request)
    await until(cluster, request.tag, RunState.RUNNING)

    with pytest.raises(ClusterError):
        await cluster.forget(request.tag)

    await cluster.cancel(job_id)
    assert (await until(cluster, request.tag)).state is RunState.CANCELLED


async def _fill(cluster: Cluster, place: Place) -> ClusterJobId:
    """A running job that leaves no room on any node."""
    cpus = sum(node.resources.cpus for node in place.nodes)
    request = job(place, FOREVER, tasks=cpus, memory_per_cpu_mb=10)
    job_id = await cluster.submit(request)
    await until(cluster, request.tag, RunState.RUNNING)
    return job_id
