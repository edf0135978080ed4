"""However a stranger makes a text, reading it takes a bounded while, and bounded memory."""

import time

import pytest

from deepsquare.workflow import load
from deepsquare.workflow.guesses import Guesses
from deepsquare.workflow.handles import check_handles
from deepsquare.workflow.limits import MAX_USES
from deepsquare.workflow.problems import ProblemList
from deepsquare.workflow.yaml_reader import read_yaml
from tests.support.modules import MemoryModules
from tests.workflow.test_modules import HEAD, PLACE, use

LAUNCHES = "".join(f"- launch: {{handleName: handle{index}, steps: []}}\n" for index in range(2000))

TEXTS = {
    "unknown handles": (
        f"{HEAD}{LAUNCHES}- dependsOn: [{','.join(f'hanxle{index}' for index in range(5000))}]\n",
        f"{HEAD}{LAUNCHES}- dependsOn: [{','.join(f'handle{index % 2000}' for index in range(5000))}]\n",
    ),
    "groups of steps behind launched ones": (
        HEAD + LAUNCHES + "- steps: [{}]\n" * 9_000,
        HEAD + "- steps: [{}]\n" * 11_000,
    ),
}
"""Each with a harmless text of its size, beside which it takes two to three times as long, without a bound hundreds."""


@pytest.mark.parametrize(("text", "harmless"), TEXTS.values(), ids=TEXTS)
def test_reading_takes_no_longer_than_its_size_does(text: str, harmless: str) -> None:
    assert _seconds_to_read(text) < 20 * _seconds_to_read(harmless)


def _seconds_to_read(text: str) -> float:
    started = time.process_time()
    load(text)
    return time.process_time() - started


def test_what_uses_see_is_kept_for_as_many_as_there_may_be() -> None:
    problems = ProblemList()
    job = read_yaml(HEAD + "- launch: {handleName: part, steps: []}\n" + "- use: {}\n" * (MAX_USES + 5), problems)
    assert job is not None
    seen = check_handles(job, problems)
    assert len(seen) == MAX_USES
    assert set(map(frozenset, seen.values())) == {frozenset({"part"})}


def test_guesses_end_where_comparing_takes_too_long() -> None:
    guesses = Guesses()
    assert guesses.nearest("ntasks", ("tasks", "gpus")) == "tasks"
    assert guesses.nearest("x" * 10_000, ("y" * 10_000,)) is None
    assert guesses.nearest("ntasks", ("tasks", "gpus")) is None


def test_a_hint_names_twenty_inputs_of_a_module() -> None:
    inputs = "".join(f"  - {{key: INPUT_{index}, description: d, default: d}}\n" for index in range(50))
    module = f"name: m\ndescription: d\ninputs:\n{inputs}steps: []\n"
    workflow = HEAD + use(more="      args: [{key: Q, value: x}]\n")
    (problem,) = load(workflow, modules=MemoryModules({PLACE: module})).problems
    assert problem.hint.startswith("it asks for INPUT_0, INPUT_1, ")
    assert problem.hint.endswith(", INPUT_19, others")


def test_a_module_with_thousands_of_errors_is_looked_at_a_few_times_and_tells_a_few_of_them() -> None:
    module = f"name: m\nsteps: [{'{run: {}},' * 3000}]\n"
    messages = [problem.message for problem in load(HEAD + use() * 50, modules=MemoryModules({PLACE: module})).problems]
    readings = messages.count("the module has 2980 more errors")
    assert 1 <= readings < 5
    assert sum("command is required" in message for message in messages) == 20 * readings
    assert sum("more text and work" in message for message in messages) == 50 - readings
