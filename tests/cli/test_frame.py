"""What all commands share."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from deepsquare import __version__
from deepsquare.cli.exits import ExitCode
from deepsquare.cli.lazy import LazyGroup
from deepsquare.cli.main import root
from deepsquare.cli.mistakes import OF_EVERY_COMMAND
from deepsquare.model import JobStatus
from tests.cli.driver import dps

HEAVY = ("httpx", "eth_account", "eth_abi", "rich", "pydantic", "sqlalchemy", "fastapi", "ruamel")


def commands(group: click.Group = root, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command below `dps`, with its name as one types it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


ALL = list(commands())


@pytest.mark.programs
def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from deepsquare.cli.main import root\n"
        "root.main(['--help'], prog_name='dps', standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.programs
@pytest.mark.parametrize("name", ["submit", "wallet", "job", "validate"])
def test_help_of_a_command_imports_no_service(name: str) -> None:
    program = (
        "import sys\n"
        "from deepsquare.cli.main import root\n"
        f"root.main([{name!r}, '--help'], prog_name='dps', standalone_mode=False)\n"
        "print([name for name in ('sqlalchemy', 'fastapi', 'eth_account', 'rich') if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_the_summary_of_each_lazy_command_is_its_own() -> None:
    assert isinstance(root, LazyGroup)
    assert {name: entry.summary for name, entry in root.entries.items()} == {
        name: entry.load().short_help for name, entry in root.entries.items()
    }


@pytest.mark.parametrize(("name", "command"), ALL)
def test_every_command_takes_json_quiet_and_debug(name: str, command: click.Command) -> None:
    options = {option for parameter in command.params for option in parameter.opts}
    assert set(OF_EVERY_COMMAND) <= options, name


@pytest.mark.parametrize(("name", "command"), ALL)
def test_every_command_and_option_has_a_help_text(name: str, command: click.Command) -> None:
    assert command.help, name
    assert command.short_help, name
    silent = [option.opts for option in command.params if isinstance(option, click.Option) and not option.help]
    assert not silent, name


def test_version_is_the_packages() -> None:
    assert dps("--version").stdout == f"dps {__version__}\n"


def test_a_mistyped_command_is_answered_with_the_nearest_one() -> None:
    answer = dps("submt", "x.yaml")
    assert answer.exit_code == ExitCode.USAGE
    assert "did you mean 'submit'?" in answer.stderr


MISTAKES = {
    ("job", "show", "abc"): "job show --help",
    ("job", "list", "--such"): "job list --help",
    ("job", "show"): "job show --help",
    ("job", "lst"): "job --help",
    ("submt", "x.yaml"): "--help",
    ("--such", "job", "list"): "--help",
}
"""Command lines that cannot be read, and the end of what is told to do next."""


@pytest.mark.parametrize(("arguments", "help_"), MISTAKES.items())
def test_a_mistake_in_a_command_line_is_told_as_all_errors_are(arguments: tuple[str, ...], help_: str) -> None:
    told = dps(*arguments)
    error = json.loads(dps(*arguments, "--json").stderr)["error"]
    assert told.exit_code == ExitCode.USAGE
    assert told.stderr == f"dps: {error['message']}\n  next: {error['next_step']}\n"
    assert error["next_step"].endswith(help_)


@pytest.mark.parametrize("arguments", MISTAKES)
def test_with_json_a_mistake_in_a_command_line_is_an_error_in_json(arguments: tuple[str, ...]) -> None:
    answer = dps(*arguments, "--json")
    assert answer.exit_code == ExitCode.USAGE
    assert answer.stdout == ""
    error = json.loads(answer.stderr)["error"]
    assert error["code"] == "usage"
    assert error["message"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("--json job list", "dps job list --json"),
        ("job --json list", "dps job list --json"),
        ("--quiet --json submit 'my job.yaml'", "dps submit 'my job.yaml' --quiet --json"),
        ("--debug", "dps COMMAND --debug"),
        ("job --json", "dps job COMMAND --json"),
    ],
)
def test_an_option_of_every_command_that_stands_before_it_is_told_to_stand_behind(written: str, meant: str) -> None:
    answer = dps(*shlex.split(written))
    assert answer.exit_code == ExitCode.USAGE
    assert "stands behind the command" in answer.stderr
    assert f"write: {meant}" in answer.stderr


@pytest.mark.parametrize("group", [(), ("job",)])
def test_a_group_without_a_command_shows_its_help(group: tuple[str, ...]) -> None:
    assert "\nCommands:\n" in dps("job").stderr
    assert dps(*group).stderr.startswith("Usage: ")


@pytest.mark.parametrize("shell", [pytest.param("bash", marks=pytest.mark.programs), "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str) -> None:
    answer = dps("completion", shell)
    assert answer.exit_code == ExitCode.OK
    assert "_DPS_COMPLETE" in answer.stdout


@pytest.mark.programs
@pytest.mark.parametrize("command", ["submit", "validate", "render"])
def test_the_shell_completes_names_of_files(command: str) -> None:
    environment = {"_DPS_COMPLETE": "bash_complete", "COMP_WORDS": f"dps {command} ex", "COMP_CWORD": "2"}
    answer = subprocess.run(
        [sys.executable, "-c", "from deepsquare.cli.main import root; root(prog_name='dps')"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert answer.stdout == "file,ex\n"


def test_an_unexpected_error_is_one_sentence_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepsquare.workflow.load", _broken)
    answer = dps("validate", "-")
    assert answer.exit_code == ExitCode.BUG
    assert answer.stderr.startswith("dps: ZeroDivisionError: by nobody\n  next: ")
    assert "Traceback" not in answer.stderr


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepsquare.workflow.load", _broken)
    assert "Traceback" in dps("validate", "-", "--debug").stderr


def test_ctrl_c_ends_with_130_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("deepsquare.workflow.load", interrupted)
    answer = dps("validate", "-")
    assert answer.exit_code == ExitCode.INTERRUPTED
    assert "Traceback" not in answer.stderr


def test_with_json_an_error_is_one_json_object_on_stderr() -> None:
    answer = dps("render", "missing.yaml", "--json")
    assert answer.stdout == ""
    assert '"code": "bad_configuration"' in answer.stderr


def test_every_end_of_a_job_has_an_exit_code_of_its_own() -> None:
    codes = [ExitCode.of_job(status) for status in JobStatus if status.is_cold]
    assert len(set(codes)) == len(codes)
    assert ExitCode.of_job(JobStatus.FINISHED) == 0


def _broken(*_: object) -> None:
    raise ZeroDivisionError("by nobody")
