"""Writes the user's program: lines of bash in the words of the runtime, indented, every word quoted."""

from collections.abc import Iterator
from contextlib import contextmanager

from deepsquare.compiler.plan import Variables
from deepsquare.compiler.quoting import quote, quote_where_needed


class Writer:
    """Collects lines, and which parts of the runtime they need."""

    def __init__(self) -> None:
        self.parts: set[str] = set()
        self.lines: list[str] = []
        self._depth = 0

    def needs(self, part: str) -> None:
        """The program calls functions of this part of the runtime."""
        self.parts.add(part)

    def line(self, text: str = "") -> None:
        """A line of ours; holds no text of the user's that was not quoted."""
        self.lines.append(f"{'  ' * self._depth}{text}" if text else "")

    def word(self, name: str, *arguments: str, orelse: str = "") -> None:
        """A call of the runtime. Arguments are quoted; `orelse` is what follows `||`."""
        call = " ".join([name, *map(quote_where_needed, arguments)])
        self.line(f"{call} || {orelse}" if orelse else call)

    def assignments(self, opening: str, variables: Variables, closing: str) -> None:
        """A list of NAME=value, one on a line."""
        self.line(opening)
        for name, value in variables:
            self.line(f"  {quote(f'{name}={value}')}")
        self.line(closing)

    @contextmanager
    def block(self, opening: str, closing: str) -> Iterator[None]:
        """Lines between two others, indented; bash wants at least one command there."""
        self.line(opening)
        self._depth += 1
        start = len(self.lines)
        yield
        if not any(line and not line.lstrip().startswith("#") for line in self.lines[start:]):
            self.line(":")
        self._depth -= 1
        self.line(closing)
