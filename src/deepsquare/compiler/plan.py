"""The form between a workflow and its script: what happens, in order, with every default filled in.

Lowering decides, rendering writes. Control flow, containers and networks become further actions here, so
that neither the models nor the bash need to know of each other.
"""

from dataclasses import dataclass

Variables = tuple[tuple[str, str], ...]
"""Names and values in the order in which they count: a later one wins."""


@dataclass(frozen=True, slots=True)
class Command:
    """One `srun`: a program in each task of a step."""

    path: str
    """Where the step stands in the workflow (`steps[2].steps[0]`); holds nothing of the user's."""
    name: str | None
    options: tuple[str, ...]
    """Arguments of srun, one word each."""
    environment: Variables
    directory: str | None
    """None: the job's scratch folder."""
    program: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Actions one after another; the first failure ends the group."""

    path: str
    name: str | None
    actions: tuple["Action", ...]


Action = Command | Group


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole job."""

    summary: str
    """One line for the reader of the script; holds nothing of the user's but numbers."""
    variables: Variables
    """What the job's resources export."""
    environment: Variables
    is_logged: bool
    actions: tuple[Action, ...]
