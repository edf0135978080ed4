"""Who may await whom: `dependsOn` names a step that was launched before, in the same steps or around them.

It looks at the tree and not at records, so that it speaks even where other things are wrong. What it allows
cannot wait in a circle: a step sees only handles that were launched before it.
"""

from collections.abc import Collection, Mapping

from deepsquare.workflow.formats import check_handle
from deepsquare.workflow.guesses import Guesses
from deepsquare.workflow.limits import MAX_USES
from deepsquare.workflow.problems import Path, ProblemList
from deepsquare.workflow.tree import Entries, Items, Node, Scalar

_INNER_STEPS = (("for", "steps"), ("launch", "steps"), ("use", "steps"), ("steps",), ("catch",), ("finally",))


def check_handles(
    job: Node, problems: ProblemList, caller: Collection[str] = frozenset()
) -> Mapping[Path, Collection[str]]:
    """Reports each handle that is awaited but was not launched before, and each that is launched twice.

    A module's steps see the handles of their `caller`, and may use the same names for their own. Returns which handles
    each `use` sees, in lower case, for as many uses as a workflow may have.
    """
    handles = _Handles(problems, caller)
    handles.check(_at(job, "steps"), ("steps",))
    return handles.at_uses


class _Handles:
    def __init__(self, problems: ProblemList, caller: Collection[str]) -> None:
        self.at_uses: dict[Path, Collection[str]] = {}
        self._problems = problems
        self._guesses = Guesses()
        self._caller = frozenset(caller)
        self._known = set(caller)
        """What the step that is looked at sees."""
        self._launched: list[str] = []
        """What of it the steps themselves have launched, the innermost last."""
        self._own: set[str] = set()
        """The same."""

    def check(self, steps: Node | None, path: Path) -> None:
        if not isinstance(steps, Items):
            return
        outer = len(self._launched)
        for index, step in enumerate(steps.nodes):
            place: Path = (*path, index)
            self._check_dependencies(step, place)
            if _at(step, "use") is not None and len(self.at_uses) < MAX_USES:
                self.at_uses[place] = frozenset(self._known)
            for keys in _INNER_STEPS:
                self.check(_at(step, *keys), (*place, *keys))
            self._add_handle(step, (*place, "launch", "handleName"))
        self._forget(outer)

    def _check_dependencies(self, step: Node, place: Path) -> None:
        awaited = _at(step, "dependsOn")
        for index, node in enumerate(awaited.nodes if isinstance(awaited, Items) else ()):
            if not isinstance(node, Scalar) or check_handle(node.text) is not None or node.text.lower() in self._known:
                continue
            meant = self._guesses.nearest(node.text.lower(), self._known)
            hint = f"did you mean {meant}?" if meant else "a step before this one must launch it, here or further out"
            message = "no step before this one has this handle"
            self._problems.error((*place, "dependsOn", index), node.position, message, hint)

    def _add_handle(self, step: Node, path: Path) -> None:
        node = _at(step, "launch", "handleName")
        if not isinstance(node, Scalar) or node.is_null:
            return
        handle = node.text.lower()
        if handle in self._own:
            message = "a step before this one has this handle already"
            self._problems.error(path, node.position, message, "choose another one")
            return
        self._launched.append(handle)
        self._own.add(handle)
        self._known.add(handle)

    def _forget(self, outer: int) -> None:
        """Only the first so many handles are still seen, and those of the caller."""
        self._own.difference_update(self._launched[outer:])
        self._known.difference_update(set(self._launched[outer:]) - self._caller)
        del self._launched[outer:]


def _at(node: Node | None, *keys: str) -> Node | None:
    """The value at the end of `keys`, or None."""
    for key in keys:
        entry = node.entries.get(key) if isinstance(node, Entries) else None
        node = None if entry is None else entry.node
    return node
