r"""The only way of a user's text into a script.

Single quotes, because nothing is special between them and a person can still read a command that has many
lines. Where the text has a character that the way of a script to the shell may change (Slurm refuses
carriage returns) or that linters stumble over (typographic quotes, invisible spaces), `$'...'` names the
bytes instead. Neither form depends on the locale in which the script runs.
"""

import re

from deepsquare.compiler.errors import UnquotableText

_WORD = re.compile(r"\A[A-Za-z0-9_/.,:@%-][A-Za-z0-9_/.,:=+@%-]*\Z")
"""A lone `=` or `+=` would look like an assignment that went wrong, and these words like a part of the shell's own."""
_KEYWORDS = frozenset(
    [
        "case",
        "coproc",
        "do",
        "done",
        "elif",
        "else",
        "esac",
        "fi",
        "for",
        "function",
        "if",
        "in",
        "select",
        "then",
        "time",
        "until",
        "while",
    ]
)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_DELICATE = re.compile("[\r\u00a0\u00ad\u034f\u061c\u1680\u180e\u2000-\u206f\u3000\ufeff\ufff0-\uffff]")
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\r": "\\r"}


def quote(text: str) -> str:
    """One word of bash that is exactly `text`. Raises `UnquotableText` for control characters and lone surrogates."""
    unprintable = _UNPRINTABLE.search(text)
    if unprintable is not None:
        raise UnquotableText(f"the character U+{ord(unprintable[0]):04X} cannot stand in a script; remove it")
    if _DELICATE.search(text) is not None:
        return "$'" + "".join(map(_escape, text)) + "'"
    return "'" + text.replace("'", "'\\''") + "'"


def quote_where_needed(text: str) -> str:
    """The same word, bare where it is plain ASCII without any meaning to a shell; for options and paths of ours."""
    return text if _WORD.match(text) and text not in _KEYWORDS else quote(text)


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if _DELICATE.match(character):
        return "".join(f"\\x{byte:02x}" for byte in character.encode())
    return character
