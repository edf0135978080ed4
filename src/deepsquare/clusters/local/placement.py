"""Which nodes' CPUs, memory and GPUs a job gets. Pure: the same question has the same answer.

As in Slurm a task lies on one node with all its CPUs and memory; tasks of one job may lie on several nodes.
`gpus` counts for the whole job: evenly over its tasks where that works out, else anywhere on its nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """What one job asks for."""

    tasks: int
    cpus_per_task: int
    memory_per_task_mb: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on one node: numbered CPUs and GPUs, and memory."""

    node: str
    cpus: tuple[int, ...]
    memory_mb: int
    gpus: tuple[int, ...] = ()

    def without(self, share: "Share") -> "Room":
        """What remains when `share` is taken."""
        return Room(
            self.node,
            tuple(cpu for cpu in self.cpus if cpu not in share.cpus),
            self.memory_mb - share.memory_mb,
            tuple(gpu for gpu in self.gpus if gpu not in share.gpus),
        )


@dataclass(frozen=True, slots=True)
class Share:
    """What a job has of one node."""

    node: str
    tasks: int
    cpus: tuple[int, ...]
    memory_mb: int
    gpus: tuple[int, ...] = ()


def place(need: Need, rooms: Sequence[Room]) -> tuple[Share, ...] | None:
    """The job's shares, nodes in order of `rooms` (those with most free GPUs first for a job that wants some).

    None where it does not fit.
    """
    gpus_per_task, uneven_gpus = divmod(need.gpus, need.tasks)
    if uneven_gpus:
        gpus_per_task = 0
    order = sorted(rooms, key=lambda room: -len(room.gpus)) if need.gpus else rooms
    shares: list[Share] = []
    tasks_left, gpus_left = need.tasks, need.gpus
    for room in order:
        tasks = min(tasks_left, _tasks_that_fit(need, gpus_per_task, room))
        if tasks:
            gpus = min(gpus_left, len(room.gpus) if uneven_gpus else tasks * gpus_per_task)
            cpus = room.cpus[: tasks * need.cpus_per_task]
            shares.append(Share(room.node, tasks, cpus, tasks * need.memory_per_task_mb, room.gpus[:gpus]))
            tasks_left -= tasks
            gpus_left -= gpus
    return None if tasks_left or gpus_left else tuple(shares)


def _tasks_that_fit(need: Need, gpus_per_task: int, room: Room) -> int:
    tasks = min(len(room.cpus) // need.cpus_per_task, room.memory_mb // need.memory_per_task_mb)
    return min(tasks, len(room.gpus) // gpus_per_task) if gpus_per_task else tasks
