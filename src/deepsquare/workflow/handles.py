"""Who may await whom: `dependsOn` names a step that was launched before, in the same steps or around them.

It looks at the tree and not at records, so that it speaks even where other things are wrong. What it allows
cannot wait in a circle: a step sees only handles that were launched before it.
"""

import difflib
from collections.abc import Collection, Mapping

from deepsquare.workflow.formats import check_handle
from deepsquare.workflow.problems import Path, ProblemList
from deepsquare.workflow.tree import Entries, Items, Node, Scalar

_INNER_STEPS = (("for", "steps"), ("launch", "steps"), ("use", "steps"), ("steps",), ("catch",), ("finally",))


def check_handles(
    job: Node, problems: ProblemList, caller: Collection[str] = frozenset()
) -> Mapping[Path, Collection[str]]:
    """Reports each handle that is awaited but was not launched before, and each that is launched twice.

    A module's steps see the handles of their `caller`, and may use the same names for their own. Returns which handles
    each `use` sees, in lower case.
    """
    handles = _Handles(problems, caller)
    handles.check(_at(job, "steps"), ("steps",), caller)
    return handles.at_uses


class _Handles:
    def __init__(self, problems: ProblemList, caller: Collection[str]) -> None:
        self.at_uses: dict[Path, Collection[str]] = {}
        self._problems = problems
        self._caller = caller

    def check(self, steps: Node | None, path: Path, outer: Collection[str]) -> None:
        if not isinstance(steps, Items):
            return
        known, own = set(outer), set(outer) - set(self._caller)
        for index, step in enumerate(steps.nodes):
            place: Path = (*path, index)
            self._check_dependencies(step, place, known)
            if _at(step, "use") is not None:
                self.at_uses[place] = frozenset(known)
            for keys in _INNER_STEPS:
                self.check(_at(step, *keys), (*place, *keys), known)
            self._add_handle(step, (*place, "launch", "handleName"), known, own)

    def _check_dependencies(self, step: Node, place: Path, known: Collection[str]) -> None:
        awaited = _at(step, "dependsOn")
        for index, node in enumerate(awaited.nodes if isinstance(awaited, Items) else ()):
            if not isinstance(node, Scalar) or check_handle(node.text) is not None or node.text.lower() in known:
                continue
            close = difflib.get_close_matches(node.text.lower(), known, n=1)
            hint = (
                f"did you mean {close[0]}?" if close else "a step before this one must launch it, here or further out"
            )
            message = "no step before this one has this handle"
            self._problems.error((*place, "dependsOn", index), node.position, message, hint)

    def _add_handle(self, step: Node, path: Path, known: set[str], own: set[str]) -> None:
        node = _at(step, "launch", "handleName")
        if not isinstance(node, Scalar) or node.is_null:
            return
        handle = node.text.lower()
        if handle in own:
            message = "a step before this one has this handle already"
            self._problems.error(path, node.position, message, "choose another one")
        known.add(handle)
        own.add(handle)


def _at(node: Node | None, *keys: str) -> Node | None:
    """The value at the end of `keys`, or None."""
    for key in keys:
        entry = node.entries.get(key) if isinstance(node, Entries) else None
        node = None if entry is None else entry.node
    return node
