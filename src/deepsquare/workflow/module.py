"""Modules: named steps with inputs and outputs that workflows use, as a rendered `module.yaml` describes them."""

from dataclasses import dataclass
from typing import Annotated

from deepsquare.workflow.limits import MAX_NAME_BYTES
from deepsquare.workflow.names import VARIABLE_PATTERN, check_variable_name
from deepsquare.workflow.shapes import Key, ListOf, Model, RecordOf, Text, Whole
from deepsquare.workflow.steps import Step

_NAME = Text(MAX_NAME_BYTES, check_variable_name, VARIABLE_PATTERN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleInput(Model):
    """A variable that the module's steps read."""

    key: Annotated[str, Key("key", _NAME, "The variable's name.")]
    description: Annotated[str | None, Key("description", Text(), "What it is for.")] = None
    default: Annotated[str | None, Key("default", Text(), "Its value where the caller gives none.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleOutput(Model):
    """A variable that the module's steps write to `$DEEPSQUARE_ENV`."""

    key: Annotated[str, Key("key", _NAME, "The variable's name.")]
    description: Annotated[str | None, Key("description", Text(), "What it holds.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumResources(Model):
    """What a job must at least have."""

    tasks: Annotated[int, Key("tasks", Whole(0), "Tasks (processes) of the job.")] = 0
    cpus_per_task: Annotated[int, Key("cpusPerTask", Whole(0), "CPUs of each task.")] = 0
    memory_per_cpu_mb: Annotated[int, Key("memPerCpu", Whole(0), "Memory of each CPU in MB.")] = 0
    gpus: Annotated[int, Key("gpus", Whole(0), "GPUs of the whole job.")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Module(Model):
    """A module."""

    name: Annotated[str, Key("name", Text(MAX_NAME_BYTES), "The module's name.")]
    description: Annotated[str | None, Key("description", Text(), "What it does.")] = None
    minimum_resources: Annotated[
        MinimumResources | None,
        Key("minimumResources", RecordOf(lambda: MinimumResources), "What a job must have to use it."),
    ] = None
    inputs: Annotated[
        tuple[ModuleInput, ...], Key("inputs", ListOf(RecordOf(lambda: ModuleInput)), "What it asks for.")
    ] = ()
    outputs: Annotated[
        tuple[ModuleOutput, ...], Key("outputs", ListOf(RecordOf(lambda: ModuleOutput)), "What it tells its caller.")
    ] = ()
    steps: Annotated[tuple[Step, ...], Key("steps", ListOf(RecordOf(lambda: Step)), "What it does, in order.")]
