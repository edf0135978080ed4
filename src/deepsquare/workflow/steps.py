"""Steps: a command, or other steps in some order, with what happens when they fail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deepsquare.workflow.commands import Run
from deepsquare.workflow.conditions import check_condition
from deepsquare.workflow.environment import EnvVar
from deepsquare.workflow.formats import HANDLE, check_module_source
from deepsquare.workflow.limits import MAX_NAME_BYTES, MAX_SIGNAL
from deepsquare.workflow.names import VARIABLE_PATTERN, check_export_prefix
from deepsquare.workflow.shapes import Alternatives, Flag, Key, ListOf, Model, RecordOf, Text, Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Range(Model):
    """Whole numbers from `begin` to `end`, both included."""

    aliases: ClassVar[Mapping[str, str]] = {
        "start": "begin",
        "from": "begin",
        "stop": "end",
        "to": "end",
        "step": "increment",
    }

    begin: Annotated[int, Key("begin", Whole(), "The first number.")]
    end: Annotated[int, Key("end", Whole(), "The last number; included where the increment meets it.")]
    increment: Annotated[int, Key("increment", Whole(), "From one number to the next, 1 by default; not 0.")] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class For(Model):
    """A loop: its steps run for each item or number."""

    alternatives: ClassVar[Alternatives] = Alternatives(("items", "range"), is_required=True, advice="keep one of them")

    parallel: Annotated[bool, Key("parallel", Flag(), "True: all iterations at once; false: one after another.")]
    items: Annotated[
        tuple[str, ...] | None, Key("items", ListOf(Text()), "What `$item` is, iteration by iteration.")
    ] = None
    range: Annotated[Range | None, Key("range", RecordOf(lambda: Range), "The numbers that `$index` is.")] = None
    steps: Annotated[tuple["Step", ...], Key("steps", ListOf(RecordOf(lambda: Step)), "What runs in each iteration.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch(Model):
    """Steps that run beside the ones that follow, and end with them."""

    aliases: ClassVar[Mapping[str, str]] = {
        "handle": "handleName",
        "name": "handleName",
        "signal": "signalOnParentStepExit",
    }

    handle_name: Annotated[
        str | None, Key("handleName", HANDLE, "What other steps call it in `dependsOn`; its case does not count.")
    ] = None
    signal_on_parent_step_exit: Annotated[
        int,
        Key(
            "signalOnParentStepExit",
            Whole(0, MAX_SIGNAL),
            "The signal with which it is ended when the steps around it are done; 15 by default, 0: it is awaited.",
        ),
    ] = 15
    steps: Annotated[tuple["Step", ...], Key("steps", ListOf(RecordOf(lambda: Step)), "What is launched.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use(Model):
    """Steps that somebody else has written: a module."""

    aliases: ClassVar[Mapping[str, str]] = {"env": "args", "arguments": "args", "with": "args"}

    source: Annotated[
        str,
        Key(
            "source",
            Text(MAX_NAME_BYTES, check_module_source),
            "Where it lies: host/owner/repo[/path][@version].",
        ),
    ]
    args: Annotated[tuple[EnvVar, ...], Key("args", ListOf(RecordOf(lambda: EnvVar)), "What the module asks for.")] = ()
    export_env_as: Annotated[
        str | None,
        Key(
            "exportEnvAs",
            Text(MAX_NAME_BYTES, check_export_prefix, VARIABLE_PATTERN),
            "Later steps see the module's output KEY as <this>_KEY.",
        ),
    ] = None
    steps: Annotated[
        tuple["Step", ...], Key("steps", ListOf(RecordOf(lambda: Step)), "Steps that the module may run.")
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Model):
    """One step: a command, a group, a loop, a launch or a module, and what happens around it."""

    aliases: ClassVar[Mapping[str, str]] = {
        **{
            name: f"run.{name}"
            for name in ("command", "container", "dns", "env", "mpi", "network", "resources", "shell", "workDir")
        },
        "cmd": "run.command",
        "depends_on": "dependsOn",
        "image": "run.container.image",
        "handleName": "launch.handleName",
        "items": "for.items",
        "range": "for.range",
        "parallel": "for.parallel",
        "source": "use.source",
    }
    alternatives: ClassVar[Alternatives] = Alternatives(
        ("steps", "run", "for", "launch", "use"), is_required=False, advice="make them steps of their own"
    )
    usual: ClassVar[str] = "run"

    name: Annotated[str | None, Key("name", Text(MAX_NAME_BYTES), "Printed when the step starts.")] = None
    depends_on: Annotated[
        tuple[str, ...], Key("dependsOn", ListOf(HANDLE), "Launched steps whose end is awaited first.")
    ] = ()
    condition: Annotated[
        str | None,
        Key("if", Text(check=check_condition), "The step runs only where this holds: what stands in bash's `[[ ]]`."),
    ] = None
    steps: Annotated[
        tuple["Step", ...] | None, Key("steps", ListOf(RecordOf(lambda: Step)), "A group: steps run in order.")
    ] = None
    run: Annotated[Run | None, Key("run", RecordOf(lambda: Run), "A command.")] = None
    loop: Annotated[For | None, Key("for", RecordOf(lambda: For), "A loop.")] = None
    launch: Annotated[Launch | None, Key("launch", RecordOf(lambda: Launch), "Steps that run beside others.")] = None
    use: Annotated[Use | None, Key("use", RecordOf(lambda: Use), "A module.")] = None
    catch: Annotated[
        tuple["Step", ...],
        Key("catch", ListOf(RecordOf(lambda: Step)), "What runs if it fails; the job goes on."),
    ] = ()
    conclusion: Annotated[
        tuple["Step", ...], Key("finally", ListOf(RecordOf(lambda: Step)), "What runs in the end, however it went.")
    ] = ()
