"""What a person is told: all problems at once, each with its place, and what was probably meant."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepsquare.workflow import InvalidWorkflow, Severity, from_data, load

GOOD = """\
resources: {tasks: 1, gpus: 0, cpusPerTask: 1, memPerCpu: 10}
steps: []
"""


GOOD_JSON = '{"resources": {"tasks": 1, "gpus": 0, "cpusPerTask": 1, "memPerCpu": 10}, "steps": []}'


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
resources:
  tasks: zero
  cpusPerTask: 1
  memPerCpu: -5
  gpusPerTask: 1
env:
  - key: LD_PRELOAD
    value: x
steps:
  - command: echo
  - run:
      command: [echo]
      workDir: tmp
      resources:
        tasks: 0
      container: {image: x}
"""
    loaded = load(text)
    assert loaded.workflow is None
    assert [(problem.severity.value, problem.line, problem.column, problem.path) for problem in loaded.problems] == [
        ("error", 2, 3, "resources.gpus"),
        ("error", 2, 10, "resources.tasks"),
        ("error", 4, 14, "resources.memPerCpu"),
        ("warning", 5, 3, "resources.gpusPerTask"),
        ("error", 7, 10, "env[0].key"),
        ("warning", 10, 5, "steps[0].command"),
        ("error", 12, 16, "steps[1].run.command"),
        ("error", 13, 16, "steps[1].run.workDir"),
        ("error", 15, 16, "steps[1].run.resources.tasks"),
    ]


def test_a_problem_is_one_line_with_its_place_and_what_to_do() -> None:
    loaded = load(GOOD.replace("gpus: 0", "gpusPerTask: 0"), "jobs/my job.yaml")
    assert [problem.describe(loaded.source) for problem in loaded.problems] == [
        "jobs/my job.yaml:1:12: error: resources.gpus: gpus is required; you wrote gpusPerTask",
        "jobs/my job.yaml:1:23: warning: resources.gpusPerTask: this key is unknown; did you mean gpus?",
    ]


def test_requiring_a_bad_workflow_raises_with_all_errors_and_no_warning() -> None:
    loaded = load("steps: []\nfoo: 1\nenableLogging: 7\n", "job.yaml")
    with pytest.raises(InvalidWorkflow) as raised:
        loaded.require()
    assert str(raised.value).splitlines() == [
        "job.yaml:1:1: error: resources: resources is required",
        "job.yaml:3:16: error: enableLogging: expected true or false, found 7",
    ]
    assert raised.value.problems == loaded.problems


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("abc", 'text "abc"'),
        ("4 CPUs", 'text "4 CPUs"'),
        ("1.5", "1.5"),
        ("'2'", 'text "2"'),
        ("true", "true"),
        ("[1]", "a list"),
        ("", "nothing"),
        ("a" * 41, "text"),
    ],
)
def test_what_stands_in_the_place_of_a_number_is_named(written: str, found: str) -> None:
    problems = load(GOOD.replace("gpus: 0", f"gpus: {written}"), "job.yaml").problems
    assert [problem.message for problem in problems] == [f"expected a whole number, found {found}"]


@pytest.mark.parametrize(
    ("where", "written", "meant"),
    [
        ("resources", "ntasks", "tasks"),
        ("resources", "gpusPerTask", "gpus"),
        ("resources", "gpu", "gpus"),
        ("resources", "cpus_per_task", "cpusPerTask"),
        ("resources", "memPerCPU", "memPerCpu"),
        ("resources", "memory", "memPerCpu"),
        ("job", "enable_logging", "enableLogging"),
        ("job", "step", "steps"),
        ("job", "resource", "resources"),
        ("job", "environment", "env"),
        ("job", "virtualNetwork", "virtualNetworks"),
        ("step", "command", "run.command"),
        ("step", "env", "run.env"),
        ("step", "image", "run.container.image"),
        ("step", "Run", "run"),
        ("step", "rum", "run"),
        ("step", "urn", "run"),
        ("step", "nur", ""),
        ("step", "ran out", ""),
        ("job", "id", ""),
        ("job", "evn", "env"),
        ("env", "kye", "key"),
        ("step", "step", "steps"),
        ("step", "depends", "dependsOn"),
        ("run", "workdir", "workDir"),
        ("run", "cmd", "command"),
        ("run", "comand", "command"),
        ("run", "containers", "container"),
        ("run", "disableCPUBinding", "disableCpuBinding"),
        ("run resources", "ntasks", "tasks"),
        ("run resources", "gpus", "gpusPerTask"),
        ("env", "name", "key"),
        ("env", "values", "value"),
        ("job", "somethingElse", ""),
    ],
)
def test_an_unknown_key_is_a_warning_that_guesses_what_was_meant(where: str, written: str, meant: str) -> None:
    data: dict[str, Any] = {
        "resources": {"tasks": 1, "gpus": 0, "cpusPerTask": 1, "memPerCpu": 10},
        "env": [{"key": "A", "value": "x"}],
        "steps": [{"run": {"command": "true", "resources": {}}}],
    }
    step = data["steps"][0]
    places = {
        "job": data,
        "resources": data["resources"],
        "env": data["env"][0],
        "step": step,
        "run": step["run"],
        "run resources": step["run"]["resources"],
    }
    places[where][written] = {}
    loaded = load(json.dumps(data))
    (problem,) = loaded.problems
    assert loaded.workflow is not None
    assert (problem.severity, problem.message) == (Severity.WARNING, "this key is unknown")
    assert problem.hint == (f"did you mean {meant}?" if meant else "")
    strict = from_data(data)
    assert strict.workflow is None
    assert [(each.severity, each.hint) for each in strict.problems] == [(Severity.ERROR, problem.hint)]


@pytest.mark.parametrize(("word", "meant"), [("yes", "true"), ("on", "true"), ("no", "false"), ("Off", "false")])
def test_other_words_for_true_and_false_are_refused_with_the_right_one(word: str, meant: str) -> None:
    (problem,) = load(GOOD + f"enableLogging: {word}").problems
    assert (problem.path, problem.hint) == ("enableLogging", f"write {meant}")


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("4G", "write the number alone; in MB it is 4096"),
        ("512 MB", "write the number alone; in MB it is 512"),
        ("1KiB", "write the number alone; in MB it is 1"),
        ("4 CPUs", ""),
        ("0755", "write 755; the octal 0755 is 493"),
        ("08", "write 8"),
    ],
)
def test_a_number_with_a_unit_or_a_zero_in_front_is_refused_with_the_number_meant(written: str, hint: str) -> None:
    (problem,) = load(GOOD.replace("memPerCpu: 10", f"memPerCpu: {written}")).problems
    assert (problem.path, problem.severity, problem.hint) == ("resources.memPerCpu", Severity.ERROR, hint)


@pytest.mark.parametrize(
    ("text", "line", "column", "hint"),
    [
        (GOOD.replace("steps: []", "steps:\n\t- {}"), 3, 1, "indent with spaces, not with tabs"),
        (GOOD + "env: [{key: 'A}]\nenableLogging: true\n", 3, 13, "the quote that opens here is never closed"),
        (GOOD + 'env: [{key: "A}]\n', 3, 13, "the quote that opens here is never closed"),
        (GOOD + "env\nb: c\n", 4, 1, "check indentation, quotes and colons"),
    ],
)
def test_what_is_no_yaml_is_told_where_it_begins_with_what_to_do(text: str, line: int, column: int, hint: str) -> None:
    (problem,) = load(text).problems
    assert (problem.line, problem.column, problem.hint) == (line, column, hint)


def test_a_key_beside_the_job_is_a_warning_in_a_file_and_an_error_in_data() -> None:
    data = {"job": json.loads(GOOD_JSON), "$schema": "x", "enableLogging": True}
    (problem,) = load(json.dumps(data)).problems
    assert (problem.severity, problem.path, problem.line) == (Severity.WARNING, "enableLogging", 1)
    assert [each.severity for each in from_data(data).problems] == [Severity.ERROR]


def test_a_job_key_beside_the_job_itself_is_unknown() -> None:
    loaded = load(GOOD + "job: {}")
    assert [problem.path for problem in loaded.problems] == ["job"]


def test_paths_do_not_show_the_key_under_which_the_job_stands() -> None:
    (problem,) = load("job:\n  resources: {tasks: 1, gpus: 0, cpusPerTask: 1, memPerCpu: 0}\n  steps: []").problems
    assert (problem.path, problem.line, problem.column) == ("resources.memPerCpu", 2, 61)


@pytest.mark.programs
def test_importing_the_language_loads_no_parser_and_no_web_framework(tmp_path: Path) -> None:
    program = "import sys, deepsquare.workflow, deepsquare.compiler; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout.split()
    assert not {"ruamel", "ruamel.yaml", "pydantic", "asyncio", "fastapi"} & set(modules)
