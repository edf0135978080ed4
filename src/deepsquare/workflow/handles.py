"""Who may await whom: `dependsOn` names a step that was launched before, in the same steps or around them.

It looks at the tree and not at records, so that it speaks even where other things are wrong. What it allows
cannot wait in a circle: a step sees only handles that were launched before it.
"""

import difflib
from collections.abc import Collection

from deepsquare.workflow.formats import check_handle
from deepsquare.workflow.problems import Path, ProblemList
from deepsquare.workflow.tree import Entries, Items, Node, Scalar

_INNER_STEPS = (("for", "steps"), ("launch", "steps"), ("use", "steps"), ("steps",), ("catch",), ("finally",))


def check_handles(job: Node, problems: ProblemList) -> None:
    """Reports each handle that is awaited but was not launched before, and each that is launched twice."""
    _check_steps(_at(job, "steps"), ("steps",), (), problems)


def _check_steps(steps: Node | None, path: Path, outer: Collection[str], problems: ProblemList) -> None:
    if not isinstance(steps, Items):
        return
    known = set(outer)
    for index, step in enumerate(steps.nodes):
        place: Path = (*path, index)
        _check_dependencies(step, place, known, problems)
        for keys in _INNER_STEPS:
            _check_steps(_at(step, *keys), (*place, *keys), known, problems)
        _add_handle(step, (*place, "launch", "handleName"), known, problems)


def _check_dependencies(step: Node, place: Path, known: Collection[str], problems: ProblemList) -> None:
    awaited = _at(step, "dependsOn")
    for index, node in enumerate(awaited.nodes if isinstance(awaited, Items) else ()):
        if not isinstance(node, Scalar) or check_handle(node.text) is not None or node.text.lower() in known:
            continue
        close = difflib.get_close_matches(node.text.lower(), known, n=1)
        hint = f"did you mean {close[0]}?" if close else "a step before this one must launch it, here or further out"
        problems.error((*place, "dependsOn", index), node.position, "no step before this one has this handle", hint)


def _add_handle(step: Node, path: Path, known: set[str], problems: ProblemList) -> None:
    node = _at(step, "launch", "handleName")
    if not isinstance(node, Scalar) or node.is_null:
        return
    if node.text.lower() in known:
        problems.error(path, node.position, "a step before this one has this handle already", "choose another one")
    known.add(node.text.lower())


def _at(node: Node | None, *keys: str) -> Node | None:
    """The value at the end of `keys`, or None."""
    for key in keys:
        entry = node.entries.get(key) if isinstance(node, Entries) else None
        node = None if entry is None else entry.node
    return node
