"""A job's output, made harmless for the terminal that shows it.

A job prints what it likes, and a terminal obeys some of it: sequences that move the cursor over lines of ours, retitle
the window, write to the clipboard, answer on the keyboard's line. Colours (SGR) pass, as do line ends, tabs and the
carriage returns of progress bars; every other control character is shown in caret notation, as `^[` for escape, or as
a replacement character where it has none. Colours end with each piece and go on with the next: what `dps` says in
between keeps its own, and cannot be hidden.
"""

import codecs
import re

from deepsquare.chain.texts import REPLACEMENT

_ESCAPE = "\x1b"
_RESET = f"{_ESCAPE}[0m"
_COLOUR = _ESCAPE + r"\[([0-9;:]{0,64})m"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_DIRECTION = "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
"""Characters that turn the direction of writing make a line read as another."""
_NOT_PLAIN = re.compile(f"{_COLOUR}|{_CONTROL}|{_DIRECTION}")
_PERHAPS_A_COLOUR = re.compile(_ESCAPE + r"(?:\[[0-9;:]{0,64})?\Z")
_MOST_COLOURS = 8
"""So many sequences in a row, without a reset, are more than any style needs; of more, the last count."""


class Harmless:
    """The text of one stream of bytes. A character or a sequence may be spread over several pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._colours: tuple[str, ...] = ()

    def feed(self, piece: bytes) -> str:
        """The text of the next piece; an unfinished sequence at its end waits for the next one."""
        text = self._held + self._decoder.decode(piece)
        held = _PERHAPS_A_COLOUR.search(text)
        self._held = held[0] if held is not None else ""
        return self._coloured(text.removesuffix(self._held))

    def end(self) -> str:
        """The text of what still waits, once nothing follows."""
        text, self._held = self._held + self._decoder.decode(b"", final=True), ""
        return self._coloured(text)

    def _coloured(self, text: str) -> str:
        if not text:
            return ""
        before = "".join(self._colours)
        shown = _NOT_PLAIN.sub(self._shown, text)
        return before + shown + (_RESET if self._colours else "")

    def _shown(self, found: re.Match[str]) -> str:
        if found[1] is None:
            return _caret(found[0])
        first = re.split("[;:]", found[1], maxsplit=1)[0]
        if not first.strip("0"):
            self._colours = ()
        if found[1].strip("0"):
            self._colours = (*self._colours, found[0])[-_MOST_COLOURS:]
        return found[0]


def _caret(letter: str) -> str:
    code = ord(letter)
    return f"^{chr(code ^ 0x40)}" if code < 0x80 else REPLACEMENT  # noqa: PLR2004 - ASCII ends there
