"""What a step runs: a command, its share of the job's resources, its surroundings."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deepsquare.workflow.containers import Container
from deepsquare.workflow.environment import EnvVar
from deepsquare.workflow.formats import check_absolute, check_ip_address
from deepsquare.workflow.limits import MAX_ID, MAX_NAME_BYTES
from deepsquare.workflow.networks import NetworkInterface
from deepsquare.workflow.shapes import Choice, Flag, Key, ListOf, Model, RecordOf, Text, Whole


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

    aliases: ClassVar[Mapping[str, str]] = {"cmd": "command", "image": "container.image", "cwd": "workDir"}

    command: Annotated[
        str, Key("command", Text(), "What the shell runs; empty: what the container's image is made to run.")
    ]
    shell: Annotated[
        str, Key("shell", Choice(("/bin/bash", "/bin/ash", "/bin/sh", "ENTRYPOINT")), "The shell, /bin/sh by default.")
    ] = "/bin/sh"
    resources: Annotated[
        RunResources, Key("resources", RecordOf(lambda: RunResources), "What the command takes of the job's resources.")
    ] = RunResources()
    container: Annotated[
        Container | None, Key("container", RecordOf(lambda: Container), "Where it runs; on the host unless given.")
    ] = None
    network: Annotated[
        str,
        Key(
            "network",
            Choice(("host", "slirp4netns", "pasta")),
            "The host's network (host, the default) or an own one (slirp4netns, pasta).",
        ),
    ] = "host"
    dns: Annotated[
        tuple[str, ...], Key("dns", ListOf(Text(MAX_NAME_BYTES, check_ip_address)), "DNS servers of an own network.")
    ] = ()
    interfaces: Annotated[
        tuple[NetworkInterface, ...],
        Key("customNetworkInterfaces", ListOf(RecordOf(lambda: NetworkInterface)), "Interfaces of an own network."),
    ] = ()
    env: Annotated[
        tuple[EnvVar, ...], Key("env", ListOf(RecordOf(lambda: EnvVar)), "Variables of this command only.")
    ] = ()
    map_uid: Annotated[int | None, Key("mapUid", Whole(0, MAX_ID), "The user id that the command sees.")] = None
    map_gid: Annotated[int | None, Key("mapGid", Whole(0, MAX_ID), "The group id that the command sees.")] = None
    work_dir: Annotated[
        str | None,
        Key(
            "workDir",
            Text(MAX_NAME_BYTES, check_absolute, "^/"),
            "Where it runs: `$STORAGE_PATH` by default, the image's own folder in a container.",
        ),
    ] = None
    disable_cpu_binding: Annotated[bool, Key("disableCpuBinding", Flag(), "Do not bind tasks to CPUs.")] = False
    mpi: Annotated[
        str | None, Key("mpi", Choice(("none", "pmix", "pmix_v4", "pmi2")), "How MPI starts; the provider's way.")
    ] = None


def arguments_of(command: str) -> list[str]:
    """The words of a command that is handed to an image's own program: quotes hold them together, nothing else counts.

    Raises `ValueError` where a quote never ends.
    """
    return shlex.split(command)
