"""Whether the tasks of a job fit onto nodes, and what is left of the nodes then.

A task needs its CPUs and its memory on ONE node; the GPUs of a job are counted over the nodes that hold
at least one of its tasks, as Slurm's `--gpus` does. The chain does not say on which nodes a cluster put a
job, so what is bound there is packed by the same rule: an estimate that errs only where the cluster's own
scheduler spreads what could be packed.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from deepsquare.model import JobDefinition, Node


class Shape(NamedTuple):
    """What a job asks of nodes. Jobs of one shape are alike for placement, whatever else they are."""

    tasks: int
    cpus_per_task: int
    memory_per_task_mb: int = 0
    gpus: int = 0

    @property
    def cpus(self) -> int:
        """CPUs of the whole job."""
        return self.tasks * self.cpus_per_task


class Room(NamedTuple):
    """What is free on one node."""

    cpus: int
    memory_mb: int
    gpus: int


class Share(NamedTuple):
    """What a job holds of one node."""

    node: int
    """Index of the node in its cluster."""
    cpus: int
    memory_mb: int
    gpus: int


def shape_of(definition: JobDefinition) -> Shape:
    """The part of a job's definition that decides where it fits."""
    return Shape(definition.tasks, definition.cpus_per_task, definition.memory_per_task_mb, definition.gpus)


def tasks_that_fit(definition: JobDefinition, node: Node) -> int:
    """How many tasks of the job this node could hold at once."""
    return _tasks_that_fit(shape_of(definition), node.cpus, node.memory_mb)


def choose(shape: Shape, rooms: Sequence[Room]) -> tuple[Share, ...] | None:
    """What the job would hold of each node; None where it does not fit.

    Takes the nodes with most GPUs first until the job's GPUs are there, then the fullest nodes that hold a
    task, so that empty nodes stay whole for wide jobs. Never takes more than a node has.
    """
    tasks_on = _spread(shape, rooms)
    if tasks_on is None:
        return None
    shares = []
    gpus_left = shape.gpus
    for index, tasks in tasks_on.items():
        gpus = min(gpus_left, rooms[index].gpus)
        gpus_left -= gpus
        shares.append(Share(index, tasks * shape.cpus_per_task, tasks * shape.memory_per_task_mb, gpus))
    return tuple(shares)


def take(shares: Iterable[Share], rooms: list[Room]) -> None:
    """Subtract `shares` from `rooms`, in place."""
    for index, cpus, memory_mb, gpus in shares:
        room = rooms[index]
        rooms[index] = Room(room.cpus - cpus, room.memory_mb - memory_mb, room.gpus - gpus)


def give_back(shares: Iterable[Share], rooms: list[Room]) -> None:
    """Add `shares` to `rooms`, in place."""
    for index, cpus, memory_mb, gpus in shares:
        room = rooms[index]
        rooms[index] = Room(room.cpus + cpus, room.memory_mb + memory_mb, room.gpus + gpus)


def crush(shape: Shape, rooms: Sequence[Room]) -> tuple[Share, ...]:
    """What a job holds that does not fit as a whole (the site shrank): of each node whatever of it is there."""
    cpus, memory_mb, gpus = shape.cpus, shape.tasks * shape.memory_per_task_mb, shape.gpus
    shares = []
    for index, room in enumerate(rooms):
        share = Share(index, min(cpus, room.cpus), min(memory_mb, room.memory_mb), min(gpus, room.gpus))
        cpus, memory_mb, gpus = cpus - share.cpus, memory_mb - share.memory_mb, gpus - share.gpus
        shares.append(share)
    return tuple(shares)


def pack(definition: JobDefinition, nodes: Sequence[Node]) -> tuple[Node, ...] | None:
    """What is left of `nodes` (same order) once the job runs on them; None where it does not fit."""
    rooms = rooms_of(nodes)
    shares = choose(shape_of(definition), rooms)
    if shares is None:
        return None
    take(shares, rooms)
    return nodes_of(rooms)


def pack_all(definitions: Iterable[JobDefinition], nodes: Sequence[Node]) -> tuple[Node, ...]:
    """What is left of `nodes` under all these jobs; one that does not fit (the site shrank) takes what it can."""
    rooms = rooms_of(nodes)
    for definition in definitions:
        shape = shape_of(definition)
        take(choose(shape, rooms) or crush(shape, rooms), rooms)
    return nodes_of(rooms)


def rooms_of(nodes: Iterable[Node]) -> list[Room]:
    """Empty nodes."""
    return [Room(node.cpus, node.memory_mb, node.gpus) for node in nodes]


def nodes_of(rooms: Iterable[Room]) -> tuple[Node, ...]:
    """Rooms as the model writes them."""
    return tuple(Node(*room) for room in rooms)


def _tasks_that_fit(shape: Shape, cpus: int, memory_mb: int) -> int:
    by_cpu = cpus // shape.cpus_per_task
    memory = shape.memory_per_task_mb
    return min(by_cpu, memory_mb // memory) if memory else by_cpu


def _spread(shape: Shape, rooms: Sequence[Room]) -> dict[int, int] | None:
    """Tasks per node: one on each chosen node, the rest into the first of them; None where they do not fit."""
    if len(rooms) == 1:
        room = rooms[0]
        fits = shape.gpus <= room.gpus and _tasks_that_fit(shape, room.cpus, room.memory_mb) >= shape.tasks
        return {0: shape.tasks} if fits else None
    tasks_that_fit = {
        index: fitting
        for index, room in enumerate(rooms)
        if (fitting := _tasks_that_fit(shape, room.cpus, room.memory_mb)) > 0
    }
    chosen = _choose(shape, rooms, tasks_that_fit)
    if chosen is None:
        return None
    placed = dict.fromkeys(chosen, 1)
    left = shape.tasks - len(chosen)
    for index in chosen:
        more = min(left, tasks_that_fit[index] - 1)
        placed[index] += more
        left -= more
    return placed


def _choose(shape: Shape, rooms: Sequence[Room], fitting: dict[int, int]) -> list[int] | None:
    """The nodes that shall hold tasks: enough GPUs, enough room, and no more nodes than tasks."""
    chosen: list[int] = []
    gpus_missing = shape.gpus
    if gpus_missing:
        for index in sorted((i for i in fitting if rooms[i].gpus), key=lambda i: (-rooms[i].gpus, fitting[i], i)):
            if gpus_missing <= 0:
                break
            chosen.append(index)
            gpus_missing -= rooms[index].gpus
    missing = shape.tasks - sum(fitting[index] for index in chosen)
    if missing > 0:
        taken = set(chosen)
        rest = [index for index in fitting if index not in taken]
        holds_all_that_is_missing = [index for index in rest if fitting[index] >= missing]
        if holds_all_that_is_missing:
            chosen.append(min(holds_all_that_is_missing, key=lambda i: (rooms[i].gpus, fitting[i], i)))
            missing = 0
        else:
            for index in sorted(rest, key=lambda i: (-fitting[i], rooms[i].gpus, i)):
                if missing <= 0:
                    break
                chosen.append(index)
                missing -= fitting[index]
    fits = gpus_missing <= 0 and missing <= 0 and len(chosen) <= shape.tasks
    return chosen if fits else None
