"""How what runs beside other steps comes to its end: loops that fail, scopes that are done, jobs that are stopped."""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import Outcome, ScriptSite, script_of
from tests.support.texts import UNTIL_A_SIGNAL

Step = Mapping[str, Any]


def run(text: str, **more: Any) -> Step:
    return {"run": {"command": text}, **more}


def say(text: str) -> Step:
    return run(f'echo "{text}"')


def launch(*steps: Step, **more: Any) -> Step:
    return {"launch": {"steps": list(steps), **more}}


def script(*steps: Step) -> str:
    resources = {"tasks": 4, "gpus": 0, "cpusPerTask": 1, "memPerCpu": 100}
    return script_of(json.dumps({"enableLogging": True, "resources": resources, "steps": list(steps)}))


class Doors:
    """Named pipes between a test and the steps of its job: a step says that it is somewhere, a test lets it go on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _door(self, name: str) -> Path:
        path = self._folder / name.replace(" ", "-")
        if not path.exists():
            os.mkfifo(path)
        return path

    def knock(self, name: str) -> str:
        """Shell text that returns when the test awaits the same name."""
        return f"echo here >{self._door(name)}"

    def enter(self, name: str) -> str:
        """Shell text that returns when the test opens the same name."""
        return f"cat {self._door(name)} >/dev/null"

    def wait_for(self, *names: str) -> None:
        """Until a step knocks at each."""
        for name in names:
            self._door(name).read_text()

    def open(self, name: str) -> None:
        self._door(name).write_text("")


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors(tmp_path)


def server(doors: Doors, name: str, on: str = "TERM", end: int = 0) -> Step:
    """A step that knocks, and then runs until a signal comes; it says which."""
    trap = f"trap 'echo {name} got {on}; kill $! 2>/dev/null; exit {end}' {on}"
    text = f"{trap}; {doors.knock(name)}; {UNTIL_A_SIGNAL}"
    return {"run": {"shell": "/bin/bash", "command": text}}


def stop(site: ScriptSite, doors: Doors, text: str, *names: str, number: int = signal.SIGTERM) -> Outcome:
    """Run a job, and send it a signal as soon as these steps have knocked."""
    process = site.start(text)
    doors.wait_for(*names)
    process.send_signal(number)
    return site.finish(process)


def seen(outcome: Outcome) -> list[str]:
    return outcome.stdout.splitlines()


# -- the job is asked to end


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_finally_runs_once_and_no_further_step(site: ScriptSite, doors: Doors, number: int, exit_code: int) -> None:
    steps = (
        {**server(doors, "step"), "catch": [say("caught")], "finally": [say("tidy $DEEPSQUARE_ERROR_CODE")]},
        say("never"),
    )
    outcome = stop(site, doors, script(*steps), "step", number=number)
    assert (outcome.exit_code, seen(outcome)) == (exit_code, ["step got TERM", f"tidy {exit_code}"])
    assert site.scratch_folders() == []


def test_finally_blocks_run_from_the_inside_out(site: ScriptSite, doors: Doors) -> None:
    inner = {**server(doors, "step"), "finally": [say("inner"), say("inner 2")]}
    loop = {"for": {"parallel": False, "items": ["a", "b"], "steps": [inner]}, "finally": [say("loop")]}
    outcome = stop(site, doors, script({"steps": [loop, say("never")], "finally": [say("outer")]}), "step")
    assert (outcome.exit_code, seen(outcome)) == (143, ["step got TERM", "inner", "inner 2", "loop", "outer"])


def test_finally_of_a_job_that_ends_needs_no_step_of_slurm(site: ScriptSite, doors: Doors) -> None:
    tidy = {"run": {"command": 'echo "$A $(pwd)"', "env": [{"key": "A", "value": "it's"}], "workDir": "/usr"}}
    outcome = stop(site, doors, script({**server(doors, "step"), "finally": [tidy]}), "step")
    assert seen(outcome) == ["step got TERM", "it's /usr"]
    assert len(outcome.calls) == 1


def test_finally_that_has_begun_runs_to_its_end(site: ScriptSite, doors: Doors) -> None:
    tidy = run(f"{doors.knock('tidying')}; {doors.enter('go on')}; echo tidied")
    process = site.start(script(run("exit 3", **{"finally": [tidy, say("and more")]}), say("never")))
    doors.wait_for("tidying")
    process.terminate()
    process.terminate()
    doors.open("go on")
    outcome = site.finish(process)
    assert (outcome.exit_code, seen(outcome)) == (143, ["tidied", "and more"])


def test_a_step_that_failed_within_finally_can_be_caught_there(site: ScriptSite, doors: Doors) -> None:
    tidy = {"steps": [run("exit 4", catch=[say("caught $DEEPSQUARE_ERROR_CODE")])]}
    outcome = stop(site, doors, script({**server(doors, "step"), "finally": [tidy, say("on")]}), "step")
    assert (outcome.exit_code, seen(outcome)) == (143, ["step got TERM", "caught 4", "on"])


@pytest.mark.programs
def test_a_signal_changes_no_exit_code_within_finally(tmp_path: Path) -> None:
    """Bash loses the code of a process that it awaits in the background and that ends together with a signal."""
    pid = tmp_path / "pid"
    tidy = run(f"kill -TERM $(cat {pid}); exit $((index % 2))", catch=[say("$index failed")])
    numbers = {"begin": 1, "end": 60, "increment": 1}
    loop = {"for": {"parallel": False, "range": numbers, "steps": [tidy]}}
    site = ScriptSite(tmp_path / "site", is_bare=True)
    outcome = site.run(script(run(f"echo $PPID >{pid}", **{"finally": [loop]})))
    assert (outcome.exit_code, seen(outcome)) == (143, [f"{index} failed" for index in range(1, 60, 2)])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_a_command_of_finally_that_dies_of_a_signal_has_failed_and_no_more(
    site: ScriptSite, number: signal.Signals
) -> None:
    tidy = run(f"kill -{number:d} $$", catch=[say("caught $DEEPSQUARE_ERROR_CODE")])
    outcome = site.run(script(run("exit 3", **{"finally": [tidy, say("and more")]})))
    assert (outcome.exit_code, seen(outcome)) == (3, [f"caught {128 + number}", "and more"])


def test_everything_that_runs_is_asked_to_end_and_awaited(site: ScriptSite, doors: Doors) -> None:
    beside = launch({**server(doors, "beside"), "finally": [say("beside tidied")]}, say("never"))
    waiting = launch(server(doors, "waiting"), signalOnParentStepExit=0)
    knocks = " ".join(f"{name}) {doors.knock(name)} ;;" for name in ("a", "b"))
    text = f"trap 'echo $item got TERM; exit 0' TERM; case $item in {knocks} esac; {UNTIL_A_SIGNAL}"
    step = {"run": {"shell": "/bin/bash", "command": text}, "finally": [say("$item tidied")]}
    text = script(beside, waiting, {"for": {"parallel": True, "items": ["a", "b"], "steps": [step]}}, say("never"))
    outcome = stop(site, doors, text, "beside", "waiting", "a", "b")
    assert outcome.exit_code == 143
    assert sorted(seen(outcome)) == [
        "a got TERM",
        "a tidied",
        "b got TERM",
        "b tidied",
        "beside got TERM",
        "beside tidied",
        "waiting got TERM",
    ]
    assert site.scratch_folders() == []


def test_awaiting_a_launched_step_ends_with_the_job(site: ScriptSite, doors: Doors) -> None:
    steps = (launch(server(doors, "server"), handleName="s"), {"dependsOn": ["s"], **say("never")})
    outcome = stop(site, doors, script(*steps), "server")
    assert (outcome.exit_code, seen(outcome)) == (143, ["server got TERM"])


# -- the steps around a launched one are done


def test_a_launched_step_gets_its_signal_when_the_steps_around_it_are_done(site: ScriptSite, doors: Doors) -> None:
    steps = ({"steps": [launch(server(doors, "server")), run(doors.enter("go on"))]}, say("after"))
    process = site.start(script(*steps))
    doors.wait_for("server")
    doors.open("go on")
    outcome = site.finish(process)
    assert (outcome.exit_code, seen(outcome), outcome.stderr) == (0, ["server got TERM", "after"], "")


@pytest.mark.parametrize(("number", "name"), [(1, "HUP"), (2, "INT"), (10, "USR1"), (12, "USR2"), (15, "TERM")])
def test_the_signal_is_the_one_that_was_asked_for(site: ScriptSite, doors: Doors, number: int, name: str) -> None:
    steps = (launch(server(doors, "server", on=name), signalOnParentStepExit=number), run(doors.enter("go on")))
    process = site.start(script(*steps))
    doors.wait_for("server")
    doors.open("go on")
    outcome = site.finish(process)
    assert (outcome.exit_code, seen(outcome)) == (0, [f"server got {name}"])


def test_the_signal_reaches_all_processes_of_a_command(site: ScriptSite, doors: Doors) -> None:
    child = f"trap 'echo child got TERM; exit' TERM; {doors.knock('child')}; {UNTIL_A_SIGNAL}"
    text = f'bash -c "{child}" & trap : TERM; wait; wait; echo parent'
    steps = (launch({"run": {"shell": "/bin/bash", "command": text}}), run(doors.enter("go on")))
    process = site.start(script(*steps))
    doors.wait_for("child")
    doors.open("go on")
    assert seen(site.finish(process)) == ["child got TERM", "parent"]


def test_how_a_step_ends_after_its_signal_does_not_count(site: ScriptSite, doors: Doors) -> None:
    process = site.start(script(launch(server(doors, "server", end=7)), run(doors.enter("go on"))))
    doors.wait_for("server")
    doors.open("go on")
    assert site.finish(process).exit_code == 0


def test_a_launched_step_that_is_ended_runs_its_finally_and_no_catch(site: ScriptSite, doors: Doors) -> None:
    step = {**server(doors, "server"), "catch": [say("caught")], "finally": [say("tidied")]}
    process = site.start(script(launch(step, say("never")), run(doors.enter("go on"))))
    doors.wait_for("server")
    doors.open("go on")
    outcome = site.finish(process)
    assert (outcome.exit_code, seen(outcome)) == (0, ["server got TERM", "tidied"])
    assert len(outcome.calls) == 3, "the job goes on: its steps are Slurm's"


def test_a_failure_ends_what_is_launched_and_stays_the_jobs(site: ScriptSite, doors: Doors) -> None:
    process = site.start(script(launch(server(doors, "server")), run(f"{doors.enter('fail')}; exit 9"), say("never")))
    doors.wait_for("server")
    doors.open("fail")
    outcome = site.finish(process)
    assert (outcome.exit_code, seen(outcome)) == (9, ["server got TERM"])


def test_a_launched_step_that_ends_leaves_its_siblings_alone(site: ScriptSite, doors: Doors) -> None:
    steps = (
        launch(say("short"), handleName="short"),
        launch(server(doors, "server")),
        {"dependsOn": ["short"], **run(doors.enter("go on"))},
        say("still here"),
    )
    process = site.start(script(*steps))
    doors.wait_for("server")
    doors.open("go on")
    outcome = site.finish(process)
    assert (outcome.exit_code, seen(outcome)[-2:]) == (0, ["still here", "server got TERM"])


def test_launched_steps_nest(site: ScriptSite, doors: Doors) -> None:
    inner = launch({**server(doors, "inner"), "finally": [say("inner tidied")]})
    outer = launch(inner, {**server(doors, "outer"), "finally": [say("outer tidied")]})
    process = site.start(script(outer, run(doors.enter("go on"))))
    doors.wait_for("inner", "outer")
    doors.open("go on")
    outcome = site.finish(process)
    assert outcome.exit_code == 0
    assert seen(outcome) == ["outer got TERM", "outer tidied", "inner got TERM", "inner tidied"]


# -- an iteration fails


def test_the_first_iteration_that_fails_ends_the_others_which_are_awaited(site: ScriptSite, doors: Doors) -> None:
    text = (
        f"[ $item = bad ] && {{ {doors.enter('fail')}; exit 5; }}; "
        f"trap 'echo $item got TERM; exit 0' TERM; {doors.knock('good')}; {UNTIL_A_SIGNAL}"
    )
    step = {"run": {"shell": "/bin/bash", "command": text}, "finally": [say("$item tidied")]}
    process = site.start(
        script({"for": {"parallel": True, "items": ["good", "bad"], "steps": [step, say("never")]}}, say("never"))
    )
    doors.wait_for("good")
    doors.open("fail")
    outcome = site.finish(process)
    assert outcome.exit_code == 5
    assert seen(outcome) == ["bad tidied", "good got TERM", "good tidied"]
