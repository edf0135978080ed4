"""Uses of modules: what becomes of them, and what is wrong about them, told where the workflow's writer looks."""

from collections.abc import Mapping

import pytest

from deepsquare.workflow import Loaded, Severity, from_data, load
from deepsquare.workflow.expansion import MAX_MODULE_DEPTH
from deepsquare.workflow.limits import MAX_USES
from tests.support.modules import MemoryModules

HEAD = "resources: {tasks: 1, gpus: 0, cpusPerTask: 1, memPerCpu: 10}\nsteps:\n"
SIMPLE = "name: m\ndescription: d\nsteps: [{name: inside}]\n"
PLACE = "git.test/owner/repo"


def use(source: str = PLACE, more: str = "") -> str:
    return f"  - name: caller\n    use:\n      source: {source}\n{more}"


def of(module: str, more: str = "", others: Mapping[str, str] | None = None) -> Loaded:
    return load(HEAD + use(more=more), "job.yaml", MemoryModules({PLACE: module, **(others or {})}))


def told(loaded: Loaded) -> list[tuple[str, int | None, int | None, str]]:
    return [(problem.path, problem.line, problem.column, problem.message) for problem in loaded.problems]


def test_a_use_is_read_with_its_module_and_its_commit() -> None:
    loaded = of(SIMPLE)
    assert loaded.problems == ()
    used = loaded.modules["steps[0]"]
    assert used.module.steps[0].name == "inside"
    assert used.origin == f"{PLACE}@{used.commit}"


def test_without_modules_a_use_is_an_error_and_other_workflows_are_not() -> None:
    assert told(load(HEAD + use())) == [
        ("steps[0].use.source", 5, 15, "this module cannot be had: modules are not fetched here")
    ]
    assert load(HEAD + "  - name: x\n").problems == ()


def test_nothing_is_fetched_for_a_workflow_with_errors() -> None:
    modules = MemoryModules({})
    assert load(HEAD + use() + "  - nam: x\n    run: {}\n", modules=modules).workflow is None
    assert modules.asked == []


def test_a_source_is_asked_for_once() -> None:
    modules = MemoryModules({PLACE: SIMPLE})
    assert len(load(HEAD + use() * 3, modules=modules).modules) == 3
    assert len(modules.asked) == 1


def test_a_module_that_cannot_be_had_says_why_where_it_is_used() -> None:
    loaded = load(HEAD + use("git.test/owner/nowhere/at/all@v1"), modules=MemoryModules({}))
    assert told(loaded) == [("steps[0].use.source", 5, 15, "this module cannot be had: there is no such repository")]
    assert loaded.problems[0].hint == "check its name"


@pytest.mark.parametrize(
    "source",
    [
        "git.test/owner",
        "git.test/owner/../repo",
        "file:///etc",
        "ext::sh -c id",
        "-c/owner/repo",
        "git.test/owner/repo@",
        "git.test/owner/repo@-x",
        "git.test/owner/repo@a..b",
        "https://git.test/owner/repo",
        "git@git.test/owner/repo",
        "git.test/ow ner/repo",
    ],
)
def test_what_is_no_source_is_refused_before_anybody_is_asked(source: str) -> None:
    modules = MemoryModules({})
    ((path, line, column, message),) = told(load(HEAD + use(f"'{source}'"), modules=modules))
    assert (path, line, column) == ("steps[0].use.source", 5, 15)
    assert "host/owner/repo[/path][@version]" in message
    assert modules.asked == []


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("name: m\nsteps:\n  - run: {cmd: x}\n", "module.yaml:3:10: steps[0].run.command: command is required"),
        ("name: m\nsteps: [\n", "module.yaml:3:1: this is not YAML"),
        ("name: m\nsteps:\n  - {{ nope }}\n", "module.yaml:3:8: there is no function of this name"),
        (
            "{{ if true }}\nname: m\n{{- end }}\nsteps:\n  - run: x\n",
            "module.yaml:5:10: steps[0].run: expected a mapping",
        ),
        ("name: m\nsteps:\n  - dependsOn: [x]\n", "module.yaml:3:17: steps[0].dependsOn[0]: no step before this one"),
        ("name: m\ninputs: [{key: PATH}]\nsteps: []\n", "module.yaml:2:16: inputs[0].key: PATH is reserved"),
        ("name: m\noutputs: [{key: A}, {key: A}]\nsteps: []\n", "module.yaml:2:21: outputs[1].key: this name stands"),
        ("name: m\nsteps: [{run: {command: x, resources: {tasks: 2}}}]\n", "asks for 2 tasks, but the job has 1"),
        ("steps: []\n", "module.yaml:1:1: name: name is required"),
    ],
)
def test_an_error_of_the_module_names_its_file_and_the_use(module: str, words: str) -> None:
    loaded = of(module)
    assert loaded.workflow is None
    problem = loaded.problems[0]
    assert (problem.path, problem.line, problem.column) == ("steps[0].use.source", 5, 15)
    assert words in problem.message
    assert PLACE in problem.message


def test_warnings_of_a_module_are_not_the_caller_s() -> None:
    assert of("name: m\nminimumResources: {tasks: 1, gpusPerTask: 0}\nsteps: []\nunknown: 1\n").problems == ()


def test_arguments_are_checked_against_the_inputs() -> None:
    module = "name: m\ninputs: [{key: WHO}, {key: HOW, default: x}]\nsteps: []\n"
    loaded = of(module, "      args: [{key: WHOM, value: x}]\n      exportEnvAs: M\n")
    assert [(problem.severity, problem.path, problem.line, problem.message) for problem in loaded.problems] == [
        (Severity.WARNING, "steps[0].use.args", 6, "the module asks for WHO, which is not given; it will be empty"),
        (Severity.ERROR, "steps[0].use.args[0].key", 6, "the module asks for nothing of this name"),
        (Severity.WARNING, "steps[0].use.exportEnvAs", 7, "this has no effect: the module has no outputs"),
    ]
    assert loaded.problems[1].hint == "did you mean WHO?"


def test_a_job_must_have_what_the_module_needs() -> None:
    module = "name: m\nminimumResources: {tasks: 2, cpusPerTask: 1, memPerCpu: 11, gpus: 1}\nsteps: []\n"
    messages = [problem.message for problem in of(module).problems]
    assert messages == [
        "the module needs a job with tasks of at least 2, and this one has 1",
        "the module needs a job with memPerCpu of at least 11, and this one has 10",
        "the module needs a job with gpus of at least 1, and this one has 0",
    ]


def test_a_module_sees_the_job_and_the_step_that_uses_it() -> None:
    module = "name: '{{ .Step.Name }} of {{ .Job.Resources.MemPerCPU }}'\nsteps: []\n"
    assert of(module).modules["steps[0]"].module.name == "caller of 10"


def test_given_steps_wait_for_handles_of_the_caller_and_a_module_s_own_are_its_own() -> None:
    module = (
        "name: m\nsteps:\n  - launch: {handleName: mine, steps: []}\n  - dependsOn: [mine]\n"
        "  {{- .Step.Use.Steps | toYaml | nindent 2 }}\n"
    )
    launch = "  - launch: {handleName: Mine, steps: []}\n  - launch: {handleName: other, steps: []}\n"
    waiting = "      steps: [{dependsOn: [other]}]\n"
    modules = MemoryModules({PLACE: module})
    assert load(HEAD + launch + use(more=waiting), modules=modules).problems == ()
    loaded = load(HEAD + launch + use(more=waiting) + "  - dependsOn: [theirs]\n", modules=modules)
    assert [problem.path for problem in loaded.problems] == ["steps[3].dependsOn[0]"]


def test_modules_use_modules_wherever_steps_stand() -> None:
    outer = (
        f"name: outer\nsteps: [{{for: {{parallel: false, items: [a], steps: [{{use: {{source: {PLACE}/in}}}}]}}}}]\n"
    )
    loaded = of(outer, others={f"{PLACE}/in": SIMPLE})
    assert list(loaded.modules) == ["steps[0]", "steps[0].use.module.steps[0].for.steps[0]"]


def test_an_error_deep_inside_names_every_file_on_the_way() -> None:
    loaded = of(f"name: o\nsteps:\n  - use: {{source: {PLACE}/in}}\n", others={f"{PLACE}/in": "name: i\nsteps: 1\n"})
    ((_, line, _, message),) = told(loaded)
    assert line == 5
    outer, inner = f"{PLACE}/module.yaml:3:19: steps[0].use.source", f"{PLACE}/in/module.yaml:2:8: steps"
    assert message == f"{outer}: {inner}: expected a list, found a single value"


def test_a_circle_of_modules_is_named() -> None:
    one, other = (f"name: m\nsteps: [{{use: {{source: {place}}}}}]\n" for place in (f"{PLACE}/b@v1", f"{PLACE}@v2"))
    loaded = of(one, others={f"{PLACE}/b": other})
    assert f"in a circle: {PLACE} -> {PLACE}/b -> {PLACE}" in loaded.problems[0].message


def test_modules_have_a_depth_and_a_number() -> None:
    chain = {f"{PLACE}/{n}": f"name: m\nsteps: [{{use: {{source: {PLACE}/{n + 1}}}}}]\n" for n in range(1, 20)}
    loaded = of(f"name: m\nsteps: [{{use: {{source: {PLACE}/1}}}}]\n", others=chain)
    assert f"{MAX_MODULE_DEPTH} deep" in loaded.problems[0].message
    many = load(HEAD + use() * (MAX_USES + 5), modules=MemoryModules({PLACE: SIMPLE}))
    assert [problem.message for problem in many.problems] == [
        f"a workflow may use {MAX_USES} modules, not more; modules of modules count"
    ]
    wide = "name: m\nsteps:\n" + "  - name: x\n" * 6000
    assert any(
        "10000 steps" in problem.message
        for problem in load(HEAD + use() * 2, modules=MemoryModules({PLACE: wide})).problems
    )


def test_the_work_of_all_modules_together_is_bounded() -> None:
    busy = "name: m\nsteps: []\n{{ range until 10000 }}{{ $x := until 100 }}{{ end }}\n"
    (problem,) = {problem.message for problem in of(busy).problems}
    assert "does not come to an end" in problem
    heavy = "name: m\nsteps: []\n#" + "x" * 500_000 + "\n"
    loaded = load(HEAD + use() * 20, modules=MemoryModules({PLACE: heavy}))
    assert {problem.message for problem in loaded.problems} == {
        "the modules of this workflow are more text and work than modules may be in all"
    }
    assert len(loaded.problems) > 5


def test_data_uses_modules_as_files_do() -> None:
    data = {
        "resources": {"tasks": 1, "gpus": 0, "cpusPerTask": 1, "memPerCpu": 10},
        "steps": [{"use": {"source": PLACE}}, {"use": {"source": "git.test/owner/nowhere"}}],
    }
    loaded = from_data(data, modules=MemoryModules({PLACE: SIMPLE}))
    ((path, line, _, _),) = told(loaded)
    assert (path, line) == ("steps[1].use.source", None)
