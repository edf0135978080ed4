"""Whether the tasks of a job fit onto nodes, and what is left of the nodes then.

A task needs its CPUs and its memory on ONE node; the GPUs of a job are counted over the nodes that hold
at least one of its tasks, as Slurm's `--gpus` does. The chain does not say on which nodes a cluster put a
job, so what is bound there is packed by the same rule: an estimate that errs only where the cluster's own
scheduler spreads what could be packed.
"""

from collections.abc import Iterable, Sequence

from deepsquare.model import JobDefinition, Node


def tasks_that_fit(definition: JobDefinition, node: Node) -> int:
    """How many tasks of the job this node could hold at once."""
    by_cpu = node.cpus // definition.cpus_per_task
    memory = definition.memory_per_task_mb
    return min(by_cpu, node.memory_mb // memory) if memory else by_cpu


def pack(definition: JobDefinition, nodes: Sequence[Node]) -> tuple[Node, ...] | None:
    """What is left of `nodes` (same order) once the job runs on them; None where it does not fit.

    Takes the nodes with most GPUs first until the job's GPUs are there, then the fullest nodes that hold a
    task, so that empty nodes stay whole for wide jobs. Never answers with a node over-committed.
    """
    room = {index: fitting for index, node in enumerate(nodes) if (fitting := tasks_that_fit(definition, node))}
    chosen = _choose(definition, nodes, room)
    if chosen is None:
        return None
    return _take(definition, nodes, _spread(definition.tasks, chosen, room))


def pack_all(definitions: Iterable[JobDefinition], nodes: Sequence[Node]) -> tuple[Node, ...]:
    """What is left of `nodes` under all these jobs; one that does not fit (the site shrank) takes what it can."""
    left = tuple(nodes)
    for definition in definitions:
        left = pack(definition, left) or _crush(definition, left)
    return left


def _choose(definition: JobDefinition, nodes: Sequence[Node], room: dict[int, int]) -> list[int] | None:
    """The nodes that shall hold tasks: enough GPUs, enough room, and no more nodes than tasks."""
    chosen: list[int] = []
    gpus_missing = definition.gpus
    by_gpus = sorted((i for i in room if nodes[i].gpus), key=lambda i: (-nodes[i].gpus, room[i], i))
    for index in by_gpus:
        if gpus_missing <= 0:
            break
        chosen.append(index)
        gpus_missing -= nodes[index].gpus
    missing = definition.tasks - sum(room[index] for index in chosen)
    rest = [index for index in room if index not in chosen]
    holds_all_that_is_missing = [index for index in rest if room[index] >= missing]
    if missing > 0 and holds_all_that_is_missing:
        chosen.append(min(holds_all_that_is_missing, key=lambda i: (nodes[i].gpus, room[i], i)))
        missing = 0
    for index in sorted(rest, key=lambda i: (-room[i], nodes[i].gpus, i)):
        if missing <= 0:
            break
        chosen.append(index)
        missing -= room[index]
    fits = gpus_missing <= 0 and missing <= 0 and len(chosen) <= definition.tasks
    return chosen if fits else None


def _spread(tasks: int, chosen: Sequence[int], room: dict[int, int]) -> dict[int, int]:
    """Tasks per chosen node: one each, the rest into the first nodes."""
    placed = dict.fromkeys(chosen, 1)
    left = tasks - len(chosen)
    for index in chosen:
        more = min(left, room[index] - 1)
        placed[index] += more
        left -= more
    return placed


def _take(definition: JobDefinition, nodes: Sequence[Node], tasks_on: dict[int, int]) -> tuple[Node, ...]:
    left = list(nodes)
    gpus_left = definition.gpus
    for index, tasks in tasks_on.items():
        node = nodes[index]
        gpus = min(gpus_left, node.gpus)
        gpus_left -= gpus
        left[index] = Node(
            node.cpus - tasks * definition.cpus_per_task,
            node.memory_mb - tasks * definition.memory_per_task_mb,
            node.gpus - gpus,
        )
    return tuple(left)


def _crush(definition: JobDefinition, nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Subtract a job that does not fit as a whole: from each node whatever of it is there."""
    cpus, memory_mb, gpus = definition.cpus, definition.memory_mb, definition.gpus
    left = []
    for node in nodes:
        taken = Node(min(cpus, node.cpus), min(memory_mb, node.memory_mb), min(gpus, node.gpus))
        cpus, memory_mb, gpus = cpus - taken.cpus, memory_mb - taken.memory_mb, gpus - taken.gpus
        left.append(Node(node.cpus - taken.cpus, node.memory_mb - taken.memory_mb, node.gpus - taken.gpus))
    return tuple(left)
