"""Each container that a workflow runs is known with the place where its image is named."""

from deepsquare.workflow import Loaded, Severity, from_data, load
from tests.support.modules import MemoryModules

HEAD = "resources: {tasks: 1, gpus: 0, cpusPerTask: 1, memPerCpu: 10}\nsteps:\n"
PLACE = "git.test/owner/repo"
MODULE = "name: m\ndescription: d\nsteps:\n  - run: {command: x, container: {image: inside}}\n"


def told(loaded: Loaded) -> list[str]:
    problems = [placed.problem(Severity.ERROR, "it is not there", "look for it") for placed in loaded.containers]
    return [problem.describe("job.yaml") for problem in problems]


def test_a_container_is_placed_at_its_image() -> None:
    text = (
        f"{HEAD}  - for: {{parallel: false, items: [x], steps: [{{run: {{command: x, container: {{image: a}}}}}}]}}\n"
    )
    path = "steps[0].for.steps[0].run.container.image"
    assert told(load(text)) == [f"job.yaml:3:86: error: {path}: it is not there; look for it"]


def test_a_workflow_without_lines_has_paths() -> None:
    container = {"image": "a"}
    data = {
        "resources": {"tasks": 1, "gpus": 0, "cpusPerTask": 1, "memPerCpu": 10},
        "steps": [{"run": {"command": "x", "container": container}}],
    }
    assert told(from_data(data)) == ["job.yaml: error: steps[0].run.container.image: it is not there; look for it"]


def test_a_container_of_a_module_is_placed_where_the_module_is_used_and_names_its_place_there() -> None:
    loaded = load(f"{HEAD}  - use: {{source: {PLACE}}}\n", modules=MemoryModules({PLACE: MODULE}))
    inside = f"{PLACE}/module.yaml:4:42: steps[0].run.container.image: it is not there; look for it"
    assert told(loaded) == [f"job.yaml:3:19: error: steps[0].use.source: {inside}"]


def test_a_container_of_a_modules_module_names_the_whole_way() -> None:
    outer = f"name: m\ndescription: d\nsteps:\n  - use: {{source: {PLACE}/in}}\n"
    modules = MemoryModules({PLACE: outer, f"{PLACE}/in": MODULE})
    loaded = load(f"{HEAD}  - use: {{source: {PLACE}}}\n", modules=modules)
    inside = f"{PLACE}/in/module.yaml:4:42: steps[0].run.container.image: it is not there; look for it"
    between = f"{PLACE}/module.yaml:4:19: steps[0].use.source: {inside}"
    assert told(loaded) == [f"job.yaml:3:19: error: steps[0].use.source: {between}"]


def test_steps_that_are_given_to_a_module_count_where_it_runs_them() -> None:
    given = f"{HEAD}  - use: {{source: {PLACE}, steps: [{{run: {{command: x, container: {{image: a}}}}}}]}}\n"
    ignoring = "name: m\ndescription: d\nsteps: []\n"
    running = "name: m\ndescription: d\nsteps: {{ toJson .Step.Use.Steps }}\n"
    assert load(given, modules=MemoryModules({PLACE: ignoring})).containers == ()
    loaded = load(given, modules=MemoryModules({PLACE: running}))
    assert [placed.container.image for placed in loaded.containers] == ["a"], loaded.problems


def test_a_workflow_with_errors_has_none() -> None:
    assert load(f"{HEAD}  - run: {{command: x, container: {{image: a}}, dns: 7}}\n").containers == ()
