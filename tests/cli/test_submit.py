"""`dps submit`: from a workflow to a job's end, and every way in which that can be refused."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepsquare.cli.exits import ExitCode
from deepsquare.cli.options import OBJECTIVE
from deepsquare.gateway.client import GatewayClient, Submission
from deepsquare.model import Address
from deepsquare.scheduling import Objective
from deepsquare.sdk.wallet import KEY_VARIABLE
from tests.cli.driver import dps
from tests.support.foreign_gateway import foreign_gateway
from tests.support.local_grid import HELLO, RunningGrid
from tests.support.registry import Image, Registry

FAILING = HELLO.replace('echo "Hello World"', "exit 7")


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    file = tmp_path / "hello.yaml"
    file.write_text(HELLO, encoding="utf-8")
    return file


def test_stdout_is_the_jobs_number_and_nothing_else(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, environment=grid.environment)
    assert answer.exit_code == ExitCode.OK
    assert answer.stdout.strip().isdigit()


def test_the_candidates_are_shown_with_the_chosen_one_first(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--dry-run", "--json", environment=grid.environment)
    chosen, other = answer.json["candidates"]
    assert chosen["chosen"]
    assert not other["chosen"]
    assert float(chosen["price_per_minute"]) < float(other["price_per_minute"])
    assert "CHOSEN" in answer.stderr


def test_an_estimate_needs_no_wallet_and_names_each_provider(grid: RunningGrid, hello: Path) -> None:
    stranger = {name: value for name, value in grid.environment.items() if name != KEY_VARIABLE}
    answer = dps("estimate", hello, "--json", environment=stranger)
    assert answer.exit_code == ExitCode.OK
    chosen, other = answer.json
    assert chosen["chosen"]
    assert float(chosen["price_per_minute"]) < float(other["price_per_minute"])


def test_an_estimate_of_what_nobody_can_run_says_why(grid: RunningGrid, hello: Path) -> None:
    answer = dps("estimate", hello, "--affinity", "zone==nowhere", "--json", environment=grid.environment)
    assert answer.exit_code == ExitCode.NO_PROVIDER
    assert [row["rule"] for row in answer.json] == ["affinity", "affinity"]


def test_an_estimate_of_what_nobody_can_run_says_each_reason_once(grid: RunningGrid, hello: Path) -> None:
    answer = dps("estimate", hello, "--affinity", "zone==nowhere", environment=grid.environment)
    assert answer.exit_code == ExitCode.NO_PROVIDER
    assert (answer.stdout + answer.stderr).count("needs zone == nowhere") == 2
    assert (answer.stdout + answer.stderr).count("drop or loosen this rule") == 1
    assert "next: drop or loosen this rule" in answer.stderr


def test_an_objective_is_a_wish_that_every_provider_may_fulfil(grid: RunningGrid, hello: Path) -> None:
    answer = dps("estimate", hello, "--objective", "cost", "--json", environment=grid.environment)
    assert all(row["offers"] for row in answer.json)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--use", "objective=cheapest"], "'cheapest' is no objective"),
        (["--use", "objective=time", "--objective", "cost"], "two objectives: time and cost"),
    ],
)
@pytest.mark.parametrize("command", ["estimate", "submit"])
def test_an_objective_that_means_nothing_is_refused(
    grid: RunningGrid, hello: Path, command: str, options: list[str], told: str
) -> None:
    answer = dps(command, hello, *options, environment=grid.environment)
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION
    assert told in answer.stderr
    assert "cost, time, energy, balanced" in answer.stderr


def test_the_option_names_every_objective() -> None:
    assert list(OBJECTIVE.choices) == [str(objective) for objective in Objective]


def test_the_same_objective_twice_is_one(grid: RunningGrid, hello: Path) -> None:
    twice = ("--use", "objective=cost", "--objective", "cost")
    answer = dps("estimate", hello, *twice, "--json", environment=grid.environment)
    assert all(row["offers"] for row in answer.json)


def test_a_dry_run_locks_nothing_and_requests_nothing(grid: RunningGrid, hello: Path) -> None:
    before = dps("job", "list", "--all", "--json", environment=grid.environment).json
    dps("submit", hello, "--dry-run", environment=grid.environment)
    assert len(dps("job", "list", "--all", "--json", environment=grid.environment).json) == len(before)


def test_watching_shows_states_output_and_bill_and_ends_as_the_job(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--watch", environment=grid.environment)
    assert answer.exit_code == ExitCode.OK
    assert answer.stdout == "Running: hello\nHello World\n"
    for state in ("PENDING", "META_SCHEDULED", "SCHEDULED", "RUNNING", "FINISHED"):
        assert state in answer.stderr
    assert "locked =" in answer.stderr


def test_watching_with_json_is_one_stream_of_events(grid: RunningGrid, hello: Path) -> None:
    events = dps("submit", hello, "--watch", "--json", "--quiet", environment=grid.environment).events
    assert events[0]["event"] == "submitted"
    assert [event["status"] for event in events if event["event"] == "state"][-1] == "FINISHED"
    assert "".join(event["text"] for event in events if event["event"] == "output").endswith("Hello World\n")
    assert events[-1]["event"] == "bill"
    assert events[-1]["final"]


def test_a_watched_job_that_fails_ends_the_command_with_its_outcome(grid: RunningGrid) -> None:
    answer = dps("submit", "-", "--watch", environment=grid.environment, stdin=FAILING)
    assert answer.exit_code == ExitCode.JOB_FAILED
    assert "exit code 7" in answer.stderr


def test_the_output_of_a_job_that_fails_is_shown_once(grid: RunningGrid) -> None:
    text = HELLO.replace('echo "Hello World"', "echo only once; exit 7")
    answer = dps("submit", "-", "--watch", environment=grid.environment, stdin=text)
    assert answer.stdout.count("only once") == 1
    assert "only once" not in answer.stderr


def test_one_credit_is_a_credit(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--credits", "1", "--watch", environment=grid.environment)
    assert "with 1 credit locked." in answer.stderr
    assert "Bill: 1 credit locked = " in answer.stderr


def test_the_job_bears_the_files_name_unless_another_is_given(grid: RunningGrid, hello: Path) -> None:
    for arguments, name in (((), "hello"), (("--name", "other"), "other")):
        job = dps("submit", hello, *arguments, environment=grid.environment).stdout.strip()
        assert dps("job", "show", job, "--json", environment=grid.environment).json["name"] == name


def test_a_workflow_with_errors_is_refused_before_anybody_is_asked(hello: Path) -> None:
    hello.write_text("steps: 7\n", encoding="utf-8")
    answer = dps("submit", hello, environment={"DEEPSQUARE_KEY": "11" * 32, "DEEPSQUARE_RPC": "http://127.0.0.1:9"})
    assert answer.exit_code == ExitCode.INVALID_WORKFLOW
    assert f"{hello}:1:" in answer.stderr


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry(Image(layer=b"nothing")) as served:
        yield served


def run_in(image: str, file: Path) -> None:
    container = f"container: {{image: '{image}', apptainer: true}}"
    file.write_text(HELLO.replace('"}', f'", {container}}}'), encoding="utf-8")


def test_an_image_that_is_not_there_is_refused_before_a_job_is_requested(
    grid: RunningGrid, hello: Path, registry: Registry
) -> None:
    def numbers() -> list[int]:
        return [job["job"] for job in dps("job", "list", "--all", "--json", environment=grid.environment).json]

    before = numbers()
    run_in(f"{registry.address}/team/other:1", hello)
    answer = dps("submit", hello, "--wait-for-provider", environment=grid.environment)
    assert answer.exit_code == ExitCode.INVALID_WORKFLOW
    message = f"the registry {registry.address} has no image team/other:1"
    assert f"{hello}:6:59: error: steps[0].run.container.image: {message}; " in answer.stderr
    assert numbers() == before


@pytest.mark.parametrize("image", ["127.0.0.1:1/team/other:1", "/images/tools.sif"])
def test_an_image_that_nobody_can_be_asked_for_is_no_reason_to_refuse(
    grid: RunningGrid, hello: Path, image: str
) -> None:
    run_in(image, hello)
    answer = dps("submit", hello, "--wait-for-provider", "--dry-run", environment=grid.environment)
    assert answer.exit_code == ExitCode.OK
    assert "container.image" not in answer.stderr


def test_an_image_that_its_registry_does_not_show_is_a_warning(grid: RunningGrid, hello: Path) -> None:
    with Registry(Image(layer=b"nothing"), user="me", password="p4ss-word") as private:
        run_in(f"{private.address}/team/tools:1", hello)
        answer = dps("submit", hello, "--wait-for-provider", "--dry-run", environment=grid.environment)
    assert answer.exit_code == ExitCode.OK
    assert ": warning: steps[0].run.container.image: " in answer.stderr


def test_no_registry_is_asked_where_that_is_off(grid: RunningGrid, hello: Path, registry: Registry) -> None:
    run_in(f"{registry.address}/team/other:1", hello)
    terms = ("--wait-for-provider", "--dry-run")
    by_option = dps("submit", hello, *terms, "--image-check", "off", environment=grid.environment)
    by_variable = dps("submit", hello, *terms, environment={**grid.environment, "DEEPSQUARE_IMAGE_CHECK": "off"})
    assert by_option.exit_code == by_variable.exit_code == ExitCode.OK
    assert dps("validate", hello).exit_code == ExitCode.OK
    assert registry.requests == []


def test_a_label_decides_who_gets_the_job(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--use", "zone=right", "--dry-run", "--json", environment=grid.environment)
    assert [row["offers"] for row in answer.json["candidates"]] == [True, False]
    assert "needs zone=right; has zone=left" in answer.stderr


def test_no_provider_that_fits_is_refused_with_the_reason_of_each(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--affinity", "zone==nowhere", environment=grid.environment)
    assert answer.exit_code == ExitCode.NO_PROVIDER
    assert answer.stderr.count("needs zone == nowhere") == 2
    assert "queue" not in answer.stderr


def test_a_dry_run_of_a_job_that_nobody_can_run_ends_as_its_submission_would(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--affinity", "zone==nowhere", "--dry-run", "--json", environment=grid.environment)
    assert answer.exit_code == ExitCode.NO_PROVIDER
    assert [row["offers"] for row in answer.json["candidates"]] == [False, False]
    assert len(json.loads(answer.stderr.splitlines()[-1])["error"]["details"]) == 2


@pytest.mark.parametrize("said", [(), ("--quiet",)])
def test_a_dry_run_of_a_job_that_nobody_can_run_says_each_reason_once(
    grid: RunningGrid, hello: Path, said: tuple[str, ...]
) -> None:
    answer = dps("submit", hello, "--affinity", "zone==nowhere", "--dry-run", *said, environment=grid.environment)
    assert answer.stderr.count("needs zone == nowhere") == 2
    assert answer.stderr.count("drop or loosen this rule") == 1


def test_a_dry_run_of_a_job_that_is_to_wait_says_once_what_would_help(grid: RunningGrid, hello: Path) -> None:
    wishes = ("--affinity", "zone==nowhere", "--wait-for-provider", "--dry-run")
    answer = dps("submit", hello, *wishes, environment=grid.environment)
    assert answer.stderr.count("What would help: drop or loosen this rule") == 1


def test_a_job_that_waits_for_a_provider_locks_what_an_hour_costs(grid: RunningGrid, hello: Path) -> None:
    arguments = ("--affinity", "zone==nowhere", "--wait-for-provider", "--json")
    waiting = dps("submit", hello, *arguments, environment=grid.environment).json
    dps("job", "cancel", waiting["job"], environment=grid.environment)
    assert waiting["locked"] == dps("submit", hello, "--json", environment=grid.environment).json["locked"]


def test_a_price_ceiling_keeps_dear_providers_out(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--max-price", "0.001", environment=grid.environment)
    assert answer.exit_code == ExitCode.NO_PROVIDER
    assert "ceiling" in answer.stderr


def test_too_few_credits_are_refused_and_nothing_is_locked(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--credits", "1000000", environment=grid.environment)
    assert answer.exit_code == ExitCode.NO_CREDITS
    assert re.search(r"With 1000000 credits locked it may run for \d+ years there\.", answer.stderr)
    assert "1000000 are to be locked" in answer.stderr
    assert "dps faucet" in answer.stderr


def test_an_allowance_that_may_not_be_raised_is_an_error_with_the_command_that_helps(
    grid: RunningGrid, hello: Path
) -> None:
    before = dps("credits", "allowance", "0", environment=grid.environment)
    assert (before.stdout, before.stderr) == ("0\n", "")
    answer = dps("submit", hello, "--credits", "5", "--no-allow", environment=grid.environment)
    assert answer.exit_code == ExitCode.NO_ALLOWANCE, answer.stderr
    assert "dps credits allowance 5" in answer.stderr


def test_a_wrong_chain_id_is_refused(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--chain-id", "1", environment=grid.environment)
    assert answer.exit_code == ExitCode.WRONG_CHAIN


def test_a_contract_that_is_not_there_is_refused(grid: RunningGrid) -> None:
    answer = dps("credits", "balance", "--meta-scheduler", "0x" + "12" * 20, environment=grid.environment)
    assert answer.exit_code == ExitCode.WRONG_CHAIN


def test_a_gateway_of_another_grid_is_refused(grid: RunningGrid, hello: Path) -> None:
    with foreign_gateway() as url:
        answer = dps("submit", hello, "--gateway", url, environment=grid.environment)
    assert answer.exit_code == ExitCode.WRONG_CHAIN
    assert "nothing was signed" in answer.stderr


def test_a_chain_that_is_down_is_named(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--rpc", "http://127.0.0.1:9", environment=grid.environment)
    assert answer.exit_code == ExitCode.CHAIN_UNREACHABLE
    assert "127.0.0.1:9" in answer.stderr


def test_a_gateway_that_is_down_is_named(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--gateway", "http://127.0.0.1:9", environment=grid.environment)
    assert answer.exit_code == ExitCode.GATEWAY_UNREACHABLE
    assert "127.0.0.1:9" in answer.stderr


def test_a_wrong_password_opens_nothing(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, environment={**grid.environment, "DEEPSQUARE_PASSWORD": "wrong"})
    assert answer.exit_code == ExitCode.NO_KEY
    assert "wrong" not in answer.stderr.replace("wrong password", "")
    assert "next: correct DEEPSQUARE_PASSWORD, or name the wallet that it opens with --keystore" in answer.stderr


def test_a_script_that_differs_from_the_one_compiled_here_is_never_paid_for(
    grid: RunningGrid, hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def of_somebody_else(_client: GatewayClient, _text: str, _customer: Address, _modules: object) -> Submission:
        return Submission("ab" * 32, "salt", (), {})

    monkeypatch.setattr(GatewayClient, "submit", of_somebody_else)
    assert dps("submit", hello, environment=grid.environment).exit_code == ExitCode.SCRIPT_DIFFERS


def test_a_name_that_the_chain_has_no_room_for_is_refused(grid: RunningGrid, hello: Path) -> None:
    answer = dps("submit", hello, "--name", "n" * 33, environment=grid.environment)
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION


@pytest.mark.parametrize(
    "arguments",
    [
        ("--credits", "much"),
        ("--use", "zone"),
        ("--affinity", "zone"),
        ("--start-before", "soon"),
        ("--max-attempts", "0"),
    ],
)
def test_an_option_that_cannot_be_read_says_what_to_write(hello: Path, arguments: tuple[str, str]) -> None:
    answer = dps("submit", hello, *arguments)
    assert answer.exit_code == ExitCode.USAGE
    assert arguments[0] in answer.stderr
