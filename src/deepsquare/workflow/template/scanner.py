"""Template text -> tokens: literal text, and the words of what stands between `{{` and `}}`."""

import json
import re
from collections.abc import Generator, Iterator
from typing import NamedTuple

from deepsquare.workflow.template.errors import TemplateError, position_in

_SPACE = " \t\r\n"
_OPEN = re.compile(r"\{\{(-(?=[ \t\r\n]))?")
_COMMENT = re.compile(r"[ \t\r\n]*/\*.*?\*/([ \t\r\n]+-|[ \t\r\n]*)\}\}", re.DOTALL)
_CLOSE = re.compile(r"(?:(?<=[ \t\r\n])-)?\}\}")
_WORD = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<raw>`[^`]*`)
    |(?P<number>[-+]?[0-9]+(?![A-Za-z0-9_.]))
    |(?P<field>\.[A-Za-z_][A-Za-z0-9_]*)
    |(?P<dot>\.)
    |(?P<variable>\$[A-Za-z0-9_]*)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>:=|[=|(),])""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """A word of a template and where it starts. `value` is a string's or a literal text's content."""

    kind: str
    """text, open, close, string, number, field, dot, variable, word or sign."""
    value: str
    offset: int
    end: int


def scan(source: str) -> Iterator[Token]:
    """The tokens of a template. Raises `TemplateError`."""
    at, is_trimmed = 0, False
    while True:
        opening = _OPEN.search(source, at)
        end = len(source) if opening is None else opening.start()
        start = at
        if is_trimmed:
            start = end - len(source[at:end].lstrip(_SPACE))
        text = source[start:end]
        if opening is not None and opening[1]:
            text = text.rstrip(_SPACE)
        if text:
            yield Token("text", text, start, start + len(text))
        if opening is None:
            return
        comment = _COMMENT.match(source, opening.end())
        if comment is not None:
            at, is_trimmed = comment.end(), comment[1].endswith("-")
            continue
        yield Token("open", "", opening.start(), opening.end())
        at = yield from _action(source, opening.end(), opening.start())
        is_trimmed = source[at - 3] == "-"


def _action(source: str, at: int, opened: int) -> Generator[Token, None, int]:
    """The tokens of an action up to its `}}`; returns where that ends."""
    while True:
        closing = _CLOSE.match(source, at)
        if closing is not None:
            yield Token("close", "", at, closing.end())
            return closing.end()
        word = _WORD.match(source, at)
        if word is None:
            if at >= len(source):
                message, hint = "this action never ends", "close it with }}"
                raise TemplateError(message, position_in(source, opened), hint)
            raise TemplateError("this character means nothing here", position_in(source, at))
        kind = word.lastgroup or ""
        if kind in {"string", "raw"}:
            yield Token("string", _content(source, word), at, word.end())
        elif kind != "space":
            yield Token(kind, word[0], at, word.end())
        at = word.end()


def _content(source: str, word: re.Match[str]) -> str:
    if word.lastgroup == "raw":
        return word[0][1:-1]
    try:
        content = json.loads(word[0].replace("\t", "\\t"))
    except ValueError:
        message = "this string has an escape that means nothing here"
        raise TemplateError(
            message, position_in(source, word.start()), r"\n, \t, \", \\ and \uXXXX are known"
        ) from None
    return str(content)
