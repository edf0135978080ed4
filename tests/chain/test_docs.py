"""docs/chain.md names every event and every error, and says the same as the program."""

import inspect
import re

import pytest

from deepsquare.chain import abi, errors
from deepsquare.chain.refusals import REFUSALS, refusal
from tests.chain.refusals_table import PAGE, with_table

EXAMPLES = {"address": "0x" + "ab" * 20, "bytes32": b"\7".rjust(32, b"\0"), "bytes4": b"\1\2\3\4", "string": "text"}


def documented() -> set[str]:
    return set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8")))


def test_every_event_of_the_contracts_is_documented() -> None:
    events = {name for contract in abi.CONTRACTS for name in abi.load(contract).events}
    assert events <= documented()


def test_every_error_of_this_package_is_documented() -> None:
    ours = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.ChainError)}
    assert ours - {"ChainError"} <= documented()


def test_every_error_of_the_contracts_has_its_words_and_no_words_are_left_over() -> None:
    assert {kind.name for kind in abi.errors().values()} == set(REFUSALS)


def test_the_table_of_refusals_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "run: python -m tests.chain.refusals_table"


@pytest.mark.parametrize("kind", abi.errors().values(), ids=lambda kind: kind.name)
def test_every_refusal_reads_as_a_sentence_with_its_arguments_in_it(kind: abi.ErrorKind) -> None:
    code = next(code for code, known in abi.errors().items() if known is kind)
    values = [EXAMPLES.get(each, 3) for each in kind.types]
    said = refusal(code + abi.encode(kind.types, values))
    assert said.name == kind.name
    assert list(said.arguments) == list(kind.arguments)
    assert "{" not in str(said)
    assert f"{kind.name}(" not in str(said)
