"""The one door of a user's text into a script: bash reads every word back as exactly the text that went in."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.compiler.errors import UnquotableText
from deepsquare.compiler.quoting import quote, quote_where_needed
from tests.support.scripts import BASH
from tests.support.texts import TEXTS

NASTY = [
    "",
    "'",
    "''",
    "\\",
    "\\'",
    "'\\''",
    "$'x'",
    '"',
    "`touch PWNED`",
    "$(touch PWNED)",
    "${IFS}",
    "!!",
    "~",
    "*",
    "{a,b}",
    "a\nb\n",
    "\r\n",
    "a\r\nEOF\nEOF'\n",
    "# comment",
    "-n",
    "%s%n",
    "\u201csmart\u201d \u2018quotes\u2019 and\u00a0spaces",
    "\u2028\u2029\ufeff",
    "x\r\\x41\\'",
    "é\r0",
    "🦆",
]


def read_back(words: list[str], locale: str) -> list[str]:
    """What bash makes of these words."""
    script = "printf '%s\\0' " + " ".join(words)
    done = subprocess.run([BASH], input=script.encode(), capture_output=True, check=True, env={"LC_ALL": locale})
    assert done.stderr == b""
    return [part.decode() for part in done.stdout.split(b"\0")[:-1]]


@pytest.mark.programs
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_bash_reads_back_what_was_quoted(locale: str) -> None:
    assert read_back([quote(text) for text in NASTY], locale) == NASTY
    assert read_back([quote_where_needed(text) for text in NASTY], locale) == NASTY


@pytest.mark.programs
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_bash_reads_back_any_text(texts: list[str]) -> None:
    assert read_back([quote(text) for text in texts], "C.UTF-8") == texts
    assert read_back([quote_where_needed(text) for text in texts], "C") == texts


@given(TEXTS)
def test_no_carriage_return_reaches_the_script_where_slurm_would_refuse_it(text: str) -> None:
    assert "\r" not in quote(text)


@pytest.mark.parametrize("text", ["\0", "a\x1bb", "\x7f", "\x85", "\ud800"])
def test_what_no_script_can_carry_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UnquotableText, match=r"the character U\+[0-9A-F]{4} cannot stand in a script"):
        quote(text)


@pytest.mark.parametrize("text", ["--ntasks=1", "/bin/sh", "-c", "steps"])
def test_plain_words_stay_readable(text: str) -> None:
    assert quote_where_needed(text) == text


@pytest.mark.parametrize("text", ["=", "==", "+=", "=a", "do", "done", "then", "esac"])
def test_what_looks_like_the_shells_own_is_quoted(text: str) -> None:
    assert quote_where_needed(text) == f"'{text}'"
