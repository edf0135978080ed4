"""`dps job`: everything after the submission."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from deepsquare.cli.exits import ExitCode
from deepsquare.sdk.job import AsyncJob
from tests.cli.driver import dps
from tests.support.file_server import Answer, file_server
from tests.support.local_grid import ENDLESS, HELLO, RunningGrid


@pytest.fixture(scope="module")
def finished(grid: RunningGrid) -> str:
    """A job that is FINISHED."""
    answer = dps("submit", "-", "--name", "done", "--json", environment=grid.environment, stdin=HELLO)
    job = str(answer.json["job"])
    assert dps("job", "watch", job, "--quiet", environment=grid.environment).exit_code == ExitCode.OK
    return job


@pytest.fixture
def endless(grid: RunningGrid) -> Iterator[str]:
    """A job that runs until somebody ends it."""
    events = ENDLESS
    job = dps("submit", "-", "--credits", "10", environment=grid.environment, stdin=events).stdout.strip()
    yield job
    dps("job", "cancel", job, "--wait", environment=grid.environment)


@pytest.fixture
def waiting(grid: RunningGrid) -> Iterator[str]:
    """A job that no provider can run."""
    arguments = ("--use", "zone=nowhere", "--wait-for-provider", "--credits", "1")
    job = dps("submit", "-", *arguments, environment=grid.environment, stdin=HELLO).stdout.strip()
    yield job
    dps("job", "cancel", job, environment=grid.environment)


def test_the_list_has_the_newest_job_first(grid: RunningGrid, finished: str) -> None:
    jobs = dps("job", "list", "--all", "--json", environment=grid.environment).json
    numbers = [job["job"] for job in jobs]
    assert numbers == sorted(numbers, reverse=True)
    assert int(finished) in numbers


def test_the_list_is_a_table_for_people(grid: RunningGrid, finished: str) -> None:
    table = dps("job", "list", "--all", environment=grid.environment).stdout
    assert any(line.split()[:3] == [finished, "done", "FINISHED"] for line in table.splitlines())


def test_show_has_state_exit_code_and_a_bill_that_adds_up(grid: RunningGrid, finished: str) -> None:
    job = dps("job", "show", finished, "--json", environment=grid.environment).json
    assert (job["status"], job["exit_code"]) == ("FINISHED", 0)
    bill = {name: float(job["bill"][name]) for name in ("locked", "paid", "fee", "refunded")}
    assert bill["locked"] == pytest.approx(bill["paid"] + bill["fee"] + bill["refunded"])


def test_logs_are_the_jobs_output_byte_for_byte(grid: RunningGrid, finished: str) -> None:
    answer = dps("job", "logs", finished, environment=grid.environment)
    assert answer.stdout == "Running: hello\nHello World\n"


def test_following_the_logs_ends_with_the_job(grid: RunningGrid, finished: str) -> None:
    pieces = dps("job", "logs", "--follow", finished, "--json", environment=grid.environment).events
    assert "".join(piece["text"] for piece in pieces).endswith("Hello World\n")


def test_ctrl_c_ends_the_following_of_a_jobs_output_and_says_that_the_job_goes_on(
    grid: RunningGrid, endless: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(*_: object, **_named: object) -> AsyncIterator[bytes]:
        yield b"first\n"
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    monkeypatch.setattr(AsyncJob, "logs", interrupted)
    answer = dps("job", "logs", "-f", endless, environment=grid.environment)
    assert (answer.exit_code, answer.stdout) == (ExitCode.INTERRUPTED, "first\n")
    assert f"job {endless} goes on: dps job logs -f {endless}, dps job cancel {endless}" in answer.stderr


def test_the_output_of_a_job_is_for_its_customer_alone(grid: RunningGrid, finished: str) -> None:
    answer = dps("job", "logs", finished, environment={**grid.environment, "DEEPSQUARE_KEY": "12" * 32})
    assert answer.exit_code == ExitCode.REFUSED_BY_GATEWAY
    assert answer.stdout == ""


@pytest.mark.parametrize("command", ["show", "logs", "watch", "cancel", "explain"])
def test_a_job_that_does_not_exist_is_not_found(grid: RunningGrid, command: str) -> None:
    answer = dps("job", command, "999999", environment=grid.environment)
    assert answer.exit_code == ExitCode.NOT_FOUND


def test_cancelling_a_job_and_waiting_ends_with_its_bill(grid: RunningGrid, endless: str) -> None:
    answer = dps("job", "cancel", endless, "--wait", environment=grid.environment)
    assert answer.stdout == "CANCELLED\n"
    assert "Bill:" in answer.stderr


def test_a_cancelled_job_ends_whoever_watches_it_with_its_outcome(grid: RunningGrid, waiting: str) -> None:
    dps("job", "cancel", waiting, environment=grid.environment)
    assert dps("job", "watch", waiting, environment=grid.environment).exit_code == ExitCode.JOB_CANCELLED


def test_only_its_customer_cancels_a_job(grid: RunningGrid, endless: str) -> None:
    answer = dps("job", "cancel", endless, environment={**grid.environment, "DEEPSQUARE_KEY": "12" * 32})
    assert answer.exit_code == ExitCode.REFUSED_BY_CHAIN
    assert "next: name its customer's wallet with --keystore" in answer.stderr


def test_a_job_that_is_over_cannot_be_extended(grid: RunningGrid, finished: str) -> None:
    answer = dps("job", "top-up", finished, "1", environment=grid.environment)
    assert answer.exit_code == ExitCode.REFUSED_BY_CHAIN
    assert "next: its bill is final: submit it again" in answer.stderr


def test_a_job_that_waits_needs_no_top_up_and_says_when_it_takes_one(grid: RunningGrid, waiting: str) -> None:
    answer = dps("job", "top-up", waiting, "1", environment=grid.environment)
    assert answer.exit_code == ExitCode.REFUSED_BY_CHAIN
    assert "next: it uses nothing while it waits: top it up once a provider has claimed it" in answer.stderr


def test_a_job_that_waits_is_shown_with_credits_that_are_yet_to_come_back(grid: RunningGrid, waiting: str) -> None:
    shown = dps("job", "show", waiting, environment=grid.environment).stdout
    assert "1 credit locked, none used; what the job does not use comes back when it is over" in shown
    assert "refunded" not in shown


def test_a_waiting_job_is_explained_provider_by_provider(grid: RunningGrid, waiting: str) -> None:
    answer = dps("job", "explain", waiting, "--json", environment=grid.environment).json
    assert sorted(row["message"] for row in answer["candidates"]) == [
        "needs zone=nowhere; has zone=left",
        "needs zone=nowhere; has zone=right",
    ]
    assert all(row["help"] for row in answer["candidates"])


def test_the_meta_scheduler_itself_explains_a_waiting_job_where_its_door_is_known(
    grid: RunningGrid, waiting: str
) -> None:
    reason = {"provider": grid.provider, "chosen": False, "offers": False, "rule": "drained", "expected_start": None}
    reason |= {"message": "all of its machines are drained", "help": "wait until it takes jobs again"}
    with file_server() as door:
        door.serve(f"/v1/jobs/{waiting}/reasons", json.dumps({"answers": [reason]}).encode())
        arguments = ("--scheduler", door.address, "--json")
        answer = dps("job", "explain", waiting, *arguments, environment=grid.environment)
    (row,) = answer.json["candidates"]
    assert (row["message"], row["help"]) == (reason["message"], reason["help"])
    assert answer.stderr.splitlines() == [f"Job {waiting} is PENDING: it starts as soon as one of these can take it."]


def assert_explained_from_the_chain(grid: RunningGrid, job: str, door: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = dps("job", "explain", job, "--scheduler", door, "--json", environment=grid.environment)
    assert answer.exit_code == ExitCode.OK
    assert sorted(row["message"] for row in answer.json["candidates"]) == [
        "needs zone=nowhere; has zone=left",
        "needs zone=nowhere; has zone=right",
    ]
    assert "these are the reasons as far as the chain alone tells" in caplog.text


@pytest.mark.parametrize(
    "said", [Answer(b"hello"), Answer(b'{"answers": 7}'), Answer(b"", 503), Answer(b"{", is_cut=True)]
)
def test_a_waiting_job_is_explained_from_the_chain_where_the_door_makes_no_sense(
    grid: RunningGrid, waiting: str, said: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    with file_server() as door:
        door.serve(f"/v1/jobs/{waiting}/reasons", said)
        assert_explained_from_the_chain(grid, waiting, door.address, caplog)
        assert door.requests


def test_a_waiting_job_is_explained_from_the_chain_where_nobody_is_at_the_door(
    grid: RunningGrid, waiting: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as deaf:
        # Bound, but it does not listen: whoever connects is refused.
        deaf.bind(("127.0.0.1", 0))
        assert_explained_from_the_chain(grid, waiting, f"http://127.0.0.1:{deaf.getsockname()[1]}", caplog)


def test_a_cancelled_job_is_explained_in_words(grid: RunningGrid, waiting: str) -> None:
    dps("job", "cancel", waiting, environment=grid.environment)
    answer = dps("job", "explain", waiting, environment=grid.environment)
    assert answer.stdout == f"Job {waiting} was cancelled.\n"


def test_a_job_that_failed_is_explained_on_one_line_with_the_command_that_shows_more(grid: RunningGrid) -> None:
    failing = HELLO.replace('echo "Hello World"', "echo oh; exit 7")
    job = dps("submit", "-", "--json", environment=grid.environment, stdin=failing).json["job"]
    dps("job", "watch", job, environment=grid.environment)
    answer = dps("job", "explain", job, environment=grid.environment)
    assert len(answer.stdout.splitlines()) == 1
    assert f"dps job logs {job}" in answer.stdout


def test_the_first_state_of_a_watched_job_bears_the_time_of_the_state(grid: RunningGrid, finished: str) -> None:
    ended_at = dps("job", "show", finished, "--json", environment=grid.environment).json["ended_at"]
    events = dps("job", "watch", finished, "--json", environment=grid.environment).events
    assert [event["at"] for event in events if event["event"] == "state"] == [ended_at]


def test_a_job_that_is_over_is_explained_in_words(grid: RunningGrid, finished: str) -> None:
    assert dps("job", "explain", finished, environment=grid.environment).stdout == f"Job {finished} is done.\n"


def test_a_job_may_be_named_as_published_clients_name_it(grid: RunningGrid, finished: str) -> None:
    number = f"0x{int(finished):064x}"
    assert dps("job", "show", number, "--json", environment=grid.environment).json["job"] == int(finished)
