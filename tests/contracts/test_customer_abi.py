"""Published clients find in our contracts everything they call and read, to the last name and flag."""

import pytest

from tests.contracts.shipped import CONTRACTS, Entry, artifact, digest, meaning, published, signature

CONFUSING_LAST_BYTES = bytes.fromhex("01 11 12 21 22 31 32 41 51")
"""Published clients take an unknown error whose selector ends like this for a panic of the compiler."""

PUBLISHED = published()
NAMES = [f"{contract}-{entry['type']}-{entry['name']}" for contract, entry in PUBLISHED]


def named(contract: str, kind: str, name: str) -> list[Entry]:
    return [each for each in artifact(contract)["abi"] if each["type"] == kind and each.get("name") == name]


@pytest.mark.parametrize(("contract", "entry"), PUBLISHED, ids=NAMES)
def test_a_published_entry_is_ours_word_for_word(contract: str, entry: Entry) -> None:
    ours = named(contract, entry["type"], entry["name"])
    assert [meaning(each) for each in ours] == [meaning(entry)]


@pytest.mark.parametrize(("contract", "entry"), PUBLISHED, ids=NAMES)
def test_a_published_selector_or_topic_is_ours(contract: str, entry: Entry) -> None:
    assert digest(entry) in {digest(each) for each in artifact(contract)["abi"] if each["type"] == entry["type"]}


def test_no_published_event_of_a_job_or_provider_is_indexed() -> None:
    events = [entry for contract, entry in PUBLISHED if entry["type"] == "event" and contract != "Credit"]
    assert events
    assert not any(argument["indexed"] for event in events for argument in event["inputs"])


def test_no_new_error_looks_like_a_panic_of_the_compiler() -> None:
    old = {digest(entry)[:4] for _, entry in PUBLISHED if entry["type"] == "error"}
    errors = [each for contract in CONTRACTS for each in artifact(contract)["abi"] if each["type"] == "error"]
    new = {signature(each): digest(each)[:4] for each in errors if digest(each)[:4] not in old}
    assert new
    assert [name for name, code in new.items() if code[3] in CONFUSING_LAST_BYTES] == []


@pytest.mark.parametrize("kind", ["function", "error"])
def test_no_two_selectors_of_a_kind_collide(kind: str) -> None:
    for contract in CONTRACTS:
        entries = {signature(each): digest(each)[:4] for each in artifact(contract)["abi"] if each["type"] == kind}
        assert len(set(entries.values())) == len(entries)


MAX_CREATION_CODE = 49_152
"""Bytes, EIP-3860. Foundry's tests hold what is deployed to the 24,576 of EIP-170."""


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_contract_can_be_created_on_every_chain(contract: str) -> None:
    bytecode = bytes.fromhex(artifact(contract)["bytecode"].removeprefix("0x"))
    assert 0 < len(bytecode) <= MAX_CREATION_CODE
