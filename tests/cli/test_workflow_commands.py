"""`dps validate` and `dps render`: what needs no grid."""

import hashlib
import json
from pathlib import Path

import pytest

from deepsquare import workflow
from deepsquare.cli.exits import ExitCode
from deepsquare.workflow.schema import module_schema, workflow_schema
from tests.cli.driver import dps
from tests.support.local_grid import HELLO
from tests.support.scripts import ScriptSite, script_of

BROKEN = """
resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: -1}
steps:
  - name: hello
    run: {command: 7, shell: /bin/rm}
"""


def test_a_sound_workflow_has_no_problems() -> None:
    answer = dps("validate", "-", stdin=HELLO)
    assert answer.exit_code == ExitCode.OK
    assert answer.stdout == ""


def test_all_problems_are_printed_at_once_each_with_its_place() -> None:
    answer = dps("validate", "-", stdin=BROKEN)
    assert answer.exit_code == ExitCode.INVALID_WORKFLOW
    lines = answer.stdout.splitlines()
    assert any(line.startswith("<stdin>:2:") and "gpus" in line for line in lines)
    assert any(line.startswith("<stdin>:5:") and "shell" in line for line in lines)


def test_problems_as_json_carry_file_line_and_column() -> None:
    problems = dps("validate", "-", "--json", stdin=BROKEN).json
    assert {"file", "line", "column", "severity", "path", "message", "hint"} <= problems[0].keys()


def test_broken_yaml_names_its_line() -> None:
    answer = dps("validate", "-", stdin="steps: [\n  {")
    assert answer.exit_code == ExitCode.INVALID_WORKFLOW
    assert answer.stdout.startswith("<stdin>:")


def test_an_unknown_key_is_a_warning_and_with_strict_an_error() -> None:
    text = HELLO + "colour: red\n"
    assert dps("validate", "-", stdin=text).exit_code == ExitCode.OK
    assert dps("validate", "-", "--strict", stdin=text).exit_code == ExitCode.INVALID_WORKFLOW


def test_a_file_that_is_no_utf_8_is_refused_with_the_byte() -> None:
    answer = dps("validate", "-", stdin=b"name: \xff")
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION
    assert "byte 6 is no UTF-8" in answer.stderr


def test_a_file_that_cannot_be_read_hides_no_problem_of_the_others(tmp_path: Path) -> None:
    bad, latin, sound = tmp_path / "bad.yaml", tmp_path / "latin.yaml", tmp_path / "sound.yaml"
    bad.write_text(BROKEN, encoding="utf-8")
    latin.write_bytes(b"name: \xff")
    sound.write_text(HELLO, encoding="utf-8")
    answer = dps("validate", tmp_path / "missing.yaml", latin, sound, bad)
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION
    assert answer.stdout.startswith(f"{bad}:2:")
    assert "missing.yaml: No such file" in answer.stderr
    assert "latin.yaml: byte 6 is no UTF-8" in answer.stderr


def test_the_same_salt_renders_the_same_script_whose_hash_is_its_sha256(tmp_path: Path) -> None:
    file = tmp_path / "hello.yaml"
    file.write_text(HELLO, encoding="utf-8")
    one, two = (dps("render", file, "--salt", "salt", "--json").json for _ in range(2))
    assert one == two
    assert one["hash"] == hashlib.sha256(one["script"].encode()).hexdigest()


def test_render_prints_the_script_or_its_hash_alone() -> None:
    assert dps("render", "-", stdin=HELLO).stdout.startswith("#!")
    assert len(dps("render", "-", "--hash", stdin=HELLO).stdout) == 65


def test_a_salt_that_cannot_stand_in_a_script_is_refused() -> None:
    answer = dps("render", "-", "--salt", "two words", stdin=HELLO)
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION
    assert "--salt" in answer.stderr


def test_a_workflow_with_errors_is_not_rendered() -> None:
    answer = dps("render", "-", stdin=BROKEN)
    assert answer.exit_code == ExitCode.INVALID_WORKFLOW
    assert answer.stdout == ""
    assert "<stdin>:2:" in answer.stderr


def test_init_writes_a_commented_workflow_and_the_schema_that_its_first_line_names(tmp_path: Path) -> None:
    answer = dps("init", tmp_path / "mine.yaml")
    assert (answer.exit_code, answer.stdout) == (ExitCode.OK, f"{tmp_path}/mine.yaml\n")
    text = (tmp_path / "mine.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./workflow.schema.json\n")
    assert json.loads((tmp_path / "workflow.schema.json").read_text()) == workflow_schema()
    assert workflow.load(text).problems == ()


@pytest.mark.programs
def test_what_init_writes_runs(tmp_path: Path) -> None:
    dps("init", tmp_path / "mine.yaml")
    outcome = ScriptSite(tmp_path / "site").run(script_of((tmp_path / "mine.yaml").read_text()))
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout.splitlines()[-4:] == ["Running: count", "number 1", "number 2", "number 3"]


def test_init_writes_over_a_file_only_by_force(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("precious")
    answer = dps("init", file)
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION
    assert "is there already" in answer.stderr
    assert file.read_text() == "precious"
    assert dps("init", file, "--force").exit_code == ExitCode.OK
    assert file.read_text() != "precious"


def test_init_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("")
    for options in ((), ("--force",)):
        answer = dps("init", *options, occupied / "mine.yaml")
        assert answer.exit_code == ExitCode.BAD_CONFIGURATION
        assert f"{occupied}: File exists" in answer.stderr


def test_init_makes_the_folder_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "mine.yaml"
    assert dps("init", file).exit_code == 0
    assert file.is_file()


def test_schema_prints_the_schema_of_workflows_or_of_modules() -> None:
    assert dps("schema", "--json").json == workflow_schema()
    assert json.loads(dps("schema", "--module").stdout) == module_schema()
