"""What the examples do not show: waiting with an end, closing, two faces of one core."""

import asyncio
import inspect
from collections.abc import Iterable
from pathlib import Path

import pytest

from deepsquare.model import Job, JobId, Label
from deepsquare.sdk import AsyncClient, AsyncJob, Client, InvalidWorkflow, JobHandle, NoProvider, NotFound, NotInTime
from deepsquare.sdk.configuration import load
from tests.support.git_server import GitRepository
from tests.support.local_grid import ENDLESS, HELLO, RunningGrid


@pytest.mark.parametrize(("one", "other"), [(AsyncClient, Client), (AsyncJob, JobHandle)])
def test_both_faces_have_the_same_methods_and_arguments(one: type, other: type) -> None:
    def methods(owner: type) -> dict[str, list[str]]:
        members = inspect.getmembers(owner, inspect.isfunction)
        return {name: list(inspect.signature(call).parameters) for name, call in members if not name.startswith("_")}

    assert methods(one) == methods(other)


async def test_a_wait_that_is_too_short_says_so_and_the_job_goes_on(grid: RunningGrid) -> None:
    async with AsyncClient(grid.configuration) as client:
        job = await client.submit(ENDLESS, credits=10)
        with pytest.raises(NotInTime):
            await job.wait(timeout_seconds=0)
        assert (await job.read()).status.is_hot
        await job.cancel()


async def test_jobs_submitted_side_by_side_share_the_allowance_without_a_quarrel(grid: RunningGrid) -> None:
    async with AsyncClient(grid.configuration) as client:
        await client.allow(0)
        jobs = await asyncio.gather(*(client.submit(HELLO, credits=1, name=f"job {n}") for n in range(4)))
        ended = [await job.wait() for job in jobs]
        assert {job.status.name for job in ended} == {"FINISHED"}
        assert len({job.id for job in ended}) == 4


async def test_a_job_that_nobody_can_run_is_refused_before_anything_is_locked(grid: RunningGrid) -> None:
    async with AsyncClient(grid.configuration) as client:
        before = await client.balance()
        with pytest.raises(NoProvider) as refused:
            await client.submit(HELLO, credits=1, uses=[Label("zone", "nowhere")])
        assert len(refused.value.reasons) == 2
        assert await client.balance() == before


async def test_a_submission_reads_nobodys_jobs(grid: RunningGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_ids: Iterable[JobId]) -> list[Job]:
        raise AssertionError("a customer of a busy grid would read thousands")

    async with AsyncClient(grid.configuration) as client:
        monkeypatch.setattr(await client.connection.ledger(), "jobs", never)
        await client.submit(HELLO, credits=1)


async def test_a_workflow_may_be_a_path_a_text_or_a_structure(grid: RunningGrid, tmp_path: Path) -> None:
    file = tmp_path / "hello.yaml"
    file.write_text(HELLO, encoding="utf-8")
    structure = {
        "resources": {"tasks": 1, "cpusPerTask": 1, "memPerCpu": 64, "gpus": 0},
        "steps": [{"run": {"command": "true"}}],
    }
    async with AsyncClient(grid.configuration) as client:
        for workflow in (file, HELLO, structure):
            assert (await client.prepare(workflow)).chosen is not None


async def test_a_workflow_with_modules_compiles_to_the_same_script_here_and_at_the_gateway_and_runs(
    grid: RunningGrid,
) -> None:
    module = "name: m\ninputs: [{key: WHO, description: d}]\nsteps: [{run: {command: echo $WHO}}]\n"
    repository = GitRepository(grid.mirror / "git.test" / "owner" / "repo")
    repository.commit({"module.yaml": module})
    workflow = (
        "enableLogging: true\nresources: {tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: 0}\n"
        "steps: [{use: {source: git.test/owner/repo, args: [{key: WHO, value: a module}]}}]\n"
    )
    environment = {**grid.environment, "DEEPSQUARE_MODULE_MIRROR": str(grid.mirror)}
    async with AsyncClient(load(environment=environment, folder=grid.folder)) as client:
        job = await client.submit(workflow, credits=1)
        output = b"".join([piece async for piece in job.logs(follow=True)])
        assert output == b"a module\n"
        assert (await job.wait()).status.name == "FINISHED"
    async with AsyncClient(grid.configuration) as client:
        with pytest.raises(InvalidWorkflow) as refused:
            await client.prepare(workflow)
    assert "modules are not fetched from git.test here" in refused.value.problems[0].message


async def test_without_an_amount_the_credits_pay_for_an_hour_at_the_cheapest(grid: RunningGrid) -> None:
    async with AsyncClient(grid.configuration) as client:
        draft = await client.prepare(HELLO)
        assert draft.price_per_minute is not None
        assert draft.locked == int(draft.price_per_minute * 60 * 10**18)


def test_a_closed_client_says_so(grid: RunningGrid) -> None:
    client = Client(grid.configuration)
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.balance()


def test_leaving_a_stream_early_ends_it(grid: RunningGrid) -> None:
    with Client(grid.configuration) as client:
        job = client.submit(ENDLESS, credits=10)
        for event in job.events():
            if event.status.name == "RUNNING":
                break
        job.cancel()
        assert job.wait().status.name == "CANCELLED"


def test_a_job_that_does_not_exist_is_not_found(grid: RunningGrid) -> None:
    with Client(grid.configuration) as client, pytest.raises(NotFound):
        client.job(999_999).read()
