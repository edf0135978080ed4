"""Every small mistake that somebody could have made in the contracts: one changed place of one file.

Read off the compiler's syntax tree, so that each is a program that a person could have written, and nothing is missed
within a longer expression.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPERATORS = {
    "+": ["-"],
    "-": ["+"],
    "*": ["/"],
    "/": ["*"],
    "%": ["*"],
    "<<": [">>"],
    ">>": ["<<"],
    "&": ["|"],
    "|": ["&"],
    "<": ["<=", ">="],
    "<=": ["<", ">"],
    ">": [">=", "<="],
    ">=": [">", "<"],
    "==": ["!="],
    "!=": ["=="],
    "&&": ["||"],
    "||": ["&&"],
    "+=": ["-=", "="],
    "-=": ["+=", "="],
    "++": ["--"],
    "--": ["++"],
}
OTHERS = {
    "min": "max",
    "max": "min",
    "METASCHEDULER_ROLE": "PAUSER_ROLE",
    "PAUSER_ROLE": "METASCHEDULER_ROLE",
}
STATEMENTS = ("ExpressionStatement", "EmitStatement")


@dataclass(frozen=True, slots=True)
class Mistake:
    """The bytes from `start` to `end` of `file` become `text`."""

    file: str
    function: str
    kind: str
    start: int
    end: int
    text: str
    line: int
    change: str
    name: str

    def applied(self, original: bytes) -> str:
        """The whole file with the mistake in it."""
        return (original[: self.start] + self.text.encode() + original[self.end :]).decode()


@dataclass(frozen=True, slots=True)
class _Edit:
    function: str
    kind: str
    start: int
    end: int
    text: str


def mistakes(file: str, tree: dict[str, Any], original: bytes) -> Iterator[Mistake]:
    """All of one file, in its order. Their names stay the same while their function and line do."""
    counted = Counter[tuple[str, str, str]]()
    for edit in sorted(_edits(tree, original, ""), key=lambda each: (each.start, each.end, each.text)):
        begin, stop = original.rfind(b"\n", 0, edit.start) + 1, original.find(b"\n", edit.end)
        before = original[begin:stop].decode()
        after = (original[begin : edit.start] + edit.text.encode() + original[edit.end : stop]).decode()
        change = " => ".join(" ".join(each.split()) for each in (before, after))
        counted[edit.function, edit.kind, change] += 1
        unique = f"{change} {counted[edit.function, edit.kind, change]}"
        name = f"{Path(file).stem}.{edit.function}.{edit.kind}.{hashlib.sha256(unique.encode()).hexdigest()[:8]}"
        line = original.count(b"\n", 0, edit.start) + 1
        yield Mistake(file, edit.function, edit.kind, edit.start, edit.end, edit.text, line, change, name)


def _edits(node: Any, original: bytes, function: str) -> Iterator[_Edit]:
    """What can go wrong in `node` and below."""
    if isinstance(node, list):
        for each in node:
            yield from _edits(each, original, function)
    if not isinstance(node, dict):
        return
    kind = node.get("nodeType", "")
    if kind in ("FunctionDefinition", "ModifierDefinition"):
        function = node["name"] or node["kind"]
    make = _MAKERS.get(kind)
    if make is not None:
        start, end = _span(node)
        for what, first, last, text in make(node, start, end, original):
            yield _Edit(function or "fields", what, first, last, text)
    if kind not in (
        "ImportDirective",
        "PragmaDirective",
        "ErrorDefinition",
        "EventDefinition",
        "StructuredDocumentation",
    ):
        for each in node.values():
            yield from _edits(each, original, function)


_Change = tuple[str, int, int, str]


def _span(node: dict[str, Any]) -> tuple[int, int]:
    start, length, _ = (int(part) for part in node["src"].split(":"))
    return start, start + length


def _binary(node: dict[str, Any], start: int, end: int, original: bytes) -> Iterator[_Change]:
    del start, end
    yield from _between(node["leftExpression"], node["operator"], node["rightExpression"], original)


def _assignment(node: dict[str, Any], start: int, end: int, original: bytes) -> Iterator[_Change]:
    del start, end
    yield from _between(node["leftHandSide"], node["operator"], node["rightHandSide"], original)


def _between(left: dict[str, Any], operator: str, right: dict[str, Any], original: bytes) -> Iterator[_Change]:
    first = original.index(operator.encode(), _span(left)[1], _span(right)[0])
    what = "comparison" if operator in ("<", "<=", ">", ">=", "==", "!=") else "operator"
    for text in OPERATORS.get(operator, ()):
        yield what, first, first + len(operator), text


def _unary(node: dict[str, Any], start: int, end: int, original: bytes) -> Iterator[_Change]:
    del original
    operator = node["operator"]
    place = start if node["prefix"] else end - len(operator)
    for text in OPERATORS.get(operator, ()) if operator in ("++", "--") else ("",) if operator == "!" else ():
        yield "operator", place, place + len(operator), text


def _choice(node: dict[str, Any], start: int, end: int, original: bytes) -> Iterator[_Change]:
    del start, end, original
    first, last = _span(node["condition"])
    for text in ("true", "false"):
        yield "condition", first, last, text


def _statement(node: dict[str, Any], start: int, end: int, original: bytes) -> Iterator[_Change]:
    del node
    # The last part of a loop's head has no semicolon, and leaving it out would be a loop without end.
    stop = original.index(b";", end - 1, end + 1) + 1 if b";" in original[end - 1 : end + 1] else None
    if stop is not None:
        yield "left-out", start, stop, "{}"


def _guard(node: dict[str, Any], start: int, end: int, original: bytes) -> Iterator[_Change]:
    del original
    if node.get("kind") == "modifierInvocation":
        yield "unguarded", start, end, ""


def _number(node: dict[str, Any], start: int, end: int, original: bytes) -> Iterator[_Change]:
    if node["kind"] == "number":
        yield "number", start, end, f"({original[start:end].decode()} + 1)"


def _name(node: dict[str, Any], start: int, end: int, original: bytes) -> Iterator[_Change]:
    name = node.get("memberName") or node["name"]
    if name in OTHERS and original[end - len(name) : end] == name.encode():
        if name == "max" and original[start : start + 5] == b"type(":
            yield "number", start, end, f"({original[start:end].decode()} - 1)"
        else:
            yield "other", end - len(name), end, OTHERS[name]


_MAKERS = {
    "BinaryOperation": _binary,
    "Assignment": _assignment,
    "UnaryOperation": _unary,
    "IfStatement": _choice,
    "Conditional": _choice,
    **dict.fromkeys(STATEMENTS, _statement),
    "ModifierInvocation": _guard,
    "Literal": _number,
    "MemberAccess": _name,
    "Identifier": _name,
}
