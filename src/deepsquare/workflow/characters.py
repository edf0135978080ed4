"""Which characters a workflow may hold: every character that a program can receive as text.

NUL cannot travel in an argument or a variable at all; the other control characters are refused with it,
because terminals and logs obey them. Tab, line feed and carriage return are text.
"""

import re

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""The characters that no text of a workflow may hold."""

UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""The characters that no file may hold unescaped."""


def join_surrogates(text: str) -> str:
    r"""The text with each pair `\ud83d\ude00`, as JSON escapes it, made the one character that it means.

    A lone surrogate stays as it is: `text_complaint` refuses it.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def text_complaint(text: str) -> str | None:
    """Why this text cannot be passed to a program, or None. The text itself is not repeated."""
    control = CONTROL.search(text)
    if control is not None:
        return f"the control character U+{ord(control[0]):04X} is not allowed in a text"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "half of a surrogate pair is no character"
    return None
