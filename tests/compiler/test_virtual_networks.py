"""Virtual networks: steps of a job that meet at their addresses, in namespaces that these tests have made."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from deepsquare import compiler
from deepsquare.workflow import Loaded, from_data
from tests.support.internet import ConnectedSite, Internet
from tests.support.modules import MemoryModules
from tests.support.shellcheck import complaints
from tests.support.texts import ATTACKS, CANARY

KINDS = ("slirp4netns", "pasta")
SERVE = """exec python3 -c 'import socket
server = socket.create_server(("{}", 5000), family=socket.{})
while True: server.accept()[0].sendall(b"hello from a member\\n")'
"""
ASK = "until cat </dev/tcp/{}/5000; do sleep 0.1; done 2>/dev/null"
NET = "net"
GATEWAY = {"name": NET, "gatewayAddress": "10.0.0.1/24"}


def member(text: str, *addresses: str, name: str = NET, kind: str = "slirp4netns", **more: Any) -> dict[str, Any]:
    """A step at these addresses."""
    faces = [{"vnet": {"name": name, "address": address}} for address in addresses]
    run = {"command": text, "shell": "/bin/bash", "network": kind, "customNetworkInterfaces": faces, **more}
    return {"run": run}


def serve(address: str, family: str = "AF_INET") -> str:
    return SERVE.format(address.partition("/")[0], family)


def launched(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"launch": {"steps": [*steps]}}


def job(*steps: dict[str, Any], networks: tuple[dict[str, str], ...] = (GATEWAY,)) -> dict[str, Any]:
    resources = {"tasks": 4, "cpusPerTask": 1, "memPerCpu": 100, "gpus": 0}
    return {"enableLogging": True, "resources": resources, "virtualNetworks": [*networks], "steps": [*steps]}


def loaded(*steps: dict[str, Any], networks: tuple[dict[str, str], ...] = (GATEWAY,)) -> Loaded:
    return from_data(job(*steps, networks=networks))


def script(*steps: dict[str, Any], networks: tuple[dict[str, str], ...] = (GATEWAY,)) -> str:
    return compiler.compile(loaded(*steps, networks=networks), salt="0" * 32).text


needs_networks = pytest.mark.system


@needs_networks
@pytest.mark.parametrize("kind", KINDS)
def test_steps_meet_at_their_addresses(inner_site: ConnectedSite, kind: str) -> None:
    ask = ASK.format("10.0.0.2") + "; ip -4 -br address show vnet0"
    steps = launched(member(serve("10.0.0.2"), "10.0.0.2/24")), member(ask, "10.0.0.3/24", kind=kind)
    outcome = inner_site.run(script(*steps))
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    greeting, interface = outcome.stdout.splitlines()
    assert (greeting, interface.split()[0], interface.split()[2]) == ("hello from a member", "vnet0", "10.0.0.3/24")


@needs_networks
def test_a_step_takes_the_address_of_one_that_has_ended(inner_site: ConnectedSite) -> None:
    ask = member(ASK.format("10.0.0.2"), "10.0.0.3/24")
    outcome = inner_site.run(script(launched(member(serve("10.0.0.2"), "10.0.0.2/24")), ask, ask))
    assert (outcome.exit_code, outcome.stdout) == (0, "hello from a member\n" * 2), outcome.stderr


@needs_networks
def test_a_step_cannot_take_the_address_of_one_that_still_runs(inner_site: ConnectedSite) -> None:
    ready = member("echo up >ready; exec sleep 60", "10.0.0.2/24")
    late = member("echo never", "10.0.0.2/16")
    outcome = inner_site.run(script(launched(ready), {"run": {"command": "until [ -e ready ]; do :; done"}}, late))
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    message = "another step that still runs has the address 10.0.0.2 in this virtual network"
    assert outcome.stderr == f"deepsquare: steps[2]: {message}\n"


@needs_networks
def test_iterations_of_a_parallel_loop_meet_at_the_addresses_that_their_conditions_give_them(
    inner_site: ConnectedSite,
) -> None:
    server = member(serve("10.0.0.2"), "10.0.0.2/24") | {"if": "$item == serve"}
    asker = member(f"{ASK.format('10.0.0.2')}; exit 3", "10.0.0.3/24") | {"if": "$item == ask"}
    loop = {"for": {"parallel": True, "items": ["serve", "ask"], "steps": [server, asker]}}
    outcome = inner_site.run(script(loop))
    assert (outcome.exit_code, outcome.stdout) == (3, "hello from a member\n"), outcome.stderr


@needs_networks
def test_iterations_that_wait_for_nobody_cannot_all_have_one_address(inner_site: ConnectedSite) -> None:
    late = member("echo up; exec sleep 60", "10.0.0.2/24") | {"if": "-n $item"}
    outcome = inner_site.run(script({"for": {"parallel": True, "items": ["a", "b"], "steps": [late]}}))
    assert outcome.exit_code == 1
    message = "another step that still runs has the address 10.0.0.2 in this virtual network"
    assert f"deepsquare: steps[0].for.steps[0]: {message}\n" in outcome.stderr


@needs_networks
def test_iterations_one_after_another_have_the_same_address(inner_site: ConnectedSite) -> None:
    steps = [launched(member(serve("10.0.0.2"), "10.0.0.2/24")), member(ASK.format("10.0.0.2"), "10.0.0.3/24")]
    outcome = inner_site.run(script({"for": {"parallel": False, "items": ["a", "b"], "steps": steps}}))
    assert (outcome.exit_code, outcome.stdout) == (0, "hello from a member\n" * 2), outcome.stderr


@needs_networks
def test_steps_on_several_nodes_meet(inner_site: ConnectedSite, world: Internet, tmp_path: Path) -> None:
    """The step called "far away" runs on the other node."""
    srun = tmp_path / "srun"
    here = inner_site.environment["DEEPSQUARE_SITE_SRUN"]
    srun.write_text(
        f'#!/bin/sh\ncase $* in *--job-name=far*) : >$0.went; set -- {" ".join(world.other_node)} {here} "$@" ;;\n'
        f'*) set -- {here} "$@" ;; esac\nexec "$@"\n'
    )
    srun.chmod(0o755)
    text = script(
        launched(member(serve("10.0.0.2"), "10.0.0.2/24") | {"name": "far away"}),
        member(ASK.format("10.0.0.2"), "10.0.0.3/24"),
    )
    outcome = inner_site.run(text, {"DEEPSQUARE_SITE_SRUN": str(srun)})
    assert (outcome.exit_code, outcome.stdout) == (0, "Running: far away\nhello from a member\n"), outcome.stderr
    assert (tmp_path / "srun.went").exists()


@needs_networks
def test_a_step_is_in_several_networks_and_networks_do_not_meet(inner_site: ConnectedSite) -> None:
    networks = (GATEWAY, {"name": "six", "gatewayAddress": "fd00::1/64"})
    between = member("", "10.0.0.3/24", "fd00::3/64")
    between["run"]["customNetworkInterfaces"][1]["vnet"]["name"] = "six"
    reach = f"{ASK.format('10.0.0.2')}; {ASK.format('fd00::2')}; ip -6 -br address show vnet1 | grep -o fd00::3/64"
    between["run"]["command"] = reach
    outcome = inner_site.run(
        script(
            launched(member(serve("10.0.0.2"), "10.0.0.2/24")),
            launched(member(serve("fd00::2", "AF_INET6"), "fd00::2/64", name="six")),
            between,
            member("timeout 2 cat </dev/tcp/fd00::2/5000", "10.0.0.4/24"),
            networks=networks,
        )
    )
    assert outcome.exit_code != 0
    assert outcome.stdout == "hello from a member\nhello from a member\nfd00::3/64\n", outcome.stderr


@needs_networks
def test_the_gateway_has_its_address_and_no_open_port(inner_site: ConnectedSite) -> None:
    outcome = inner_site.run(script(member("timeout 20 cat </dev/tcp/10.0.0.1/8000", "10.0.0.3/24")))
    assert "10.0.0.1/8000: Connection refused" in outcome.stderr


@needs_networks
def test_keys_of_a_virtual_network_are_on_no_command_line_and_in_no_log(inner_site: ConnectedSite) -> None:
    files = "$STORAGE_PATH/network-*/vnet0.conf"
    look = f"cat {files} >&2; stat -c %a {files}; ps -e -ww -o args; env"
    outcome = inner_site.run(script(member(look, "10.0.0.3/24")))
    keys = [line.split(" = ")[1] for line in outcome.stderr.splitlines() if line.startswith("PrivateKey")]
    assert len(keys) == 2
    assert outcome.stdout.splitlines()[:2] == ["600", "600"]
    assert not [key for key in keys if key in outcome.stdout + str(outcome.calls)]


@needs_networks
def test_a_job_that_is_asked_to_end_ends_its_networks_last(inner_site: ConnectedSite, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    ask = member(f"trap 'exit 0' TERM; {ASK.format('10.0.0.2')} >{tmp_path}/ready; sleep 60 & wait", "10.0.0.3/24")
    last = member("(exec 3</dev/tcp/10.0.0.1/1) 2>&1 | grep -om 1 refused", "10.0.0.4/24")
    steps = launched(member(serve("10.0.0.2"), "10.0.0.2/24")), {**ask, "finally": [last]}, member("echo never")
    process = inner_site.start(script(*steps))
    assert (tmp_path / "ready").read_text() == "hello from a member\n"
    process.send_signal(signal.SIGTERM)
    outcome = inner_site.finish(process)
    assert (outcome.exit_code, outcome.stdout) == (143, "refused\n"), outcome.stderr


@needs_networks
def test_a_job_that_is_killed_leaves_no_network_behind(inner_site: ConnectedSite, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ready")
    process = inner_site.start(script(member(f"echo up >{tmp_path}/ready; exec cat {tmp_path}/ready", "10.0.0.3/24")))
    assert (tmp_path / "ready").read_text() == "up\n"
    process.kill()
    process.wait()
    (tmp_path / "ready").write_text("the step may end")
    process.communicate()
    inner_site.wait_until_all_is_gone()


@needs_networks
def test_attacks_as_the_name_of_a_network_are_only_text(inner_site: ConnectedSite) -> None:
    name = "".join(ATTACKS)[:200] + "]=$(id)"
    networks = ({"name": name, "gatewayAddress": "10.0.0.1/24"},)
    steps = (
        launched(member(serve("10.0.0.2"), "10.0.0.2/24", name=name)),
        member(ASK.format("10.0.0.2"), "10.0.0.3/24", name=name),
    )
    outcome = inner_site.run(script(*steps, networks=networks))
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "hello from a member\n", "")
    assert not list(inner_site.folder.rglob(CANARY))


@pytest.mark.programs
def test_shellcheck_has_nothing_to_say() -> None:
    names = [*ATTACKS, "x]=$(touch x)", "a\nb"]
    networks = tuple({"name": name, "gatewayAddress": "10.0.0.1/24"} for name in names)
    assert complaints(script(*(member("true", "10.0.0.3/24", name=name) for name in names), networks=networks)) == ""


# -- sites that lack something


def without(folder: Path, program: str) -> str:
    """A `PATH` with all the programs of the machine but this one."""
    folder.mkdir()
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        for file in Path(place).glob("*"):
            link = folder / file.name
            link.unlink(missing_ok=True)
            link.symlink_to(file)
    (folder / program).unlink()
    return str(folder)


@needs_networks
def test_a_node_without_wg_says_so_before_the_first_step(inner_site: ConnectedSite, tmp_path: Path) -> None:
    path = without(tmp_path / "bin", "wg")
    outcome = inner_site.run(script(member("echo never", "10.0.0.3/24")), {"PATH": path})
    assert (outcome.exit_code, outcome.stdout, outcome.calls) == (1, "", [])
    assert outcome.stderr == (
        "deepsquare: virtual networks need wg (wireguard-tools), which the first node of this job does not have\n"
    )


@needs_networks
def test_a_site_without_pasta_says_so_before_the_first_step(inner_site: ConnectedSite) -> None:
    outcome = inner_site.run(script(member("echo never", "10.0.0.3/24")), {"DEEPSQUARE_SITE_PASTA": "/nowhere/pasta"})
    assert (outcome.exit_code != 0, outcome.stdout, outcome.calls) == (True, "", [])
    reason, consequence = outcome.stderr.splitlines()
    assert "/nowhere/pasta" in reason
    assert consequence == "deepsquare: the virtual networks of this job cannot be made on its first node"


@needs_networks
def test_a_node_that_nobody_reaches_says_so(world: Internet, tmp_path: Path) -> None:
    site = ConnectedSite(tmp_path / "site", world, "unshare", "--net")
    outcome = site.run(script(member("echo never", "10.0.0.3/24")))
    assert (outcome.exit_code, outcome.stdout, outcome.calls) == (1, "", [])
    assert "need an IPv4 address at which nodes reach each other" in outcome.stderr


# -- what is refused


def test_several_tasks_cannot_have_one_address() -> None:
    (problem,) = loaded(member("true", "10.0.0.3/24", resources={"tasks": 2})).problems
    assert (problem.path, problem.message) == (
        "steps[0].run.resources.tasks",
        "each task would have the address that the step has in its virtual network",
    )
    assert loaded(member("true", "10.0.0.3/24", resources={"tasks": 1})).problems == ()
    assert loaded(member("true", resources={"tasks": 2})).problems == ()


def in_loop(step: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"for": {"parallel": True, "items": ["a", "b"], "steps": [step], **more}}


HERE = member("true", "10.0.0.3/24")
CROWDED = {
    "in a loop over items": in_loop(HERE),
    "in a loop over numbers": in_loop(HERE, items=None, range={"begin": 3, "end": 1, "increment": -1}),
    "in a group of it": in_loop({"steps": [HERE]}),
    "in steps that it launches": in_loop(launched(HERE)),
    "in the end of its steps": in_loop({"finally": [HERE]}),
    "in a loop of a loop": {"for": {"parallel": False, "items": ["a"], "steps": [in_loop(HERE) | {"if": "-n $item"}]}},
}
ALONE = {
    "one after another": in_loop(HERE, parallel=False),
    "a loop of one item": in_loop(HERE, items=["a"]),
    "a loop of one number": in_loop(HERE, items=None, range={"begin": 1, "end": 2, "increment": 2}),
    "a loop of none": in_loop(HERE, items=None, range={"begin": 2, "end": 1}),
    "a condition may leave one": in_loop(HERE | {"if": "$item == a"}),
    "a condition around it": in_loop({"if": "$item == a", "steps": [HERE]}),
    "where iterations fail": in_loop({"catch": [HERE]}),
    "on the host's network": in_loop(member("true", "10.0.0.3/24", kind="host")),
    "beside the loop": {"steps": [in_loop({"run": {"command": "true"}}), HERE]},
}


@pytest.mark.parametrize("name", CROWDED)
def test_iterations_of_a_parallel_loop_cannot_have_one_address(name: str) -> None:
    (problem,) = loaded(CROWDED[name]).problems
    assert problem.path.endswith("run.customNetworkInterfaces[0].vnet.address")
    assert problem.message == "all iterations of a parallel loop would have this address at once"


@pytest.mark.parametrize("name", ALONE)
def test_an_address_that_one_iteration_has_is_accepted(name: str) -> None:
    assert loaded(ALONE[name]).workflow is not None


def test_two_interfaces_of_a_step_cannot_have_one_address() -> None:
    (problem,) = loaded(member("true", "10.0.0.3/24", "10.0.0.4/24", "10.0.0.3/16")).problems
    assert (problem.path, problem.message) == (
        "steps[0].run.customNetworkInterfaces[2].vnet.address",
        "another interface of this step has this address already",
    )


def test_a_step_cannot_be_the_gateway() -> None:
    (problem,) = loaded(member("true", "10.0.0.1/16")).problems
    assert (problem.path, problem.message) == (
        "steps[0].run.customNetworkInterfaces[0].vnet.address",
        "the gateway of the network has this address itself",
    )


def test_a_step_of_a_module_joins_a_network_of_the_job_that_uses_it() -> None:
    inner = json.dumps([member("true", "10.0.0.9/24")])
    modules = MemoryModules({"git.test/owner/repo": f"name: m\ndescription: d\nsteps: {inner}\n"})
    given = from_data(job({"use": {"source": "git.test/owner/repo"}}), modules=modules)
    text = compiler.compile(given, salt="0" * 32).text
    assert "virtual_network net 10.0.0.1/24 '10.0.0.0/24 10.0.0.9' 10.0.0.9\n" in text
    assert "join vnet0 net 10.0.0.9 10.0.0.9/24\n" in text


def test_a_network_that_nobody_joins_is_not_made() -> None:
    idle = script({"run": {"command": "true"}}, member("true", "10.0.0.3/24", kind="host"))
    assert "virtual_network" not in idle
