"""For any text in any field: the innermost program receives it byte for byte, and nothing of it is executed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepsquare.compiler.quoting import quote
from deepsquare.workflow import For, Run, Step
from deepsquare.workflow.conditions import check_condition
from tests.support.profiles import examples
from tests.support.scripts import BASH, Call, ScriptSite, command, script_of_steps, shell_words, variables
from tests.support.texts import ATTACKS, CANARY, NAMES, TEXTS

SCRIPT_TOOLS = ("env", "mkdir", "rm", "rmdir", "sh", "chmod")
BASH_NAMES = (
    "_",
    "BASH",
    "BASHOPTS",
    "BASHPID",
    "BASH_ALIASES",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_CMDS",
    "BASH_COMPAT",
    "BASH_LINENO",
    "BASH_REMATCH",
    "BASH_SOURCE",
    "BASH_VERSINFO",
    "BASH_XTRACEFD",
    "CDPATH",
    "COLUMNS",
    "COMP_WORDBREAKS",
    "COPROC",
    "DIRSTACK",
    "EPOCHSECONDS",
    "EUID",
    "EXECIGNORE",
    "FUNCNAME",
    "FUNCNEST",
    "GLOBIGNORE",
    "GROUPS",
    "HISTCMD",
    "HOME",
    "HOSTNAME",
    "IFS",
    "IGNOREEOF",
    "LANG",
    "LC_ALL",
    "LC_COLLATE",
    "LC_MESSAGES",
    "LC_NUMERIC",
    "LINENO",
    "LINES",
    "MAPFILE",
    "OLDPWD",
    "OPTARG",
    "OPTERR",
    "OPTIND",
    "PIPESTATUS",
    "POSIXLY_CORRECT",
    "PPID",
    "PS4",
    "PWD",
    "RANDOM",
    "REPLY",
    "SECONDS",
    "SHELL",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "TERM",
    "TIMEFORMAT",
    "TMOUT",
    "TMPDIR",
    "TZ",
    "UID",
    "ds_child",
    "ds_entry",
    "ds_options",
    "ds_plain",
    "ds_told",
    "name",
    "path",
    "run",
    "step",
    "job",
)


@pytest.fixture
def bare_path(tmp_path: Path) -> dict[str, str]:
    """A PATH on which there is nothing but what the script itself needs, and a `touch` for the attackers."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (*SCRIPT_TOOLS, "touch"):
        (tools / name).symlink_to(shutil.which(name) or "")
    return {"PATH": str(tools)}


def calls_of(
    site: ScriptSite, environment: dict[str, str], *steps: Step, env: dict[str, str] | None = None
) -> list[Call]:
    """The calls of a job in which nothing goes wrong and no trap springs."""
    script = script_of_steps(*steps, env=env)
    subprocess.run([BASH, "-n"], input=script.encode(), check=True, capture_output=True)
    outcome = site.run(script, environment)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert not list(site.folder.rglob(CANARY))
    assert not Path(CANARY).exists()
    assert site.scratch_folders() == []
    return outcome.calls


def received(call: Call) -> bytes:
    """The command that reached the shell."""
    assert call.program == shell_words(call.program[-1])
    return call.program[-1].encode("utf-8", "surrogateescape")


def check_every_field(site: ScriptSite, environment: dict[str, str], texts: list[str]) -> None:
    """Every text in every field that takes any text, in one job; each arrives, byte for byte, where it belongs."""
    folders = [site.folder / "folders" / f"_{text.replace('/', '')}" for text in texts]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    steps = [
        Step(
            name=text,
            condition=f'{quote(text)} = "$V{number}"',
            loop=For(
                parallel=False,
                items=(text,),
                steps=(Step(name=text, run=Run(command=text, work_dir=str(folder), env=variables({"STEP": text}))),),
            ),
        )
        for number, (text, folder) in enumerate(zip(texts, folders, strict=True))
    ]
    calls = calls_of(site, environment, *steps, env={f"V{number}": text for number, text in enumerate(texts)})
    assert len(calls) == len(texts)
    for number, (text, folder, call) in enumerate(zip(texts, folders, calls, strict=True)):
        assert received(call) == text.encode()
        assert call.options.get("--job-name", "") == text
        assert call.options["--export"] == "ALL"
        assert call.directory == str(folder)
        assert [call.environment[name] for name in ("STEP", "item", f"V{number}")] == [text] * 3


def test_all_attacks_in_one_job_are_only_text(recording_site: ScriptSite, bare_path: dict[str, str]) -> None:
    check_every_field(recording_site, bare_path, ATTACKS)


@examples(quick=2, thorough=500, suppress=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=20, max_size=20))
def test_any_text_in_any_field_arrives_byte_for_byte(
    recording_site: ScriptSite, bare_path: dict[str, str], texts: list[str]
) -> None:
    check_every_field(recording_site, bare_path, texts)


@pytest.mark.parametrize("substitutes", [False, True])
def test_an_attack_as_a_condition_runs_nothing_but_a_test(bare_site: ScriptSite, *, substitutes: bool) -> None:
    """A test of bash may substitute commands, as `$(...)` does; nothing else of it is run, and the script goes on."""
    texts = [text for text in ATTACKS if ("$(" in text or "`" in text) is substitutes]
    steps = []
    for text in texts:
        assert check_condition(text) is None
        steps += [Step(condition=text, run=Run(command="true"), catch=(command("true"),)), command("echo on")]
    outcome = bare_site.run(script_of_steps(*steps))
    assert (outcome.exit_code, outcome.stdout) == (0, "on\n" * len(texts))
    assert bare_site.scratch_folders() == []
    assert substitutes or not list(bare_site.folder.rglob(CANARY))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.tuples(TEXTS, TEXTS), job=st.dictionaries(NAMES, TEXTS, max_size=4), own=st.dictionaries(NAMES, TEXTS))
def test_any_text_arrives_byte_for_byte(
    recording_site: ScriptSite, texts: tuple[str, str], job: dict[str, str], own: dict[str, str]
) -> None:
    name, text = texts
    environment = {"PATH": os.environ["PATH"]}
    (call,) = calls_of(recording_site, environment, command(text, name=name, env=own), env=job)
    assert received(call) == text.encode()
    assert call.options.get("--job-name", "") == name
    resources = {"NTASKS": "4", "CPUS_PER_TASK": "2", "MEM_PER_CPU": "100", "GPUS": "0", "CPUS": "8", "MEM": "800"}
    for variable, value in {**job, **resources, **own}.items():
        assert call.environment[variable] == value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=40))
def test_any_folder_can_be_the_work_dir(recording_site: ScriptSite, bare_path: dict[str, str], name: str) -> None:
    folder = recording_site.folder / "folders" / f"_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    (call,) = calls_of(recording_site, bare_path, Step(run=Run(command="", work_dir=str(folder))))
    assert call.directory == str(folder)


@pytest.mark.parametrize("value", ["odd 'value'\n", "", "7", "*"])
def test_names_that_the_shell_itself_uses_arrive_like_all_others(recording_site: ScriptSite, value: str) -> None:
    for level in ("job", "step"):
        env = dict.fromkeys(BASH_NAMES, value)
        step = command("true", env=env if level == "step" else {})
        (call,) = calls_of(recording_site, {"PATH": os.environ["PATH"]}, step, env=env if level == "job" else {})
        assert {name: call.environment.get(name) for name in BASH_NAMES} == env


def test_values_of_variables_are_on_no_command_line(site: ScriptSite) -> None:
    """Every process that the job starts is looked at from inside the step, up to the job's own shell."""
    look = (
        "pid=$$; while [ $pid -gt 1 ]; do tr '\\0' ' ' </proc/$pid/cmdline; pid=$(cut -d' ' -f4 /proc/$pid/stat); done"
    )
    outcome = site.run(script_of_steps(command(look, env={"TOKEN": "s3cret-of-step"}), env={"KEY": "s3cret-of-job"}))
    assert outcome.exit_code == 0
    assert "s3cret" not in outcome.stdout
    (call,) = outcome.calls
    assert "s3cret" not in str((call.options, call.program))
    assert call.environment["TOKEN"] == "s3cret-of-step"


def test_a_large_value_and_a_large_command_arrive(recording_site: ScriptSite) -> None:
    big = "é'" * 40_000
    (call,) = calls_of(recording_site, {"PATH": os.environ["PATH"]}, command(big, env={"BIG": big[:59_000]}))
    assert received(call) == big.encode()
    assert call.environment["BIG"] == big[:59_000]
