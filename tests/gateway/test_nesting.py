"""Texts that are nested too deeply are recognised before a parser that recurses sees them, in linear time."""

import json

from hypothesis import given
from hypothesis import strategies as st

from deepsquare.gateway.nesting import is_document_beyond, is_json_deeper

JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a"\\[]{}'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='a"\\[]{}'), inner),
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(JSON)
def test_the_depth_of_json_is_that_of_its_values(value: object) -> None:
    body = json.dumps(value).encode()
    assert not is_json_deeper(body, depth(value))
    assert depth(value) == 0 or is_json_deeper(body, depth(value) - 1)


def test_a_megabyte_of_quotes_takes_no_quadratic_time() -> None:
    assert not is_json_deeper(b'"\\' * 500_000, 10)
    assert not is_json_deeper(b'"\\"' * 300_000, 10)


def test_brackets_in_the_strings_of_a_document_do_not_count() -> None:
    document = '{ a(b: "[[[[", c: """ " ]]]] """) { d } }'
    assert not is_document_beyond(document, levels=2, tokens=100, spreads=0)
    assert is_document_beyond(document, levels=1, tokens=100, spreads=0)


def test_a_document_is_bounded_in_tokens() -> None:
    assert is_document_beyond("{ a }", levels=9, tokens=3, spreads=0)
    assert not is_document_beyond("{ a }", levels=9, tokens=4, spreads=0)


def test_a_document_is_bounded_in_fragments_that_it_spreads() -> None:
    document = '{ ...A ... on Query { a(b: "......") } } fragment A on Query { a }'
    assert is_document_beyond(document, levels=9, tokens=100, spreads=1)
    assert not is_document_beyond(document, levels=9, tokens=100, spreads=2)
