"""Two parsers, one language: what the fast one accepts means what the exact one says, at the same places."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.workflow import load
from deepsquare.workflow.yaml_events import Event, NotYaml, Parser, parse_exactly, parse_fast
from tests.workflow.test_documents import DOCUMENTS, HEAD, command_of, load_command

WORDS = [
    "a",
    "b:",
    "c: d",
    "- ",
    "? ",
    ": ",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "\n  ",
    "\n    ",
    "'x'",
    '"y"',
    "&n ",
    "*n",
]
LINES = st.lists(
    st.sampled_from([*WORDS, "|\n", ">-\n", "#", " #e", "é", "\U0001f986", "---\n", "!!str "]), max_size=30
)


def read(parse: Parser, text: str) -> list[Event] | None:
    """The events of the first document, or None where the parser refuses the text; an empty value stands nowhere."""
    try:
        events = list(parse(text))
    except NotYaml:
        return None
    nowhere = events[0].position
    end = next(index for index, event in enumerate(events) if event.kind == "DocumentEndEvent")
    return [
        event._replace(position=nowhere)
        if event.kind.endswith("EndEvent") or not (event.value or event.style)
        else event
        for event in events[1:end]
    ]


def test_the_fast_parser_is_here() -> None:
    assert yaml.__with_libyaml__


@given(LINES.map("".join) | DOCUMENTS)
def test_what_both_parsers_accept_means_the_same(text: str) -> None:
    text = "k: " + text.replace("\ufeff", "").replace("!!!", "!!")  # a tag of nothing, refused in any spelling
    fast, exact = read(parse_fast, text), read(parse_exactly, text)
    if fast is not None and exact is not None:
        assert fast == exact


@given(st.recursive(st.text("ab:-#, '\"\\\n\té\U0001f986{}[]", max_size=8), lambda inner: st.lists(inner, max_size=3)))
def test_json_means_the_same_to_both_parsers(data: object) -> None:
    text = json.dumps(data, ensure_ascii=False)
    assert read(parse_fast, text) == read(parse_exactly, text) is not None


@pytest.mark.parametrize(
    ("source", "text"), [(r'"\ud83e\udd86"', "\U0001f986"), (r'"\/"', "/"), ("http://x:80/y#z", "http://x:80/y#z")]
)
def test_a_text_that_only_the_exact_parser_knows_is_read_by_it(source: str, text: str) -> None:
    assert command_of(load_command(source)) == text


@pytest.mark.parametrize(
    "text",
    [
        "%FOO\n---\n" + HEAD + "steps: []",
        HEAD + "steps:\t[]",
        HEAD + "steps: [{name: 'a','if':b}]",
        HEAD + 'steps: [{"name":"a"}]',
        HEAD + "steps: [{name: :a}]",
        HEAD + "steps: [\t{name: a,\n\tif: b\t}]",
        HEAD + "steps: [{name: http://a:1/b}]",
    ],
)
def test_what_yaml_1_2_allows_is_allowed(text: str) -> None:
    assert load(text).problems == ()


def test_errors_are_those_of_the_exact_parser_and_told_once() -> None:
    loaded = load(HEAD + "odd: 1\nodd: 2\nsteps: [a\n")
    (problem,) = loaded.problems
    assert (problem.line, problem.column) == (5, 1)
    assert "expected ',' or ']'" in problem.message
