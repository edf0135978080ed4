"""The tree of a template and its values -> text, and for each part of the text where it comes from."""

import bisect
import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn, cast

from deepsquare.workflow.problems import Position
from deepsquare.workflow.shapes import Model
from deepsquare.workflow.template import syntax
from deepsquare.workflow.template.errors import Misuse, TemplateError, position_in
from deepsquare.workflow.template.functions import FUNCTIONS, MAX_TEXT
from deepsquare.workflow.template.parser import parse
from deepsquare.workflow.template.values import Value, describe, field_of, is_true, text_of

MAX_WORK = 2 * MAX_TEXT
"""What comes out, what functions are given and make (characters and values), visits of parts and fields, and rounds."""

_VISIT = 16
"""What a visit or a round of a range counts for."""


class _Jump(Exception):
    """`break` or `continue`, on the way to its range."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Rendered:
    """What a template became, and where its parts come from."""

    def __init__(self, source: str, parts: list[tuple[str, int, bool]], work: int) -> None:
        self.work = work
        """How much of `MAX_WORK` it took."""
        self.text = "".join(text for text, _, _ in parts)
        self._source = source
        self._parts = parts
        self._starts = [0]
        for text, _, _ in parts:
            self._starts.append(self._starts[-1] + len(text))

    def origin(self, place: Position) -> Position:
        """Where in the template stands what made this place of the text: the very place, or the action."""
        lines = self.text.split("\n")
        offset = sum(len(line) + 1 for line in lines[: place.line - 1]) + place.column - 1
        index = min(bisect.bisect_right(self._starts, offset), len(self._parts)) - 1
        if index < 0:
            return Position(1, 1)
        _, start, is_copied = self._parts[index]
        return position_in(self._source, start + (offset - self._starts[index] if is_copied else 0))


def render(source: str, given: Mapping[str, Value]) -> Rendered:
    """The text of a template: `.Name` is what is `given` under that name. Raises `TemplateError`."""
    interpreter = _Interpreter(source, given)
    interpreter.run(parse(source), given)
    return Rendered(source, interpreter.parts, interpreter.work)


class _Interpreter:
    def __init__(self, source: str, given: Mapping[str, Value]) -> None:
        self.parts: list[tuple[str, int, bool]] = []
        """Texts, where in the template each comes from, and whether it was copied from there."""
        self._source = source
        self._given = given
        self._scopes: list[dict[str, Value]] = [{"$": given}]
        self.work = 0
        self._length = 0

    def _fail(self, message: str, offset: int, hint: str = "") -> NoReturn:
        raise TemplateError(message, position_in(self._source, offset), hint)

    def _spend(self, work: int, offset: int) -> None:
        self.work += work
        if self.work > MAX_WORK:
            self._fail("this template does not come to an end: it does more than a module may", offset)

    # -- blocks

    def run(self, block: syntax.Block, dot: Value) -> None:
        """The parts of a block, in a scope of their own."""
        with self._scope():
            for part in block:
                self._part(part, dot)

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """What is declared here ends here, also where `break` or `continue` leaves it."""
        self._scopes.append({})
        try:
            yield
        finally:
            self._scopes.pop()

    def _part(self, part: syntax.Part, dot: Value) -> None:
        match part:
            case syntax.Text():
                self._emit(part.text, part.offset, is_copied=True)
            case syntax.Print():
                self._print(part.pipeline, dot)
            case syntax.Branch():
                self._branch(part, dot)
            case syntax.Range():
                self._range(part, dot)
            case syntax.Jump():
                self._spend(_VISIT, part.offset)
                raise _Jump(part.kind)

    def _emit(self, text: str, offset: int, *, is_copied: bool) -> None:
        self._spend(_VISIT + len(text), offset)
        self._length += len(text)
        if self._length > MAX_TEXT:
            self._fail(f"the template becomes longer than {MAX_TEXT} characters", offset)
        if text:
            self.parts.append((text, offset, is_copied))

    def _print(self, pipeline: syntax.Pipeline, dot: Value) -> None:
        value = self._pipeline(pipeline, dot)
        if pipeline.variables:
            return
        try:
            text = text_of(value)
        except Misuse as error:
            self._fail(str(error), pipeline.offset)
        self._emit(text, pipeline.offset, is_copied=False)

    def _branch(self, branch: syntax.Branch, dot: Value) -> None:
        with self._scope():
            value = self._pipeline(branch.pipeline, dot)
            if is_true(value):
                self.run(branch.body, value if branch.changes_dot else dot)
            else:
                self.run(branch.otherwise, dot)

    def _range(self, loop: syntax.Range, dot: Value) -> None:
        with self._scope():
            pairs = self._pairs(self._value(loop.pipeline, dot), loop.pipeline.offset)
            for key, value in pairs:
                self._spend(_VISIT, loop.pipeline.offset)
                for name, part in zip(
                    loop.pipeline.variables, (key, value)[-len(loop.pipeline.variables) :], strict=False
                ):
                    self._set(name, part, is_declaration=loop.pipeline.is_declaration)
                try:
                    self.run(loop.body, value)
                except _Jump as jump:
                    if jump.kind == "break":
                        break
            if not pairs:
                self.run(loop.otherwise, dot)

    def _pairs(self, value: Value, offset: int) -> list[tuple[Value, Value]]:
        if isinstance(value, Mapping):
            return sorted(value.items())
        if value is not None and not isinstance(value, list | tuple):
            self._fail(f"a range goes over a list or a mapping, not over {describe(value)}", offset)
        return list(enumerate(cast("list[Value]", value or ())))

    # -- pipelines

    def _pipeline(self, pipeline: syntax.Pipeline, dot: Value) -> Value:
        value = self._value(pipeline, dot)
        for name in pipeline.variables:
            self._set(name, value, is_declaration=pipeline.is_declaration)
        return value

    def _value(self, pipeline: syntax.Pipeline, dot: Value) -> Value:
        value: Value = None
        for index, (first, *others) in enumerate(pipeline.commands):
            self._spend(_VISIT, first.offset)
            if isinstance(first, syntax.Function):
                through = [syntax.Literal(None, first.offset)] if index else []
                value = self._call(first, [*others, *through], dot, value if index else None, piped=bool(index))
            else:
                value = self._operand(first, dot)
        return value

    def _set(self, name: str, value: Value, *, is_declaration: bool) -> None:
        scope = self._scopes[-1]
        if not is_declaration:
            scope = next((scope for scope in reversed(self._scopes) if name in scope), scope)
        scope[name] = value

    def _operand(self, operand: syntax.Operand, dot: Value) -> Value:
        match operand:
            case syntax.Literal():
                return operand.value
            case syntax.Dot():
                return dot
            case syntax.Variable():
                return next(scope[operand.name] for scope in reversed(self._scopes) if operand.name in scope)
            case syntax.Field():
                return self._fields(operand, dot)
            case syntax.Function():
                return self._call(operand, [], dot)
            case syntax.Pipeline():
                return self._value(operand, dot)

    def _fields(self, last: syntax.Field, dot: Value) -> Value:
        chain = [last]
        while isinstance(chain[-1].of, syntax.Field):
            chain.append(chain[-1].of)
        value = self._operand(chain[-1].of, dot)
        for field in reversed(chain):
            self._spend(_VISIT, field.offset)
            value = self._field(field, value)
        return value

    def _field(self, field: syntax.Field, value: Value) -> Value:
        if value is self._given and field.name not in self._given:
            known = " and ".join(f".{name}" for name in self._given)
            self._fail(f"there is no .{field.name} here; there is {known}", field.offset)
        try:
            return field_of(value, field.name)
        except Misuse as error:
            self._fail(str(error), field.offset)

    def _call(
        self,
        function: syntax.Function,
        operands: list[syntax.Operand],
        dot: Value,
        last: Value = None,
        *,
        piped: bool = False,
    ) -> Value:
        if function.name in {"and", "or"}:
            return self._short(function, operands, dot, last, piped=piped)
        found = FUNCTIONS.get(function.name)
        if found is None:
            close = difflib.get_close_matches(function.name, FUNCTIONS, n=1)
            hint = f"did you mean {close[0]}?" if close else ""
            self._fail("there is no function of this name", function.offset, hint)
        if len(operands) < found.least or (found.most is not None and len(operands) > found.most):
            most = "more" if found.most is None else str(found.most)
            count = most if most == str(found.least) else f"{found.least} to {most}"
            self._fail(f"{function.name} takes {count} values, not {len(operands)}", function.offset)
        arguments = [self._operand(operand, dot) for operand in (operands[:-1] if piped else operands)]
        if piped:
            arguments.append(last)
        self._spend(sum(map(_size, arguments)), function.offset)
        try:
            value = found.call(*arguments)
        except Misuse as error:
            self._fail(f"{function.name}: {error}", function.offset)
        self._spend(_size(value), function.offset)
        return value

    def _short(
        self, function: syntax.Function, operands: list[syntax.Operand], dot: Value, last: Value, *, piped: bool
    ) -> Value:
        """`and`: the first value that is false, `or`: the first that is true; else the last. The rest is not seen."""
        if not operands:
            self._fail(f"{function.name} takes 1 to more values, not 0", function.offset)
        value: Value = None
        for index, operand in enumerate(operands):
            value = last if piped and index == len(operands) - 1 else self._operand(operand, dot)
            if is_true(value) == (function.name == "or"):
                break
        return value


def _size(value: Value) -> int:
    """About how much work a function has with a value."""
    match value:
        case str() | Mapping():
            return len(value)
        case list() | tuple():
            return sum(_size(item) + 1 for item in cast("list[Value]", value))
        case Model():
            return _VISIT
        case _:
            return 1
