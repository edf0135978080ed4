"""The text of a script: deterministic, short, readable, and clean for every input."""

import hashlib
import re
import subprocess
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare import compiler, workflow
from deepsquare.compiler.errors import InvalidSalt
from deepsquare.compiler.library import part
from deepsquare.model import Affinity, AffinityOperator, JobDefinition, Label
from deepsquare.scheduling import Rejection, candidates
from deepsquare.scheduling.affinity import holds
from deepsquare.workflow import (
    RESERVED_NAMES,
    Bore,
    Container,
    InvalidWorkflow,
    Launch,
    NetworkInterface,
    NetworkMember,
    Run,
    RunResources,
    Step,
    Wireguard,
)
from tests.support.modules import MemoryModules
from tests.support.scripts import BASH, command, script_of_steps, variables
from tests.support.shellcheck import complaints
from tests.support.sites import NOW, request, site
from tests.support.texts import ATTACKS, TEXTS

PLAIN = workflow.Workflow(
    resources=workflow.JobResources(tasks=1, cpus_per_task=2, memory_per_cpu_mb=300, gpus=4),
    steps=(command("echo hello", name="hello"),),
)


BOX = Container(image="a", apptainer=True)


def test_the_same_workflow_and_salt_give_the_same_bytes() -> None:
    first, second = (compiler.compile(PLAIN, salt="abc") for _ in range(2))
    assert first == second
    assert first.hash == hashlib.sha256(first.text.encode()).hexdigest()
    assert re.fullmatch(r"[0-9a-f]{64}", first.hash)


def test_another_salt_gives_another_hash_and_stands_in_the_first_lines() -> None:
    one, other = (compiler.compile(PLAIN, salt=salt) for salt in ("abc", "abd"))
    assert one.hash != other.hash
    assert "# salt: abc" in one.text.splitlines()[:4]


@pytest.mark.parametrize("salt", ["", "a b", "a\nb", "é", "x" * 201, "a;b"])
def test_a_salt_that_could_break_the_header_is_refused(salt: str) -> None:
    with pytest.raises(InvalidSalt, match="a salt has 1 to 200"):
        compiler.compile(PLAIN, salt=salt)


def test_a_script_of_one_plain_step_is_short() -> None:
    assert len(compiler.compile(PLAIN, salt="0" * 64).text.encode()) < 8 * 1024


def test_the_users_program_stands_after_the_runtime_in_the_order_of_the_workflow() -> None:
    steps = (command("first", name="one"), Step(steps=(command("second"),)), command("third"))
    text = script_of_steps(*steps)
    program = text[text.index("# --- The user's program. ---") :]
    places = [program.index(part) for part in ("# steps[0]", "'first'", "# steps[1].steps[0]", "'second'", "'third'")]
    assert places == sorted(places)
    assert text.endswith("\nmain\n")


def test_a_workflow_built_in_python_is_held_to_the_rules_of_the_language() -> None:
    bad = Step(run=Run(command="\0", env=variables({"LD_PRELOAD": "x"}), resources=RunResources(tasks=99)))
    with pytest.raises(InvalidWorkflow) as raised:
        script_of_steps(bad)
    assert {problem.path for problem in raised.value.problems} == {
        "steps[0].run.command",
        "steps[0].run.resources.tasks",
        "steps[0].run.env[0].key",
    }


def test_the_runtime_reserves_exactly_the_names_that_the_language_reserves() -> None:
    assert f"{' | '.join(RESERVED_NAMES)})" in part("kept")


@pytest.mark.system
def test_a_job_of_ten_thousand_steps_compiles() -> None:
    text = script_of_steps(*[command("true")] * 10_000)
    subprocess.run([BASH, "-n"], input=text.encode(), check=True, capture_output=True)


def test_the_definition_is_what_the_workflow_asks_for() -> None:
    uses, affinities = [Label("os", "debian")], [Affinity(Label("arch", "amd64"), AffinityOperator.EQUAL)]
    assert compiler.definition(PLAIN, "f" * 64, uses, affinities) == JobDefinition(
        tasks=1,
        cpus_per_task=2,
        memory_per_cpu_mb=300,
        gpus=4,
        script_hash="f" * 64,
        uses=tuple(uses),
        affinities=tuple(affinities),
    )


def test_a_job_with_containers_asks_for_a_place_that_can_run_them() -> None:
    hosted = Container(image="a", deepsquare_hosted=True)
    inner = Step(catch=(Step(run=Run(command="", container=hosted)),), run=Run(command="", container=BOX))
    job = workflow.Workflow(resources=PLAIN.resources, steps=(command("on the host"), Step(steps=(inner,))))
    zone = Affinity(Label("zone", "alps"), AffinityOperator.EQUAL)
    asked = compiler.definition(job, "f" * 64, affinities=[zone]).affinities
    assert list(map(str, asked)) == ["zone == alps", "container.apptainer >= 1.1.0"]
    again = compiler.definition(job, "f" * 64, affinities=asked).affinities
    assert again == asked
    assert all(holds(rule, "1.4.5") and not holds(rule, None) and not holds(rule, "1.0.3") for rule in asked[1:])


WIREGUARD = NetworkInterface(wireguard=Wireguard(private_key="A" * 43 + "="))
TUNNEL = NetworkInterface(bore=Bore(bore_address="a:1", target_port=1))
MEMBER = NetworkInterface(vnet=NetworkMember(name="net", address="10.0.0.2/24"))
NETWORKS = {
    "the host's": (Run(command=""), []),
    "the host's, as another user": (Run(command="", map_uid=0), ["user-namespaces"]),
    "the host's, as another group": (Run(command="", map_gid=0), ["user-namespaces"]),
    "the host's, with interfaces that have no effect": (Run(command="", interfaces=(TUNNEL, WIREGUARD)), []),
    "an own one": (Run(command="", network="pasta"), ["network.pasta"]),
    "an own one, as another user": (Run(command="", network="slirp4netns", map_uid=1), ["network.slirp4netns"]),
    "with all interfaces": (
        Run(command="", network="pasta", interfaces=(WIREGUARD, TUNNEL, MEMBER, TUNNEL)),
        ["network.pasta", "network.wireguard", "network.tunnel", "network.virtual"],
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_job_with_networks_asks_for_a_place_that_can_make_them(name: str) -> None:
    run, needed = NETWORKS[name]
    gateway = workflow.VirtualNetwork(name="net", gateway_address="10.0.0.1/24")
    job = workflow.Workflow(
        resources=PLAIN.resources,
        virtual_networks=(gateway,),
        steps=(Step(launch=Launch(steps=(Step(conclusion=(Step(run=run),)),))),),
    )
    asked = compiler.definition(job, "f" * 64).affinities
    assert list(map(str, asked)) == [f"{key} == yes" for key in needed]
    assert all(holds(rule, "yes") and not holds(rule, None) and not holds(rule, "no") for rule in asked)


def test_a_container_of_a_module_counts_for_the_place_of_the_job() -> None:
    module = "name: m\nsteps: [{run: {command: '', container: {image: a}}}]\n"
    text = "resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 1, gpus: 0}\nsteps: [{use: {source: git.test/o/r}}]\n"
    loaded = workflow.load(text, modules=MemoryModules({"git.test/o/r": module}))
    assert list(map(str, compiler.definition(loaded, "f" * 64).affinities)) == ["container.enroot >= 3.1.0"]


@pytest.mark.parametrize(("label", "is_offered"), [("1.4.5", True), ("1.0.9", False), (None, False)])
def test_a_job_with_containers_is_offered_only_to_who_can_run_them(label: str | None, is_offered: bool) -> None:
    job = workflow.Workflow(resources=PLAIN.resources, steps=(Step(run=Run(command="", container=BOX)),))
    shape = replace(compiler.definition(job, "f" * 64), gpus=0)
    place = site(labels={"container.apptainer": label} if label else {})
    (answer,) = candidates(request(shape=shape), [place], NOW)
    assert answer.is_chosen == is_offered
    if not is_offered:
        assert "container.apptainer" in cast("Rejection", answer.answer).message


@pytest.mark.system
def test_shellcheck_has_nothing_to_say_about_any_attack() -> None:
    steps = [
        Step(name=text, run=Run(command=text, work_dir=f"/{text}", env=variables({"A": text}))) for text in ATTACKS
    ]
    assert complaints(script_of_steps(*steps, env={f"V{index}": text for index, text in enumerate(ATTACKS)})) == ""


@pytest.mark.system
@given(st.lists(TEXTS, min_size=1, max_size=10))
def test_shellcheck_has_nothing_to_say_about_any_text(texts: list[str]) -> None:
    steps = [command(text, name=text, env={"A": text}) for text in texts]
    assert complaints(script_of_steps(*steps, env={f"V{index}": text for index, text in enumerate(texts)})) == ""


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_script_tells_whether_its_output_is_kept_whatever_its_commands_say(is_kept: bool) -> None:
    lies = "\n".join(f"ds_logging={word}" for word in ("true", "false", "true"))
    script = compiler.compile(
        replace(PLAIN, enable_logging=is_kept, steps=(command(lies, name="ds_logging=x"),)), salt="s"
    )
    assert compiler.is_logged(script.text) is is_kept
