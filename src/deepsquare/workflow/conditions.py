"""What may stand in `if`: one test of bash. Only an unquoted `]]` could end it early and let other commands follow."""

from deepsquare.workflow.shapes import Complaint

_ENDS_A_WORD = frozenset(" \t\r\n;&|()<>")


def check_condition(text: str) -> Complaint | None:
    """Why this text is more than what stands between `[[` and `]]`, or None."""
    word_start = place = 0
    while place <= len(text):
        if place == len(text) or text[place] in _ENDS_A_WORD:
            if text[word_start:place] == "]]":
                return Complaint("a condition is one test, and this one ends before its end", 'quote the "]]"')
            word_start = place = place + 1
        else:
            place = _behind(text, place)
    return None


def _behind(text: str, place: int) -> int:  # noqa: PLR0911  (a table of what bash quotes and opens)
    """The place behind a character, or behind all that it quotes or opens."""
    match text[place : place + 2]:
        case "$'":
            return _behind_closing(text, place + 2, "'")
        case "$(":
            return _behind_closing(text, place + 2, ")", opening="'\"`$(")
        case "${":
            return _behind_closing(text, place + 2, "}", opening="'\"`$")
    match text[place]:
        case "\\":
            return place + 2
        case "'":
            return _behind_closing(text, place + 1, "'", has_escapes=False)
        case '"':
            return _behind_closing(text, place + 1, '"', opening="`$")
        case "`":
            return _behind_closing(text, place + 1, "`")
        case "(":
            return _behind_closing(text, place + 1, ")", opening="'\"`$(")
        case _:
            return place + 1


def _behind_closing(text: str, place: int, closing: str, *, opening: str = "", has_escapes: bool = True) -> int:
    """The place behind the closing character, past all that is opened before it; behind the end where there is none."""
    while place < len(text) and text[place] != closing:
        if text[place] == "\\" and has_escapes:
            place += 2
        elif text[place] in opening:
            place = _behind(text, place)
        else:
            place += 1
    return place + 1
