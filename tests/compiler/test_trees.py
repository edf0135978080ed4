"""Random jobs: what the script does agrees with what an interpreter of the language says."""

import json
from typing import Any

from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from tests.support.interpreter import BROKEN, FALSE, TRUE, Event, Interpreter, Surroundings, Undetermined
from tests.support.profiles import examples
from tests.support.scripts import ScriptSite, script_of

Steps = list[dict[str, Any]]

MAX_DEPTH = 4
MAX_COMMANDS = 14


class Grower:
    """Grows one random job; names of commands and handles count up."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._commands = 0
        self._handles = 0

    def steps(self, depth: int, loops: frozenset[str], handles: tuple[str, ...], *, may_fail: bool) -> Steps:
        known = list(handles)
        steps: Steps = []
        for _ in range(self._draw(st.integers(0 if depth else 1, 3))):
            step = self._step(depth, loops, tuple(known), may_fail=may_fail)
            known += [step["launch"]["handleName"]] if "handleName" in step.get("launch", {}) else []
            steps.append(step)
        return steps

    def _one_of(self, *choices: Any) -> Any:
        return self._draw(st.sampled_from(choices))

    def _step(self, depth: int, loops: frozenset[str], handles: tuple[str, ...], *, may_fail: bool) -> dict[str, Any]:
        step = self._action(depth, loops, handles, may_fail=may_fail)
        if handles and may_fail and self._one_of(True, False):
            step["dependsOn"] = [self._one_of(*handles)]
        if self._one_of(True, False, False):
            choices = [TRUE, FALSE, *(["$item = a"] if "items" in loops else []), *([BROKEN] if may_fail else [])]
            step["if"] = self._one_of(*choices)
        for trap in ("catch", "finally"):
            if depth < MAX_DEPTH and self._one_of(True, False, False):
                step[trap] = self.steps(depth + 1, loops, handles, may_fail=may_fail)
        return step

    def _action(self, depth: int, loops: frozenset[str], handles: tuple[str, ...], *, may_fail: bool) -> dict[str, Any]:
        kind = self._one_of("run", "run", "steps", "for", "launch")
        if kind == "run" or depth == MAX_DEPTH or self._commands >= MAX_COMMANDS:
            return self._run(may_fail=may_fail)
        if kind == "steps":
            return {"steps": self.steps(depth + 1, loops, handles, may_fail=may_fail)}
        if kind == "launch":
            return self._launch(depth, loops, handles, may_fail=may_fail)
        free = sorted({"items", "range"} - loops)
        return self._for(depth, loops, handles, self._one_of(*free), may_fail=may_fail) if free else {}

    def _run(self, *, may_fail: bool) -> dict[str, Any]:
        code = self._one_of(0, 0, 0, 1, 7, 143) if may_fail else 0
        return self._command(f"exit {code}", code)

    def _command(self, last: str, code: int) -> dict[str, Any]:
        self._commands += 1
        shown = f"c{self._commands} $item:$index:$DEEPSQUARE_ERROR_CODE"
        return {"run": {"command": f'echo "{shown}" >>"$TRACE"; {last} #c{self._commands}#{code}'}}

    def _launch(self, depth: int, loops: frozenset[str], handles: tuple[str, ...], *, may_fail: bool) -> dict[str, Any]:
        signal = self._one_of(0, 15)
        if signal and self._one_of(True, False, False):  # a server: it runs until the steps around it are done
            return {"launch": {"steps": [self._command("exec sleep 1000", 0)]}}
        may_fail = may_fail and signal == 0
        launch = {"signalOnParentStepExit": signal, "steps": self.steps(depth + 1, loops, handles, may_fail=may_fail)}
        if self._one_of(True, False):
            self._handles += 1
            launch["handleName"] = f"h{self._handles}"
        return {"launch": launch}

    def _for(
        self, depth: int, loops: frozenset[str], handles: tuple[str, ...], kind: str, *, may_fail: bool
    ) -> dict[str, Any]:
        loop: dict[str, Any] = {"parallel": self._one_of(True, False)}
        if kind == "items":
            loop["items"] = self._draw(st.lists(st.sampled_from("abc"), max_size=3, unique=True))
        else:
            begin, end = self._one_of((1, 2), (0, 0), (2, 1))
            loop["range"] = {"begin": begin, "end": end, "increment": self._one_of(1, -1)}
        loop["steps"] = self.steps(depth + 1, loops | {kind}, handles, may_fail=may_fail)
        return {"for": loop}


@st.composite
def jobs(draw: st.DrawFn) -> Steps:
    """The steps of random jobs."""
    return Grower(draw).steps(0, frozenset(), (), may_fail=True)


@examples(quick=8, thorough=2000, suppress=(HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much))
@given(jobs())
def test_a_script_does_what_the_language_says(bare_site: ScriptSite, steps: Steps) -> None:
    interpreter = Interpreter()
    try:
        code, events = interpreter.scope(steps, Surroundings())
    except Undetermined:
        assume(False)
        raise
    trace = bare_site.folder / "trace"
    trace.write_text("")
    resources = {"tasks": 1, "gpus": 0, "cpusPerTask": 1, "memPerCpu": 1}
    env = [{"key": "TRACE", "value": str(trace)}]
    outcome = bare_site.run(script_of(json.dumps({"resources": resources, "env": env, "steps": steps})))
    happened = [parse(line) for line in trace.read_text().splitlines()]
    assert outcome.exit_code == code
    check_events(happened, events)
    check_order([key for key, _ in happened], interpreter.order)
    assert bare_site.scratch_folders() == []


def parse(line: str) -> tuple[tuple[str, str, str], str]:
    name, _, rest = line.partition(" ")
    item, index, error_code = rest.split(":")
    return (name, item, index), error_code


def check_events(happened: list[tuple[tuple[str, str, str], str]], events: list[Event]) -> None:
    """What had to happen has happened, once; nothing else has, but what may."""
    expected = {event.key: event for event in events}
    assert len(expected) == len(events), "an event has two causes: the test itself is wrong"
    seen = dict(happened)
    assert len(seen) == len(happened), "a command ran twice"
    assert seen.keys() <= expected.keys()
    assert seen.keys() >= {event.key for event in events if not event.is_optional}
    assert all(seen[key] == expected[key].error_code for key in seen if not expected[key].is_optional)


def check_order(happened: list[tuple[str, str, str]], order: list[tuple[list[Event], list[Event]]]) -> None:
    places = {key: place for place, key in enumerate(happened)}
    for before, after in order:
        firsts = [places[event.key] for event in before if event.key in places]
        lasts = [places[event.key] for event in after if event.key in places]
        assert not firsts or not lasts or max(firsts) < min(lasts)
