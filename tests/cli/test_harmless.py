"""What a job prints can colour a terminal, and nothing else."""

import io
import re
import unicodedata
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deepsquare.cli.harmless import Harmless
from deepsquare.cli.joboutput import job_output
from deepsquare.cli.output import Output

COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
RESET = "\x1b[0m"
FRAGMENTS = tuple(b"\x1b [ ] 0 31 ; m H \x07 \x9b \xc2\x9b \xe2\x80 \xae \r\n".split(b" "))

pieces = st.lists(st.binary(max_size=20) | st.sampled_from(FRAGMENTS), max_size=20)


def shown(parts: Iterable[bytes]) -> str:
    harmless = Harmless()
    return "".join([*map(harmless.feed, parts), harmless.end()])


def without_colours(text: str) -> str:
    return COLOUR.sub("", text)


@given(pieces)
@example([b"\x1b[", b"31m"])
@example([b"\x1b[" + b"1" * 200 + b"m"])
def test_no_output_yields_a_control_character_but_colours_and_line_ends(parts: list[bytes]) -> None:
    left = without_colours(shown(parts))
    assert {letter for letter in left if unicodedata.category(letter) == "Cc"} <= set("\n\r\t")
    assert not set(left) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


@given(pieces)
def test_where_the_output_is_cut_into_pieces_changes_nothing_that_is_read(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert without_colours(shown(parts)) == without_colours(shown([whole]))
    assert without_colours(shown(bytes([byte]) for byte in whole)) == without_colours(shown([whole]))


@given(pieces)
def test_whatever_is_said_between_two_pieces_keeps_its_own_colours(parts: list[bytes]) -> None:
    harmless = Harmless()
    for text in [*map(harmless.feed, parts), harmless.end()]:
        colours = COLOUR.findall(text)
        assert not colours or set(colours[-1]) <= set("\x1b[0;:m")


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs"]) | st.sampled_from("\n\t\r")))
def test_text_passes_as_it_is(text: str) -> None:
    assert shown([text.encode()]) == text


@pytest.mark.parametrize(
    ("parts", "seen"),
    [
        ([b"\x1b[31mred\x1b[0m"], "\x1b[31mred\x1b[0m"),
        ([b"\x1b[1", b";31mred\x1b[m"], "\x1b[1;31mred\x1b[m"),
        ([b"\x1b[31mre", b"d\n"], f"\x1b[31mre{RESET}\x1b[31md\n{RESET}"),
        ([b"\x1b[8m", b"hidden"], f"\x1b[8m{RESET}\x1b[8mhidden{RESET}"),
        ([b"\x1b]0;title\x07"], "^[]0;title^G"),
        ([b"\x1b]52;c;", b"Y2xpcA==\x1b\\"], "^[]52;c;Y2xpcA==^[\\"),
        ([b"\x1b[2J\x1b[H"], "^[[2J^[[H"),
        ([b"\x1b", b"[A"], "^[[A"),
        ([b"\xc2", b"\x9b2J"], "\N{REPLACEMENT CHARACTER}2J"),
        ([b"\xc3", b"\xa9t\xc3\xa9"], "été"),
        ([b"\x7f\x08\x00"], "^?^H^@"),
        ([b"cut \xe2\x82"], "cut \N{REPLACEMENT CHARACTER}"),
        ([b"cut \x1b[3"], "cut ^[[3"),
        (["\N{RIGHT-TO-LEFT OVERRIDE}".encode()], "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_what_is_seen(parts: list[bytes], seen: str) -> None:
    assert shown(parts) == seen


class Stdout(io.TextIOWrapper):
    """A stdout, of a terminal or of a pipe."""

    def __init__(self, *, is_terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    @property
    def written(self) -> bytes:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()


def printed(monkeypatch: pytest.MonkeyPatch, stdout: Stdout, *parts: bytes, as_json: bool = False) -> bytes:
    monkeypatch.setattr("sys.stdout", stdout)
    with job_output(Output(json=as_json), {"job": 1}) as show:
        for part in parts:
            show(part)
    return stdout.written


def test_a_pipe_gets_every_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    nasty = b"\x1b]0;title\x07\xff\x00"
    assert printed(monkeypatch, Stdout(is_terminal=False), nasty, nasty) == nasty * 2


def test_a_terminal_gets_text_also_of_what_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(monkeypatch, Stdout(is_terminal=True), b"\x1b[H", b"end\x1b") == b"^[[Hend^["


def test_a_terminal_of_another_encoding_gets_no_byte_that_it_would_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    # In UTF-8 this letter ends with the byte 0x9b, with which a sequence begins on an 8-bit terminal.
    stdout = Stdout(is_terminal=True, encoding="iso-8859-1")
    assert printed(monkeypatch, stdout, "śé".encode()) == b"?\xe9"


def test_a_stream_of_json_tears_no_character_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    written = printed(monkeypatch, Stdout(is_terminal=True), b"\xc3", b"\xa9", b"\xc3", as_json=True)
    assert written.splitlines() == [b'{"job": 1, "text": "\\u00e9"}', b'{"job": 1, "text": "\\ufffd"}']
