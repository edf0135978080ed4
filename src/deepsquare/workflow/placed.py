"""The containers of a workflow with their places: for whoever finds out later that something is wrong with one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from deepsquare.workflow.containers import Container
from deepsquare.workflow.decode import Decoded
from deepsquare.workflow.problems import Problem, Severity, format_path
from deepsquare.workflow.tree import position_at


@dataclass(frozen=True, slots=True)
class PlacedContainer:
    """A container of a workflow or of one of its modules, and where it names its image."""

    container: Container
    path: str
    line: int | None
    column: int | None
    tell_caller: Callable[[Problem], Problem] | None = None
    """For a container of a module, whose place is in the module as it is filled in: makes a problem there one of the
    workflow's."""

    def problem(self, severity: Severity, message: str, hint: str = "") -> Problem:
        """What is wrong with its image, as a problem of the workflow."""
        problem = Problem(severity, self.path, self.line, self.column, message, hint)
        return problem if self.tell_caller is None else self.tell_caller(problem)

    def told_by(self, tell_caller: Callable[[Problem], Problem]) -> "PlacedContainer":
        """The same as the caller of its module has it. Finding the places takes long, so it waits for a problem."""
        inner = self.tell_caller
        return replace(self, tell_caller=tell_caller if inner is None else lambda problem: tell_caller(inner(problem)))


def placed_containers(decoded: Sequence[Decoded]) -> list[PlacedContainer]:
    """The containers of these records. Those of steps that are given to a module are the module's, if it runs them."""
    found = []
    for each in decoded:
        if isinstance(each.record, Container) and "use" not in each.path:
            position = position_at(each.node, ("image",))
            line, column = (None, None) if position is None else (position.line, position.column)
            found.append(PlacedContainer(each.record, format_path((*each.path, "image")), line, column))
    return found
