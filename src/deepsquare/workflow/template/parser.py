"""Tokens -> the tree of a template."""

from collections.abc import Iterator
from typing import NoReturn

from deepsquare.workflow.template import syntax
from deepsquare.workflow.template.errors import TemplateError, position_in
from deepsquare.workflow.template.scanner import Token, scan

MAX_NESTING = 64
"""Blocks and parentheses within each other."""

_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "nil": None}
_OPENERS = frozenset({"if", "range", "with"})
_FOREIGN = frozenset({"define", "template", "block"})
_MAX_DIGITS = 18


def parse(source: str) -> syntax.Block:
    """The tree of a template. Raises `TemplateError`."""
    return _Parser(source).whole()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens: Iterator[Token] = scan(source)
        self._depth = 0
        self._loops = 0
        self._scopes: list[set[str]] = [{"$"}]
        self._token = Token("", "", 0, 0)
        self._advance()

    def _advance(self) -> Token:
        """The present token; the next one becomes the present."""
        passed = self._token
        self._token = next(self._tokens, Token("end", "", len(self._source), len(self._source)))
        return passed

    def _fail(self, message: str, offset: int, hint: str = "") -> NoReturn:
        raise TemplateError(message, position_in(self._source, offset), hint)

    def _deeper(self, offset: int) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._fail(f"blocks and parentheses may be nested {MAX_NESTING} deep, not deeper", offset)

    # -- blocks

    def whole(self) -> syntax.Block:
        block, keyword = self._block()
        if keyword is not None:
            self._fail(f"nothing is open that this {keyword.value} could belong to", keyword.offset)
        return block

    def _block(self) -> tuple[syntax.Block, Token | None]:
        """Parts up to the end of the text, or up to an `end` or `else`, whose word is the last one read."""
        parts: list[syntax.Part] = []
        self._scopes.append(set())
        while self._token.kind != "end":
            if self._token.kind == "text":
                token = self._advance()
                parts.append(syntax.Text(token.value, token.offset))
                continue
            self._advance()
            word = self._token if self._token.kind == "word" else None
            if word is not None and word.value in {"end", "else"}:
                self._advance()
                self._scopes.pop()
                return tuple(parts), word
            parts.append(self._part(word))
        self._scopes.pop()
        return tuple(parts), None

    def _part(self, word: Token | None) -> syntax.Part:
        if word is None or word.value not in _OPENERS | _FOREIGN | {"break", "continue"}:
            part = syntax.Print(self._pipeline())
            self._close()
            return part
        self._advance()
        if word.value in _FOREIGN:
            self._fail(f"{word.value} is not part of the language of modules", word.offset, "write its text out")
        if word.value in _OPENERS:
            return self._opened(word)
        if not self._loops:
            self._fail(f"{word.value} stands outside of any range", word.offset)
        self._close()
        return syntax.Jump(word.value, word.offset)

    def _opened(self, word: Token) -> syntax.Part:
        self._deeper(word.offset)
        self._scopes.append(set())
        pipeline = self._pipeline(in_range=word.value == "range")
        self._close()
        self._loops += word.value == "range"
        body, keyword = self._block()
        self._loops -= word.value == "range"
        otherwise = self._otherwise(word, keyword)
        self._scopes.pop()
        self._depth -= 1
        if word.value == "range":
            return syntax.Range(pipeline, body, otherwise)
        return syntax.Branch(pipeline, body, otherwise, changes_dot=word.value == "with")

    def _otherwise(self, word: Token, keyword: Token | None) -> syntax.Block:
        """What follows the body of a block, up to its `end`."""
        if keyword is None:
            self._fail(f"this {word.value} has no end", word.offset, "close it with {{ end }}")
        if keyword.value == "end":
            self._close()
            return ()
        if self._token.kind == "word" and self._token.value in {"if", "with"} and word.value != "range":
            return (self._opened(self._advance()),)
        self._close()
        block, closing = self._block()
        if closing is None:
            self._fail(f"this {word.value} has no end", word.offset, "close it with {{ end }}")
        if closing.value == "else":
            self._fail("an else follows another one", closing.offset)
        self._close()
        return block

    def _close(self) -> None:
        if self._token.kind != "close":
            self._fail("the action should end here", self._token.offset, "close it with }}")
        self._advance()

    # -- pipelines

    def _pipeline(self, *, in_range: bool = False) -> syntax.Pipeline:
        offset = self._token.offset
        names, is_declaration, first = self._variables(in_range=in_range)
        commands = [self._command(first)]
        while self._is_sign("|"):
            self._advance()
            commands.append(self._command(None))
        if is_declaration:
            self._scopes[-1].update(names)
        for operands in commands[1:]:
            if not isinstance(operands[0], syntax.Function):
                self._fail("only a function can take the value that comes through a |", operands[0].offset)
        return syntax.Pipeline(names, is_declaration, tuple(commands), offset)

    def _variables(self, *, in_range: bool) -> tuple[tuple[str, ...], bool, syntax.Operand | None]:
        """What is declared or set, or else the operand that was read in search of it."""
        if self._token.kind != "variable":
            return (), False, None
        names = [self._advance()]
        if in_range and self._is_sign(","):
            self._advance()
            if self._token.kind != "variable":
                self._fail("a second variable should follow", self._token.offset)
            names.append(self._advance())
        if self._is_sign(":=") or self._is_sign("="):
            sign = self._advance().value
            if sign == "=":
                for name in names:
                    self._known(name)
            elif any(name.value == "$" for name in names):
                self._fail("$ is what the template was given; it cannot be declared", names[0].offset)
            return tuple(name.value for name in names), sign == ":=", None
        if len(names) > 1:
            self._fail(":= should follow two variables", self._token.offset)
        self._known(names[0])
        return (), False, self._fields(syntax.Variable(names[0].value, names[0].offset), names[0].end)

    def _known(self, name: Token) -> None:
        if not any(name.value in scope for scope in self._scopes):
            self._fail("this variable is not declared here", name.offset, f"declare it: {{{{ {name.value} := ... }}}}")

    def _is_sign(self, sign: str) -> bool:
        return self._token.kind == "sign" and self._token.value == sign

    def _command(self, first: syntax.Operand | None) -> tuple[syntax.Operand, ...]:
        operands = [] if first is None else [first]
        while self._token.kind != "close" and not self._is_sign("|") and not self._is_sign(")"):
            operands.append(self._operand())
        if not operands:
            self._fail("a value is missing here", self._token.offset)
        if len(operands) > 1 and not isinstance(operands[0], syntax.Function):
            self._fail("a value takes no arguments", operands[1].offset, "put a function before it, or a | after it")
        return tuple(operands)

    def _operand(self) -> syntax.Operand:
        token = self._advance()
        operand: syntax.Operand
        match token.kind:
            case "string" | "number":
                operand = self._literal(token)
            case "dot":
                operand = syntax.Dot(token.offset)
            case "field":
                operand = syntax.Field(syntax.Dot(token.offset), token.value[1:], token.offset)
            case "variable":
                self._known(token)
                operand = syntax.Variable(token.value, token.offset)
            case "word" if token.value in _CONSTANTS:
                operand = syntax.Literal(_CONSTANTS[token.value], token.offset)
            case "word":
                return syntax.Function(token.value, token.offset)
            case "sign" if token.value == "(":
                return self._parenthesis(token)
            case _:
                self._fail("a value should stand here", token.offset)
        return self._fields(operand, token.end)

    def _literal(self, token: Token) -> syntax.Literal:
        if token.kind == "string":
            return syntax.Literal(token.value, token.offset)
        if len(token.value) > _MAX_DIGITS:
            self._fail("this number is too large", token.offset)
        return syntax.Literal(int(token.value), token.offset)

    def _parenthesis(self, opening: Token) -> syntax.Operand:
        self._deeper(opening.offset)
        inner = self._pipeline()
        if inner.variables:
            self._fail("a variable cannot be set within parentheses", inner.offset)
        if not self._is_sign(")"):
            self._fail("this parenthesis is not closed", opening.offset)
        closing = self._advance()
        self._depth -= 1
        return self._fields(inner, closing.end)

    def _fields(self, operand: syntax.Operand, end: int) -> syntax.Operand:
        """The operand with the fields that follow it without a space: `.A.B`."""
        length = 0
        while self._token.kind == "field" and self._token.offset == end:
            token = self._advance()
            length += 1
            if length > MAX_NESTING:
                self._fail(f"at most {MAX_NESTING} fields can follow each other", token.offset)
            operand, end = syntax.Field(operand, token.value[1:], token.offset), token.end
        return operand
