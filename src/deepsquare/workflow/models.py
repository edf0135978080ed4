"""What a user writes: the workflow language as frozen dataclasses.

Each field names its key and its shape, from which decoding, the canonical dump and the JSON Schema
follow. A `later` key belongs to the published language but not yet to this version's compiler: it is
refused with its place, never ignored. Values built in Python are checked when they are compiled.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deepsquare.workflow.limits import MAX_NAME_BYTES
from deepsquare.workflow.names import check_variable_name
from deepsquare.workflow.shapes import Choice, Complaint, Flag, Key, Later, ListOf, Model, RecordOf, Text, Whole

_CONTAINERS = Later("containers", "leave it out to run the command on the host")
_NETWORKS = Later("networks other than the host's", "leave it out to use the host's network")
_TRANSPORTS = Later("data transports", "fetch and send data in a step, for example with curl")
_CONTROL_FLOW = Later("conditions and error handlers", "decide in the step's own command")
_ASYNC = Later("launched steps", "start and await processes in one step's command")
_LOOPS = Later("loops", "write the steps out, or loop in the step's own command")
_MODULES = Later("modules", "write the module's steps into the workflow")


def _check_absolute(path: str) -> Complaint | None:
    return None if path.startswith("/") else Complaint("this path must be absolute", "start it with `/`")


def _check_ip_address(text: str) -> Complaint | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return Complaint("this is no IP address", "write for example 1.1.1.1")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvVar(Model):
    """One environment variable: any text as its value, delivered byte for byte."""

    aliases: ClassVar[Mapping[str, str]] = {"name": "key"}

    key: Annotated[str, Key("key", Text(MAX_NAME_BYTES, check_variable_name), "The variable's name.")]
    value: Annotated[str, Key("value", Text(), "Its value, any text.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResources(Model):
    """What the job asks the cluster for. `gpus` counts for the whole job, the memory for each CPU."""

    aliases: ClassVar[Mapping[str, str]] = {
        "ntasks": "tasks",
        "cpus": "cpusPerTask",
        "mem": "memPerCpu",
        "memory": "memPerCpu",
        "gpusPerTask": "gpus",
    }

    tasks: Annotated[int, Key("tasks", Whole(1), "Tasks (processes) of the job.")]
    cpus_per_task: Annotated[int, Key("cpusPerTask", Whole(1), "CPUs of each task.")]
    memory_per_cpu_mb: Annotated[int, Key("memPerCpu", Whole(1), "Memory of each CPU in MB.")]
    gpus: Annotated[int, Key("gpus", Whole(0), "GPUs of the whole job.")]

    @property
    def cpus(self) -> int:
        """CPUs of the whole job."""
        return self.tasks * self.cpus_per_task

    @property
    def memory_mb(self) -> int:
        """Memory of the whole job."""
        return self.cpus * self.memory_per_cpu_mb


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResources(Model):
    """What one command takes of the job's resources; what is not given is the job's (tasks: 1, GPUs: 0)."""

    aliases: ClassVar[Mapping[str, str]] = {
        "ntasks": "tasks",
        "cpus": "cpusPerTask",
        "mem": "memPerCpu",
        "memory": "memPerCpu",
        "gpus": "gpusPerTask",
    }

    tasks: Annotated[int | None, Key("tasks", Whole(1), "Tasks that run the command, 1 by default.")] = None
    cpus_per_task: Annotated[int | None, Key("cpusPerTask", Whole(1), "CPUs of each task.")] = None
    memory_per_cpu_mb: Annotated[int | None, Key("memPerCpu", Whole(1), "Memory of each CPU in MB.")] = None
    gpus_per_task: Annotated[int | None, Key("gpusPerTask", Whole(0), "GPUs of each task, 0 by default.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Model):
    """A command, run by `srun` in every task of the step."""

    later: ClassVar[Mapping[str, Later]] = {
        "container": _CONTAINERS,
        "customNetworkInterfaces": _NETWORKS,
        "mapUid": _NETWORKS,
        "mapGid": _NETWORKS,
    }
    aliases: ClassVar[Mapping[str, str]] = {"cmd": "command", "image": "container.image", "cwd": "workDir"}

    command: Annotated[str, Key("command", Text(), "What the shell runs.")]
    shell: Annotated[
        str, Key("shell", Choice(("/bin/bash", "/bin/ash", "/bin/sh", "ENTRYPOINT")), "The shell, /bin/sh by default.")
    ] = "/bin/sh"
    resources: Annotated[
        RunResources, Key("resources", RecordOf(lambda: RunResources), "What the command takes of the job's resources.")
    ] = RunResources()
    network: Annotated[
        str,
        Key("network", Choice(("host",), {"slirp4netns": _NETWORKS, "pasta": _NETWORKS}), "The network, the host's."),
    ] = "host"
    dns: Annotated[
        tuple[str, ...], Key("dns", ListOf(Text(MAX_NAME_BYTES, _check_ip_address)), "DNS servers of an own network.")
    ] = ()
    env: Annotated[
        tuple[EnvVar, ...], Key("env", ListOf(RecordOf(lambda: EnvVar)), "Variables of this command only.")
    ] = ()
    work_dir: Annotated[
        str | None, Key("workDir", Text(MAX_NAME_BYTES, _check_absolute), "Where it runs, `$STORAGE_PATH` by default.")
    ] = None
    disable_cpu_binding: Annotated[bool, Key("disableCpuBinding", Flag(), "Do not bind tasks to CPUs.")] = False
    mpi: Annotated[
        str | None, Key("mpi", Choice(("none", "pmix", "pmix_v4", "pmi2")), "How MPI starts; the provider's way.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Model):
    """One step: a command, or a group of steps that run one after another."""

    later: ClassVar[Mapping[str, Later]] = {
        "dependsOn": _ASYNC,
        "if": _CONTROL_FLOW,
        "for": _LOOPS,
        "launch": _ASYNC,
        "use": _MODULES,
        "catch": _CONTROL_FLOW,
        "finally": _CONTROL_FLOW,
    }
    aliases: ClassVar[Mapping[str, str]] = {
        **{
            name: f"run.{name}"
            for name in ("command", "container", "dns", "env", "mpi", "network", "resources", "shell", "workDir")
        },
        "cmd": "run.command",
        "depends_on": "dependsOn",
        "image": "run.container.image",
    }
    exclusive: ClassVar[tuple[str, ...]] = ("steps", "run", "for", "launch", "use")

    name: Annotated[str | None, Key("name", Text(MAX_NAME_BYTES), "Printed when the step starts.")] = None
    steps: Annotated[
        tuple["Step", ...] | None, Key("steps", ListOf(RecordOf(lambda: Step)), "A group: steps run in order.")
    ] = None
    run: Annotated[Run | None, Key("run", RecordOf(lambda: Run), "A command.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow(Model):
    """A whole job: what it needs and what it does."""

    later: ClassVar[Mapping[str, Later]] = {
        "input": _TRANSPORTS,
        "output": _TRANSPORTS,
        "inputMode": _TRANSPORTS,
        "continuousOutputSync": _TRANSPORTS,
        "virtualNetworks": _NETWORKS,
    }
    aliases: ClassVar[Mapping[str, str]] = {"environment": "env", "logging": "enableLogging"}

    resources: Annotated[JobResources, Key("resources", RecordOf(lambda: JobResources), "What the job asks for.")]
    steps: Annotated[tuple[Step, ...], Key("steps", ListOf(RecordOf(lambda: Step)), "What runs, in order.")]
    env: Annotated[
        tuple[EnvVar, ...], Key("env", ListOf(RecordOf(lambda: EnvVar)), "Variables that every step sees.")
    ] = ()
    enable_logging: Annotated[
        bool, Key("enableLogging", Flag(), "True: the job's output reaches its owner while it runs.")
    ] = False
