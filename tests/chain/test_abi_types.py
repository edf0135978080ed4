"""Promises of the ABI encoding; the usual library is the oracle."""

from typing import Any

import pytest
from eth_abi.abi import encode as oracle
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.chain import abi
from deepsquare.chain.abi_types import arguments
from deepsquare.chain.errors import InvalidValue

Sample = tuple[str, st.SearchStrategy[Any]]


def of_size(bits: int) -> list[Sample]:
    return [
        (f"uint{bits}", st.integers(0, 2**bits - 1)),
        (f"int{bits}", st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)),
        (f"bytes{bits // 8}", st.binary(min_size=bits // 8, max_size=bits // 8)),
    ]


ATOMS: list[Sample] = [
    *of_size(8),
    *of_size(64),
    *of_size(256),
    ("bool", st.booleans()),
    ("address", st.binary(min_size=20, max_size=20).map(lambda raw: f"0x{raw.hex()}")),
    ("string", st.text(max_size=70)),
    ("bytes", st.binary(max_size=70)),
]


def wider(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    lists = inner.map(lambda sample: (f"{sample[0]}[]", st.lists(sample[1], max_size=3).map(tuple)))
    tuples = st.lists(inner, max_size=3).map(
        lambda samples: (f"({','.join(name for name, _ in samples)})", st.tuples(*(values for _, values in samples)))
    )
    return lists | tuples.filter(lambda sample: sample[0] != "()")


samples = st.recursive(st.sampled_from(ATOMS), wider, max_leaves=6)
sequences = st.lists(samples, min_size=1, max_size=4).flatmap(
    lambda chosen: st.tuples(st.just(tuple(name for name, _ in chosen)), st.tuples(*(values for _, values in chosen)))
)


@given(sequences)
def test_values_are_encoded_and_decoded_as_the_library_does(sequence: tuple[tuple[str, ...], tuple[Any, ...]]) -> None:
    types, values = sequence
    encoded = abi.encode(types, values)
    assert encoded == oracle(types, values)
    assert abi.decode(types, encoded) == values


@given(st.sampled_from(["string", "bytes[]", "(string,uint8)[]", "address", "bool", "string[][]"]), st.data())
def test_broken_data_is_an_error_and_never_more(name: str, data: st.DataObject) -> None:
    good = bytearray(abi.encode(("(string,uint8)[]",), [[("ab", 1), ("c", 2)]]))
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255)), max_size=4)):
        good[place] = value
    cut = bytes(good[: data.draw(st.integers(0, len(good)))])
    try:
        abi.decode((name,), cut)
    except ValueError:
        return


def test_a_length_beyond_the_data_is_refused_before_anything_is_made_of_it() -> None:
    endless = (32).to_bytes(32, "big") + (2**200).to_bytes(32, "big")
    for name in ("string", "uint8[]", "(string)[]"):
        with pytest.raises(ValueError, match="outside"):
            abi.decode((name,), endless)
    with pytest.raises(ValueError, match="more than there is data"):
        abi.decode(("uint8[]",), (32).to_bytes(32, "big") + (60).to_bytes(32, "big"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("int8", 128),
        ("uint8", "1"),
        ("bool", 1),
        ("bytes4", b"abc"),
        ("bytes", "text"),
        ("string", b"bytes"),
        ("string", "\ud800"),
        ("address", "0x12"),
        ("address", 5),
        ("(uint8,uint8)", (1,)),
        ("uint8[]", [1, 300]),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidValue, match="does not fit"):
        abi.encode((name,), (value,))


@pytest.mark.parametrize("name", ["uint", "fixed128x18", "uint8[3]", "function", "", "tuple"])
def test_a_type_that_is_not_supported_says_so(name: str) -> None:
    with pytest.raises(ValueError, match="not supported"):
        arguments((name,))


def test_text_that_is_no_utf_8_is_replaced() -> None:
    assert abi.decode(("string",), abi.encode(("bytes",), (b"a\xff",))) == ("a\ufffd",)
