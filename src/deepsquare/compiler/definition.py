"""Workflow -> what the chain is told about the job."""

from collections.abc import Iterable

from deepsquare.model import Affinity, JobDefinition, Label, StorageType
from deepsquare.workflow import Workflow


def definition(
    workflow: Workflow, script_hash: str, uses: Iterable[Label] = (), affinities: Iterable[Affinity] = ()
) -> JobDefinition:
    """The job's resources with the script that they are for; `uses` and `affinities` are the customer's wishes."""
    resources = workflow.resources
    return JobDefinition(
        tasks=resources.tasks,
        cpus_per_task=resources.cpus_per_task,
        memory_per_cpu_mb=resources.memory_per_cpu_mb,
        gpus=resources.gpus,
        script_hash=script_hash,
        storage_type=StorageType.NONE,
        uses=tuple(uses),
        affinities=tuple(affinities),
    )
