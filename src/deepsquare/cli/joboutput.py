"""Where a job's output goes: byte for byte into a pipe, harmless onto a terminal, as text into a stream of JSON."""

import codecs
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from deepsquare.cli.harmless import Harmless
from deepsquare.cli.output import JsonValue, Output


class _Reading(Protocol):
    def feed(self, piece: bytes) -> str: ...

    def end(self) -> str: ...


class _Decoded:
    """The text of one stream of bytes; a character may be spread over two pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, piece: bytes) -> str:
        return self._decoder.decode(piece)

    def end(self) -> str:
        return self._decoder.decode(b"", final=True)


@contextmanager
def job_output(output: Output, head: Mapping[str, JsonValue]) -> Iterator[Callable[[bytes], None]]:
    """What shows one piece after the other. With `--json` each is an event: `head` and its `text`."""
    reading: _Reading
    write: Callable[[str], None]
    if output.json:
        reading, write = _Decoded(), lambda text: output.event({**head, "text": text})
    elif sys.stdout.isatty():
        reading, write = Harmless(), output.text
    else:
        yield output.raw
        return

    def show(piece: bytes) -> None:
        if text := reading.feed(piece):
            write(text)

    try:
        yield show
    finally:
        if rest := reading.end():
            write(rest)
