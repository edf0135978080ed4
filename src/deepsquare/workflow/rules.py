"""What must hold between the fields of a workflow: the second look, at records that were read well.

It sees every good record even where others are bad, so that one reading still tells everything.
"""

import ipaddress
import re
from collections.abc import Sequence

from deepsquare.workflow.commands import Run, RunResources, arguments_of
from deepsquare.workflow.containers import Container, uses_apptainer
from deepsquare.workflow.decode import Decoded
from deepsquare.workflow.environment import EnvVar
from deepsquare.workflow.limits import MAX_STEPS
from deepsquare.workflow.models import JobResources, Workflow
from deepsquare.workflow.names import RESOURCE_NAMES
from deepsquare.workflow.networks import Bore, NetworkMember, VirtualNetwork
from deepsquare.workflow.problems import Path, ProblemList
from deepsquare.workflow.steps import For, Range, Step
from deepsquare.workflow.transports import Transport
from deepsquare.workflow.tree import Entries, Items, Node, position_at

_USERNAME = re.compile(r"\A[A-Za-z0-9._+$-]+\Z")
_WORD = re.compile(r"\A(?!\$)[^\s\"'\\]+\Z")


def check_rules(job: Node, decoded: Sequence[Decoded], problems: ProblemList, caller: Workflow | None = None) -> None:
    """Reports what is wrong between the fields of these records: of a job, or of a module that the `caller` uses."""
    rules = _Rules(job, decoded, problems, caller)
    for each in decoded:
        rules.check(each)


class _Rules:
    def __init__(self, job: Node, decoded: Sequence[Decoded], problems: ProblemList, caller: Workflow | None) -> None:
        self._problems = problems
        if caller is not None:
            self._resources: JobResources | None = caller.resources
            self._networks = {network.name: network for network in caller.virtual_networks}
            self._all_networks_are_known = True
        else:
            self._resources = next((each.record for each in decoded if isinstance(each.record, JobResources)), None)
            networks = [each.record for each in decoded if isinstance(each.record, VirtualNetwork)]
            self._networks = {network.name: network for network in networks}
            self._all_networks_are_known = len(networks) == _count(job, "virtualNetworks")
        self._crowds = {each.path for each in decoded if isinstance(each.record, For) and _runs_at_once(each.record)}
        self._doubtful = {each.path for each in decoded if isinstance(each.record, Step) and each.record.condition}
        self._variables: dict[Path, set[str]] = {}
        self._seen_networks: set[str] = set()
        self._steps = 0

    def check(self, each: Decoded) -> None:  # noqa: C901  (a table of which rule looks at what)
        match each.record:
            case Step() as step:
                self._check_step(each, step)
            case Run() as run:
                self._check_run(each, run)
            case RunResources() as asked:
                self._check_resources(each, asked)
            case EnvVar() as variable:
                self._check_variable(each, variable)
            case Container() as container:
                self._check_container(each, container)
            case Bore() as bore:
                self._check_bore(each, bore)
            case NetworkMember() as member:
                self._check_member(each, member)
            case VirtualNetwork() as network:
                self._check_network(each, network)
            case Range() as numbers:
                self._check_range(each, numbers)
            case Transport() as transport:
                self._check_transport(each, transport)
            case Workflow() as workflow:
                self._check_workflow(each, workflow)
            case _:
                pass

    def _error(self, each: Decoded, key: str, message: str, hint: str = "") -> None:
        self._problems.error(
            (*each.path, *key.split(".")), position_at(each.node, tuple(key.split("."))), message, hint
        )

    def _warn(self, each: Decoded, key: str, message: str, hint: str = "") -> None:
        self._problems.warning(
            (*each.path, *key.split(".")), position_at(each.node, tuple(key.split("."))), message, hint
        )

    def _check_step(self, each: Decoded, step: Step) -> None:
        if step.condition is not None and not step.condition.strip():
            self._warn(each, "if", "an empty condition always holds")
        self._steps += 1
        if self._steps == MAX_STEPS + 1:
            message = f"a workflow may have {MAX_STEPS} steps, not more"
            self._problems.error(each.path, each.node.position, message)

    def _check_run(self, each: Decoded, run: Run) -> None:
        if run.container is None:
            if run.shell == "ENTRYPOINT":
                message = "ENTRYPOINT is a container's own program, and this command runs on the host"
                self._error(each, "shell", message, "choose /bin/sh or /bin/bash")
            if not run.command:
                self._warn(each, "command", "an empty command does nothing on the host")
        elif run.shell == "ENTRYPOINT":
            try:
                arguments_of(run.command)
            except ValueError:
                message = "these are no arguments for the image's own program: a quote or a backslash has no end"
                self._error(each, "command", message, "close it")
        if run.network == "host":
            if run.dns:
                self._warn(each, "dns", "this has no effect on the host network")
            if run.interfaces:
                hint = "choose the network slirp4netns or pasta"
                self._warn(each, "customNetworkInterfaces", "these have no effect on the host network", hint)
        else:
            self._check_addresses(each, run)

    def _check_addresses(self, each: Decoded, run: Run) -> None:
        """An address in a virtual network is one program's at a time; what is only known then, the script looks at."""
        members = [(index, face.vnet) for index, face in enumerate(run.interfaces) if face.vnet is not None]
        if members and (run.resources.tasks or 1) > 1:
            message = "each task would have the address that the step has in its virtual network"
            self._error(each, "resources.tasks", message, "write a step for each task")
        seen: set[tuple[str, object]] = set()
        for index, member in members:
            keys = ("customNetworkInterfaces", index, "vnet", "address")
            place = (*each.path, *keys), position_at(each.node, keys)
            if (member.name, _address(member.address)) in seen:
                self._problems.error(*place, "another interface of this step has this address already")
            elif self._is_crowded(each.path):
                message = "all iterations of a parallel loop would have this address at once"
                hint = "write parallel: false, or a launched step with an address of its own for each iteration"
                self._problems.error(*place, message, hint)
            seen.add((member.name, _address(member.address)))

    def _is_crowded(self, path: Path) -> bool:
        """Whether what stands here runs several times at once, whatever conditions and failures there are."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._doubtful or path[length - 1] == "catch":
                return False
            if path[:length] in self._crowds:
                return True
        return False

    def _check_resources(self, each: Decoded, asked: RunResources) -> None:
        """A command cannot take more than the job has: by tasks, and by CPUs, memory and GPUs in all."""
        job = self._resources
        if job is None:
            return
        tasks = asked.tasks or 1
        cpus = tasks * (asked.cpus_per_task or job.cpus_per_task)
        memory_mb = cpus * (asked.memory_per_cpu_mb or job.memory_per_cpu_mb)
        gpus = tasks * (asked.gpus_per_task or 0)
        if tasks > job.tasks:
            excesses = [("tasks", f"{tasks} tasks", f"{job.tasks}")]
        elif cpus > job.cpus:
            excesses = [("cpusPerTask", f"{cpus} CPUs in all", f"{job.cpus}")]
        elif memory_mb > job.memory_mb:
            excesses = [("memPerCpu", f"{memory_mb} MB in all", f"{job.memory_mb} MB")]
        else:
            excesses = []
        if gpus > job.gpus:
            excesses.append(("gpusPerTask", f"{gpus} GPUs in all", f"{job.gpus}"))
        for key, wanted, available in excesses:
            message = f"the step asks for {wanted}, but the job has {available}"
            self._error(each, key, message, "ask for less here, or for more in the job's resources")

    def _check_variable(self, each: Decoded, variable: EnvVar) -> None:
        seen = self._variables.setdefault(each.path[:-1], set())
        if variable.key in seen:
            self._warn(each, "key", f"{variable.key} is given twice here; the last one counts")
        seen.add(variable.key)
        if each.path[:-1] == ("env",) and variable.key in RESOURCE_NAMES:
            message = f"{variable.key} has no effect here: the job's resources set it"
            self._warn(each, "key", message, "set it in a step's own env")

    def _check_container(self, each: Decoded, container: Container) -> None:
        for key, value in (("username", container.username), ("password", container.password)):
            if value is not None and container.registry is None:
                self._error(each, key, f"a {key} is for a registry, and none is named", "name it: registry: ...")
        if container.registry is not None and not uses_apptainer(container):
            self._check_enroot_credentials(each, container)
        if container.mounts:
            hint = "use the job's volumes: $STORAGE_PATH, $DEEPSQUARE_TMP and the others are there anyway"
            self._warn(each, "mounts", "mounts are deprecated, and a provider may refuse them", hint)

    def _check_enroot_credentials(self, each: Decoded, container: Container) -> None:
        """Enroot reads them from a file of words, in which it lets a shell look at a password that begins with `$`."""
        if container.password is not None and container.username is None:
            self._error(
                each, "password", "Enroot needs to know whose password this is", "name its owner: username: ..."
            )
        for key, value, form in (("username", container.username, _USERNAME), ("password", container.password, _WORD)):
            if value is not None and form.match(value) is None:
                message = f"Enroot cannot carry a {key} with such characters"
                self._error(each, key, message, "run the container with Apptainer: apptainer: true")

    def _check_bore(self, each: Decoded, bore: Bore) -> None:
        if bore.bore_address is not None:
            for key, value in (("address", bore.address), ("port", bore.port)):
                if value is not None:
                    self._error(each, key, f"boreAddress says it already; {key} is deprecated", "leave it out")
        elif bore.address is None or bore.port is None:
            message = "boreAddress is required"
            self._problems.error((*each.path, "boreAddress"), each.node.position, message, "write host:port")
        else:
            hint = "write boreAddress: host:port"
            self._warn(each, "address", "address and port are deprecated", hint)

    def _check_member(self, each: Decoded, member: NetworkMember) -> None:
        if self._all_networks_are_known and member.name not in self._networks:
            hint = "name it in the job's virtualNetworks"
            self._error(each, "name", "the job has no virtual network of this name", hint)
        network = self._networks.get(member.name)
        if network is not None and _address(network.gateway_address) == _address(member.address):
            self._error(each, "address", "the gateway of the network has this address itself", "choose another one")

    def _check_network(self, each: Decoded, network: VirtualNetwork) -> None:
        if network.name in self._seen_networks:
            self._error(each, "name", "another virtual network has this name already")
        self._seen_networks.add(network.name)

    def _check_range(self, each: Decoded, numbers: Range) -> None:
        if numbers.increment == 0:
            self._error(each, "increment", "an increment of 0 never comes to an end")
        elif (numbers.end - numbers.begin) * numbers.increment < 0:
            message = "this range is empty: from its begin, its increment leads away from its end"
            self._warn(each, "increment", message, "a range that counts down has an increment below 0")

    def _check_transport(self, each: Decoded, transport: Transport) -> None:
        if each.path == ("input",) and transport.s3 is not None and transport.s3.delete_sync:
            self._error(each, "s3.deleteSync", "only an output can delete at its destination", "leave it out")

    def _check_workflow(self, each: Decoded, workflow: Workflow) -> None:
        if workflow.input_mode is not None and workflow.input is None:
            self._warn(each, "inputMode", "this has no effect without an input")
        if workflow.continuous_output_sync and (workflow.output is None or workflow.output.s3 is None):
            self._warn(each, "continuousOutputSync", "this has no effect without an output to S3")


def _runs_at_once(loop: For) -> bool:
    """Whether several iterations of it run at the same time."""
    if loop.range is not None and loop.range.increment:
        return loop.parallel and (loop.range.end - loop.range.begin) // loop.range.increment > 0
    return loop.parallel and len(loop.items or ()) > 1


def _address(text: str) -> object:
    return ipaddress.ip_interface(text).ip


def _count(job: Node, key: str) -> int:
    """How many values stand in this list of the job."""
    entry = job.entries.get(key) if isinstance(job, Entries) else None
    return len(entry.node.nodes) if entry is not None and isinstance(entry.node, Items) else 0
