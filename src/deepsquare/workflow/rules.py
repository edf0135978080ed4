"""What must hold between the fields of a workflow: the second look, at records that were read well.

It sees every good record even where others are bad, so that one reading still tells everything.
"""

from collections.abc import Iterable, Sequence

from deepsquare.workflow.decode import Decoded
from deepsquare.workflow.limits import MAX_STEPS
from deepsquare.workflow.models import EnvVar, JobResources, Run, RunResources, Step
from deepsquare.workflow.names import RESOURCE_NAMES
from deepsquare.workflow.problems import Path, Position, ProblemList
from deepsquare.workflow.tree import Entries, Node


def check_rules(decoded: Sequence[Decoded], problems: ProblemList) -> None:
    """Reports what is wrong between the fields of these records."""
    job = next((each.record for each in decoded if isinstance(each.record, JobResources)), None)
    seen: dict[Path, set[str]] = {}
    steps = 0
    for each in decoded:
        match each.record:
            case Run():
                _check_run(each.node, each.record, each.path, problems)
            case RunResources():
                if job is not None:
                    _check_resources(each.node, each.record, each.path, job, problems)
            case EnvVar():
                _check_variable(each, seen.setdefault(each.path[:-1], set()), problems)
            case Step():
                steps += 1
                if steps == MAX_STEPS + 1:
                    problems.error(each.path, each.node.position, f"a workflow may have {MAX_STEPS} steps, not more")
            case _:
                pass


def _position(node: Node, keys: Iterable[str]) -> Position | None:
    """The place of the value at the end of `keys`, or of the nearest mapping above it."""
    for key in keys:
        if not isinstance(node, Entries) or key not in node.entries:
            break
        node = node.entries[key].node
    return node.position


def _check_run(node: Entries, run: Run, path: Path, problems: ProblemList) -> None:
    if run.shell == "ENTRYPOINT":
        message = "ENTRYPOINT is a container's own program, and this command runs on the host"
        problems.error((*path, "shell"), _position(node, ["shell"]), message, "choose /bin/sh or /bin/bash")
    if not run.command:
        problems.warning((*path, "command"), _position(node, ["command"]), "an empty command does nothing on the host")
    if run.dns:
        message = "this has no effect on the host network"
        problems.warning((*path, "dns"), _position(node, ["dns"]), message)


def _check_resources(node: Entries, asked: RunResources, path: Path, job: JobResources, problems: ProblemList) -> None:
    """A command cannot take more than the job has: by tasks, and by CPUs, memory and GPUs in all."""
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
        problems.error(
            (*path, key),
            _position(node, [key]),
            f"the step asks for {wanted}, but the job has {available}",
            "ask for less here, or for more in the job's resources",
        )


def _check_variable(each: Decoded, seen: set[str], problems: ProblemList) -> None:
    key = each.record.key if isinstance(each.record, EnvVar) else ""
    position = _position(each.node, ["key"])
    if key in seen:
        problems.warning((*each.path, "key"), position, f"{key} is given twice here; the last one counts")
    seen.add(key)
    if each.path[:-1] == ("env",) and key in RESOURCE_NAMES:
        message = f"{key} has no effect here: the job's resources set it"
        problems.warning((*each.path, "key"), position, message, "set it in a step's own env")
