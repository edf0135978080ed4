"""What a user writes: the workflow language as frozen dataclasses, the job itself here, its parts beside.

Each field names its key and its shape, from which decoding, the canonical dump and the JSON Schema
follow. Values built in Python are checked when they are compiled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deepsquare.workflow.environment import EnvVar
from deepsquare.workflow.networks import VirtualNetwork
from deepsquare.workflow.shapes import Flag, Key, ListOf, Model, RecordOf, Whole
from deepsquare.workflow.steps import Step
from deepsquare.workflow.transports import Transport


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
class Workflow(Model):
    """A whole job: what it needs and what it does."""

    aliases: ClassVar[Mapping[str, str]] = {
        "environment": "env",
        "logging": "enableLogging",
        "networks": "virtualNetworks",
    }

    resources: Annotated[JobResources, Key("resources", RecordOf(lambda: JobResources), "What the job asks for.")]
    steps: Annotated[tuple[Step, ...], Key("steps", ListOf(RecordOf(lambda: Step)), "What runs, in order.")]
    env: Annotated[
        tuple[EnvVar, ...], Key("env", ListOf(RecordOf(lambda: EnvVar)), "Variables that every step sees.")
    ] = ()
    enable_logging: Annotated[
        bool, Key("enableLogging", Flag(), "True: the job's output reaches its owner while it runs.")
    ] = False
    input: Annotated[
        Transport | None,
        Key("input", RecordOf(lambda: Transport), "Fetched before the first step."),
    ] = None
    input_mode: Annotated[
        int | None, Key("inputMode", Whole(0, 511), "The input's file mode as a decimal number: 493 is rwxr-xr-x.")
    ] = None
    output: Annotated[
        Transport | None,
        Key("output", RecordOf(lambda: Transport), "Sent after the last step."),
    ] = None
    continuous_output_sync: Annotated[
        bool, Key("continuousOutputSync", Flag(), "Send the output to S3 while the job runs, too.")
    ] = False
    virtual_networks: Annotated[
        tuple[VirtualNetwork, ...],
        Key("virtualNetworks", ListOf(RecordOf(lambda: VirtualNetwork)), "Networks that steps share."),
    ] = ()
