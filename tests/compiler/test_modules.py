"""Modules in scripts: inputs arrive literally, outputs come back under their names, nothing else leaks."""

import re
from pathlib import Path

import pytest

from deepsquare import compiler, workflow
from deepsquare.workflow import EnvVar, Step, Use
from tests.support.modules import MemoryModules
from tests.support.runtimes import RuntimeStandIn
from tests.support.scripts import Outcome, ScriptSite, command
from tests.support.shellcheck import complaints
from tests.support.texts import ATTACKS

HEAD = "enableLogging: true\nresources: {tasks: 1, cpusPerTask: 1, memPerCpu: 128, gpus: 0}\nsteps:\n"
PLACE = "git.test/owner/repo"


@pytest.fixture
def site(bare_site: ScriptSite) -> ScriptSite:
    """What srun is called with matters to no test here."""
    return bare_site


def run(site: ScriptSite, steps: str, **modules: str) -> Outcome:
    texts = {f"{PLACE}/{name}": f"name: {name}\n{text}" for name, text in modules.items()}
    loaded = workflow.load(HEAD + steps, modules=MemoryModules(texts))
    return site.run(compiler.compile(loaded, salt="0" * 32).text)


def test_inputs_and_defaults_arrive_and_stay_in_the_module(site: ScriptSite) -> None:
    module = (
        "inputs: [{key: WHO, default: World}, {key: HOW, default: \"'$(id)'\"}, {key: WHY}]\n"
        "steps:\n  - run: {command: 'echo \"$WHO|$HOW|$WHY|$MINE\"'}\n"
    )
    steps = f"""\
  - use:
      source: {PLACE}/m
      args: [{{key: WHO, value: 'a, "b" $c'}}]
  - use: {{source: {PLACE}/m}}
  - run: {{command: 'echo "${{WHO-nobody}}"'}}
"""
    assert run(site, steps, m=module).stdout == "a, \"b\" $c|'$(id)'||\nWorld|'$(id)'||\nnobody\n"
    assert site.scratch_folders() == []


@pytest.mark.parametrize("text", ATTACKS)
def test_any_argument_arrives_byte_for_byte(site: ScriptSite, text: str) -> None:
    module = "name: m\ninputs: [{key: GIVEN}]\nsteps: [{run: {command: 'printf %s \"$GIVEN\"'}}]\n"
    job = workflow.Workflow(
        resources=workflow.JobResources(tasks=1, cpus_per_task=1, memory_per_cpu_mb=1, gpus=0),
        steps=(Step(use=Use(source=PLACE, args=(EnvVar(key="GIVEN", value=text),))), command("printf END")),
        enable_logging=True,
    )
    loaded = workflow.from_data(workflow.to_data(job), modules=MemoryModules({PLACE: module}))
    assert site.run(compiler.compile(loaded, salt="0" * 32).text).stdout == f"{text}END"


OUTPUTS = """\
outputs: [{key: RESULT, description: d}, {key: RES, description: d}, {key: UNTOLD, description: d}]
steps:
  - run:
      command: |
        exec >> "$DEEPSQUARE_ENV"
        printf 'RESULT=first\\nRESULT=a, "b"=c\\nRESULTS=no\\nHIDDEN=1\\nRES<<X\\none\\nEND\\n\\nX\\n'
  - if: $HIDDEN = 1
    run: {command: 'echo "inside $RESULT"'}
"""
SHOW = """\
  - run: {command: 'echo "$M_RESULT|$M_RES|${M_UNTOLD-unset}|${M_RESULTS-unset}|${RESULT-unset}|${HIDDEN-unset}"'}
"""


def test_outputs_come_back_under_their_names_and_nothing_else_does(site: ScriptSite) -> None:
    steps = (
        f"  - run: {{command: 'echo RESULT=mine >> $DEEPSQUARE_ENV'}}\n  - use: {{source: {PLACE}/m, exportEnvAs: M}}\n"
    )
    outcome = run(site, steps + SHOW, m=OUTPUTS)
    assert outcome.stdout == 'inside a, "b"=c\na, "b"=c|one\nEND\n|unset|unset|mine|unset\n'
    assert outcome.stderr == ""


def test_without_a_name_for_them_no_output_comes_back(site: ScriptSite) -> None:
    outcome = run(site, f"  - use: {{source: {PLACE}/m}}\n" + SHOW, m=OUTPUTS)
    assert outcome.stdout.endswith("||unset|unset|unset|unset\n")


def test_what_a_module_has_told_before_it_fails_comes_back_too(site: ScriptSite) -> None:
    module = (
        "outputs: [{key: REASON, description: d}]\nsteps:\n"
        "  - run: {command: 'echo REASON=late >> $DEEPSQUARE_ENV; exit 7'}\n"
    )
    steps = f"""\
  - use: {{source: {PLACE}/m, exportEnvAs: M}}
    catch:
      - run: {{command: 'echo "$DEEPSQUARE_ERROR_CODE: $M_REASON"'}}
"""
    assert run(site, steps, m=module).stdout == "7: late\n"


def test_a_condition_of_a_module_sees_its_inputs_and_its_own_variables(site: ScriptSite) -> None:
    module = """\
inputs: [{key: MODE, description: d, default: slow}]
steps:
  - run: {command: 'echo OWN=$MODE >> $DEEPSQUARE_ENV'}
  - if: $MODE$OWN = fastfast
    run: {command: echo fast}
"""
    steps = f"""\
  - use: {{source: {PLACE}/m, args: [{{key: MODE, value: fast}}]}}
  - use: {{source: {PLACE}/m}}
  - if: -z ${{MODE-}}${{OWN-}}
    run: {{command: echo forgotten}}
"""
    assert run(site, steps, m=module).stdout == "fast\nforgotten\n"


def test_outputs_of_modules_of_modules_come_back_step_by_step(site: ScriptSite) -> None:
    outer = (
        f"outputs: [{{key: IN_RESULT, description: d}}]\nsteps:\n  - use: {{source: {PLACE}/m, exportEnvAs: IN}}\n"
        "  - run: {command: 'echo \"outer $IN_RESULT\"'}\n"
    )
    steps = f"""\
  - use: {{source: {PLACE}/outer, exportEnvAs: OUT}}
  - run: {{command: 'echo "$OUT_IN_RESULT ${{IN_RESULT-unset}}"'}}
"""
    assert run(site, steps, m=OUTPUTS, outer=outer).stdout.splitlines()[1:] == [
        'outer a, "b"=c',
        'a, "b"=c unset',
    ]


def test_given_steps_run_in_the_module_and_see_what_the_caller_sees(site: ScriptSite) -> None:
    module = (
        "inputs: [{key: WHO, default: me}]\nsteps:\n  - run: {command: echo before}\n"
        "  {{- .Step.Use.Steps | toYaml | nindent 2 }}\n  - run: {command: echo after}\n"
    )
    steps = f"""\
  - run: {{command: 'echo SEEN=yes >> $DEEPSQUARE_ENV'}}
  - use:
      source: {PLACE}/m
      steps:
        - for:
            parallel: false
            items: [a, b]
            steps:
              - run: {{command: 'echo "$item $WHO $SEEN"'}}
"""
    assert run(site, steps, m=module).stdout.splitlines() == ["before", "a me yes", "b me yes", "after"]


def test_iterations_at_once_do_not_see_each_other_s_modules(site: ScriptSite) -> None:
    module = (
        "inputs: [{key: N}]\noutputs: [{key: OUT, description: d}]\nsteps:\n"
        "  - run: {command: 'echo \"OUT=$item\" >> $DEEPSQUARE_ENV'}\n  - run: {command: 'echo \"$item=$OUT\"'}\n"
    )
    using = f"{{use: {{source: {PLACE}/m, args: [{{key: N, value: x}}]}}}}"
    steps = f"  - for: {{parallel: true, items: [a, b, c], steps: [{using}]}}\n"
    assert sorted(run(site, steps, m=module).stdout.splitlines()) == ["a=a", "b=b", "c=c"]


def test_a_failing_module_fails_its_step_with_its_code_and_is_caught_like_any(site: ScriptSite) -> None:
    module = (
        "steps:\n  - run: {command: exit 7}\n    finally: [{run: {command: echo tidied}}]\n"
        "  - run: {command: echo never}\n"
    )
    steps = f"  - use: {{source: {PLACE}/m}}\n    catch: [{{run: {{command: 'echo caught $DEEPSQUARE_ERROR_CODE'}}}}]\n"
    outcome = run(site, steps, m=module)
    assert (outcome.exit_code, outcome.stdout) == (0, "tidied\ncaught 7\n")
    assert outcome.stderr == "deepsquare: steps[0].use.module.steps[0] failed with exit code 7\n"
    assert run(site, f"  - use: {{source: {PLACE}/m}}\n", m=module).exit_code == 7


def test_what_a_module_launches_ends_with_it(site: ScriptSite) -> None:
    module = (
        'steps:\n  - launch: {handleName: server, steps: [{run: {command: \'trap "echo ended; exit" TERM; touch up; '
        "while :; do sleep 0.1; done'}}]}\n  - run: {command: 'until [ -e up ]; do sleep 0.05; done; echo up'}\n"
    )
    launch = "  - launch: {handleName: server, steps: []}\n"
    steps = f"{launch}  - use: {{source: {PLACE}/m}}\n  - run: {{command: echo after}}\n"
    assert run(site, steps, m=module).stdout.splitlines() == ["up", "ended", "after"]


def test_a_container_in_a_module_finds_the_module_s_file_at_its_place(site: ScriptSite, tmp_path: Path) -> None:
    runtime = RuntimeStandIn(tmp_path / "runtime")
    step = "run: {container: {image: 'alpine:3', apptainer: true}, command: 'true'}"
    modules = MemoryModules({PLACE: f"name: m\nsteps:\n  - {step}\n"})
    loaded = workflow.load(f"{HEAD}  - use: {{source: {PLACE}}}\n  - {step}\n", modules=modules)
    script = compiler.compile(loaded, salt="0" * 32).text
    outcome = site.run(script, {"DEEPSQUARE_SITE_APPTAINER": str(runtime.path)})
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    within, after = (call.environment["APPTAINERENV_DEEPSQUARE_ENV"] for call in runtime.take_calls("exec"))
    assert re.fullmatch(r"/deepsquare/env-\w+", within)
    assert after == "/deepsquare/env"
    assert [affinity.label.key for affinity in compiler.definition(loaded, "0" * 64).affinities] == [
        "container.apptainer"
    ]


@pytest.mark.system
@pytest.mark.parametrize(
    "steps", [f"  - use: {{source: {PLACE}/m}}\n", f"  - use: {{source: {PLACE}/m, exportEnvAs: M}}\n"]
)
def test_shellcheck_has_nothing_to_say_about_modules(steps: str) -> None:
    modules = MemoryModules({f"{PLACE}/m": f"name: m\n{OUTPUTS}"})
    loaded = workflow.load(HEAD + steps, modules=modules)
    assert complaints(compiler.compile(loaded, salt="0" * 32).text) == ""


def test_the_script_names_its_modules_to_the_commit(site: ScriptSite) -> None:  # noqa: ARG001
    modules = MemoryModules({PLACE: "name: m\nsteps: []\n"})
    loaded = workflow.load(f"{HEAD}  - use: {{source: {PLACE}@v1}}\n", modules=modules)
    head = compiler.compile(loaded, salt="0" * 32).text.split("\n\n")[0]
    assert head.endswith(f"\n# module: {PLACE}@{loaded.modules['steps[0]'].commit}")
