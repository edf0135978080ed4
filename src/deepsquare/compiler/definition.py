"""Workflow -> what the chain is told about the job."""

from collections.abc import Iterable, Iterator

from deepsquare.compiler.lower import lower
from deepsquare.compiler.plan import Command, Plan, steps_of
from deepsquare.model import Affinity, AffinityOperator, JobDefinition, Label, StorageType
from deepsquare.workflow import Loaded, Workflow, uses_apptainer

_APPTAINER = Affinity(Label("container.apptainer", "1.1.0"), AffinityOperator.GREATER_OR_EQUAL)
"""The first that takes variables and arguments as they are (`--no-eval`)."""
_ENROOT = Affinity(Label("container.enroot", "3.1.0"), AffinityOperator.GREATER_OR_EQUAL)
"""The first that starts a container with a configuration script (`--conf`)."""


def definition(
    subject: Loaded | Workflow, script_hash: str, uses: Iterable[Label] = (), affinities: Iterable[Affinity] = ()
) -> JobDefinition:
    """The job's resources with the script that they are for.

    `uses` and `affinities` are the customer's wishes; what the script itself needs of its place is added to them.
    """
    plan = lower(subject)
    resources = plan.resources
    return JobDefinition(
        tasks=resources.tasks,
        cpus_per_task=resources.cpus_per_task,
        memory_per_cpu_mb=resources.memory_per_cpu_mb,
        gpus=resources.gpus,
        script_hash=script_hash,
        storage_type=StorageType.NONE,
        uses=tuple(uses),
        affinities=tuple(dict.fromkeys([*affinities, *_needs(plan)])),
    )


def _needs(plan: Plan) -> Iterator[Affinity]:
    """A rule for each runtime of containers, and more than once if need be."""
    for step in steps_of(plan.body):
        if isinstance(step.action, Command) and step.action.container is not None:
            yield _APPTAINER if uses_apptainer(step.action.container) else _ENROOT
