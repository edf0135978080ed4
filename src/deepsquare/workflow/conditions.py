"""What may stand in `if`: one test of bash. Only an unquoted `]]` could end it early and let other commands follow."""

import re
from typing import NamedTuple

from deepsquare.workflow.shapes import Complaint

_ENDS_A_WORD = frozenset(" \t\r\n;&|()<>")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class _Part(NamedTuple):
    """What bash reads in another way until it is closed."""

    closing: str
    opening: str = ""
    """First characters of the parts that may be in it."""
    has_escapes: bool = True
    has_comments: bool = False


_PARTS = {
    "$'": _Part("'"),
    "$(": _Part(")", "'\"`$(", has_comments=True),
    "${": _Part("}", "'\"`$"),
    "'": _Part("'", has_escapes=False),
    '"': _Part('"', "`$"),
    "`": _Part("`"),
    "(": _Part(")", "'\"`$(", has_comments=True),
}
"""By how each is opened, the longer ones first."""


def check_condition(text: str) -> Complaint | None:
    """Why this text is more than what stands between `[[` and `]]`, or None."""
    text = _ESCAPED.sub(lambda pair: "" if pair[1] == "\n" else pair[0], text)  # bash joins such lines
    inside: list[_Part] = []
    word_start = place = 0
    while place <= len(text):
        if not inside and (place == len(text) or text[place] in _ENDS_A_WORD):
            if text[word_start:place] == "]]":
                return Complaint("a condition is one test, and this one ends before its end", 'quote the "]]"')
            word_start = place = place + 1
        elif place == len(text):
            break
        else:
            place = _behind(text, place, inside)
    return None


def _behind(text: str, place: int, inside: list[_Part]) -> int:
    """The place behind a character; opens or closes the part that begins or ends with it."""
    part = inside[-1] if inside else None
    if text[place] == "\\" and (part is None or part.has_escapes):
        return place + 2
    if part is not None and text[place] == part.closing:
        inside.pop()
        return place + 1
    if (part is None or part.has_comments) and _is_comment(text, place):
        line_end = text.find("\n", place)
        return len(text) if line_end < 0 else line_end
    if part is None or text[place] in part.opening:
        for opening, opened in _PARTS.items():
            if text.startswith(opening, place):
                inside.append(opened)
                return place + len(opening)
    return place + 1


def _is_comment(text: str, place: int) -> bool:
    return text[place] == "#" and (place == 0 or text[place - 1] in _ENDS_A_WORD)
