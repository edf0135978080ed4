"""Workflow -> what the chain is told about the job."""

from collections.abc import Iterable, Iterator

from deepsquare.compiler.lower import lower
from deepsquare.compiler.plan import Command, Network, Plan, steps_of
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
    """A rule for each thing that commands need of their place, and more than once if need be."""
    for step in steps_of(plan.body):
        if isinstance(step.action, Command):
            if step.action.container is not None:
                yield _APPTAINER if uses_apptainer(step.action.container) else _ENROOT
            yield from (
                Affinity(Label(key, "yes"), AffinityOperator.EQUAL) for key in _network_needs(step.action.network)
            )


def _network_needs(network: Network) -> Iterator[str]:
    """The labels of sites that can make such a network."""
    if network.kind == "host":
        if network.map_uid is not None or network.map_gid is not None:
            yield "user-namespaces"
        return
    yield f"network.{network.kind}"
    for interface in network.interfaces:
        if interface.wireguard is not None:
            yield "network.wireguard"
        if interface.bore is not None:
            yield "network.tunnel"
        if interface.vnet is not None:
            yield "network.virtual"
