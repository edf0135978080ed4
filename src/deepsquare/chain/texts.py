"""Texts from the chain, made harmless for whoever shows them.

Labels, names, locations and reasons were written by anybody and end up in terminals and logs. There a control
character moves the cursor, retitles the window or forges a line, and a character that turns the direction of
writing makes a text read as another. So they are replaced here, once, before anything of ours sees them.
"""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_LAYOUT = "\n\t"


def one_line(text: str) -> str:
    """The text with every character that cannot be printed replaced."""
    return text if text.isprintable() else "".join(map(_shown, text))


def lines(text: str) -> str:
    """The same for a text that may have lines: line ends and tabs stay."""
    return "".join(letter if letter in _LAYOUT else _shown(letter) for letter in text)


def _shown(letter: str) -> str:
    return letter if letter.isprintable() else REPLACEMENT
