"""`dps module`, and modules in `dps validate` and `dps render`."""

from pathlib import Path

import pytest

from deepsquare.cli.exits import ExitCode
from tests.cli.driver import dps
from tests.support.git_server import GitRepository
from tests.support.programs import PROGRAMS

MODULE = "name: m\ndescription: d\ninputs: [{key: WHO, description: d}]\nsteps:\n  - run: {command: echo $WHO}\n"
USING = """\
resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: 0}
steps:
  - use:
      source: git.test/owner/repo@v1
      args: [{key: WHO, value: me}]
"""


@pytest.fixture(params=PROGRAMS)
def mirror(tmp_path: Path) -> Path:
    """A mirror with one module."""
    repository = GitRepository(tmp_path / "mirror" / "git.test" / "owner" / "repo")
    repository.commit({"module.yaml": MODULE, "broken/module.yaml": "name: m\nsteps:\n  - {{ nope }}\n"})
    repository.git("tag", "v1")
    return tmp_path / "mirror"


def test_a_workflow_with_modules_is_checked_and_rendered_from_the_mirror(mirror: Path) -> None:
    assert dps("validate", "-", "--module-mirror", mirror, stdin=USING).exit_code == ExitCode.OK
    environment = {"DEEPSQUARE_MODULE_MIRROR": str(mirror)}
    rendered = dps("render", "-", "--json", environment=environment, stdin=USING).json
    assert list(rendered["modules"]) == ["git.test/owner/repo@v1"]
    assert rendered["modules"]["git.test/owner/repo@v1"] in rendered["script"]


def test_a_problem_in_a_module_names_the_use_and_the_module_s_line(mirror: Path) -> None:
    answer = dps("validate", "-", "--module-mirror", mirror, stdin=USING.replace("repo@v1", "repo/broken@v1"))
    assert answer.exit_code == ExitCode.INVALID_WORKFLOW
    assert answer.stdout.startswith(
        "<stdin>:4:15: error: steps[0].use.source: git.test/owner/repo/broken/module.yaml:3:8:"
    )


def test_a_host_that_is_not_allowed_is_not_asked() -> None:
    answer = dps("validate", "-", "--module-hosts", "one.test, two.test", stdin=USING)
    assert "modules are not fetched from git.test here; allowed are: one.test, two.test" in answer.stdout
    wrong = dps("validate", "-", "--module-hosts", "file:///x", stdin=USING)
    assert wrong.exit_code == ExitCode.BAD_CONFIGURATION
    assert "--module-hosts" in wrong.stderr


def test_a_new_module_is_sound_and_nothing_is_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "module"
    assert dps("module", "init", folder, "--json").json == {"module": str(folder / "module.yaml")}
    answer = dps("module", "validate", folder, "--strict", "--json")
    assert answer.exit_code == ExitCode.OK
    assert answer.json == {"name": "greeting", "inputs": ["WHO"], "outputs": ["SENTENCE"], "problems": []}
    assert dps("module", "init", folder).exit_code == ExitCode.BAD_CONFIGURATION
    assert dps("module", "init", folder, "--force").exit_code == ExitCode.OK


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: m\nsteps: 1\n", "module.yaml:2:8: error: steps: expected a list"),
        ("name: m\nsteps:\n  - {{ nope }}\n", "module.yaml:3:8: error: there is no function of this name"),
        (
            "{{ range until 3 }}{{ end -}}\nname: m\ndescription: d\nsteps:\n  - ran: {}\n",
            "module.yaml:5:5: warning: steps[0].ran",
        ),
        (
            "name: m\nsteps: [{use: {source: git.test/o/r}}]\n",
            "module.yaml:2:24: error: steps[0].use.source: this module",
        ),
        ("name: m\nsteps: []\n", "module.yaml:1:1: warning: description: a description is missing"),
    ],
)
def test_a_module_s_problems_are_told_with_the_lines_of_its_file(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "module.yaml").write_text(text)
    answer = dps("module", "validate", tmp_path)
    assert told in answer.stdout
    assert answer.exit_code == (ExitCode.INVALID_WORKFLOW if "error" in told else ExitCode.OK)
    assert dps("module", "validate", tmp_path, "--strict").exit_code == ExitCode.INVALID_WORKFLOW


def test_a_module_is_tried_with_a_job_that_has_what_it_needs_and_with_given_arguments(tmp_path: Path) -> None:
    (tmp_path / "module.yaml").write_text(
        "name: m\ndescription: d\nminimumResources: {tasks: 4, gpus: 2}\n"
        "steps:\n  - run: {command: x, resources: {tasks: 4}}\n"
        "  {{- range .Step.Use.Args }}\n  - name: {{ .Value }}: x\n  {{- end }}\n"
    )
    assert dps("module", "validate", tmp_path).exit_code == ExitCode.OK
    answer = dps("module", "validate", tmp_path, "--arg", "WHO=a: b")
    assert "module.yaml:7:" in answer.stdout
    assert dps("module", "validate", tmp_path, "--arg", "WHO").exit_code == ExitCode.USAGE


def test_a_module_that_is_not_there_is_refused_with_what_to_name_and_how_to_begin_one(tmp_path: Path) -> None:
    answer = dps("module", "validate", tmp_path / "nowhere")
    assert answer.exit_code == ExitCode.BAD_CONFIGURATION
    assert "next: name the folder that holds module.yaml; to begin one: dps module init DIR" in answer.stderr
