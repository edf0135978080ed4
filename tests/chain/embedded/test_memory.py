"""Remembered answers: a call is interpreted again exactly when something it read has changed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.engine import Account, Outcome, Reads
from deepsquare.chain.embedded.memory import MOST_ANSWERS, MOST_READS, Memory
from deepsquare.chain.embedded.pyevm import PyEvmExecution
from deepsquare.chain.embedded.transactions import Call
from tests.chain.embedded.programs import STORE_ARGUMENT, TELL_NUMBER, TELL_SLOT_0, TELL_TIME, assemble
from tests.chain.embedded.wallet import Wallet, word
from tests.support.clock import ManualClock

TELL_BALANCE_OF_ARGUMENT = assemble("PUSH0 CALLDATALOAD BALANCE PUSH0 MSTORE 32 PUSH0 RETURN")
TELL_OR_STORE = assemble(
    "CALLDATASIZE 12 JUMPI PUSH0 SLOAD PUSH0 MSTORE 32 PUSH0 RETURN JUMPDEST PUSH0 CALLDATALOAD PUSH0 SSTORE STOP"
)
"""Stores its argument in slot 0; without one, tells what stands there."""


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """The calls that were really interpreted."""
    made: list[Call] = []
    interpret = PyEvmExecution.call

    def counted(self: PyEvmExecution, call: Call) -> Outcome:
        made.append(call)
        return interpret(self, call)

    monkeypatch.setattr(PyEvmExecution, "call", counted)
    return made


async def call(chain: EmbeddedChain, contract: Any, data: str = "0x") -> int:
    return int(await chain.request("eth_call", [{"to": contract, "data": data}]), 16)


async def test_an_unchanged_answer_is_interpreted_once(chain: EmbeddedChain, wallet: Wallet, runs: list[Call]) -> None:
    contract = await wallet.deploy(chain, TELL_SLOT_0)
    other = await wallet.deploy(chain, STORE_ARGUMENT)
    for number in range(3):
        assert await call(chain, contract) == 0
        await wallet.send(chain, to=other, data=word(number))
    assert len(runs) == 1


async def test_an_answer_changes_with_the_slot_that_it_read(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, TELL_OR_STORE)
    for number in (5, 7, 5):
        await wallet.send(chain, to=contract, data=word(number))
        assert await call(chain, contract) == number


async def test_an_answer_changes_with_the_account_that_it_read(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, TELL_BALANCE_OF_ARGUMENT)
    somebody = "0x" + "5b" * 20
    for total in (1, 2):
        await wallet.send(chain, to=somebody, value=1)
        assert await call(chain, contract, "0x" + somebody[2:].rjust(64, "0")) == total


async def test_what_depends_on_the_time_is_never_remembered(
    chain: EmbeddedChain, wallet: Wallet, clock: ManualClock
) -> None:
    contract = await wallet.deploy(chain, TELL_TIME)
    for _ in range(2):
        clock.advance(10)
        assert await call(chain, contract) == int(clock.now().timestamp())


async def test_what_depends_on_the_block_is_never_remembered(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, TELL_NUMBER)
    before = await call(chain, contract)
    await wallet.send(chain, to=contract, data="0x")
    assert await call(chain, contract) == before + 1


async def test_the_state_of_an_older_block_has_its_own_answer(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, TELL_OR_STORE)
    first = await wallet.send(chain, to=contract, data=word(5))
    await wallet.send(chain, to=contract, data=word(7))
    assert await call(chain, contract) == 7
    assert int(await chain.request("eth_call", [{"to": contract}, first["blockNumber"]]), 16) == 5
    assert await call(chain, contract) == 7


class Slots:
    """A state of a few slots of one contract."""

    def __init__(self, values: dict[int, int]) -> None:
        self.values = values

    def account(self, _address: bytes) -> Account:
        return Account()

    def code(self, _code_hash: bytes) -> bytes:
        return b""

    def slot(self, _address: bytes, slot: int) -> int:
        return self.values.get(slot, 0)

    def block_hash(self, _number: int) -> bytes | None:
        return None


def outcome(text: bytes) -> Outcome:
    return Outcome(gas_used=0, refund=0, output=text, logs=())


def message(number: int) -> Call:
    return Call(sender=b"s", to=b"t", data=number.to_bytes(4, "big"), gas=1)


def is_interpreted(memory: Memory, call: Call, now: dict[int, int], read: dict[int, int] | None = None) -> bool:
    """Ask over a state; whether the answer had to be made. It then depends on the slots `read`."""
    made = []

    def interpret() -> tuple[Outcome, Reads]:
        made.append(call)
        return outcome(b"x"), Reads({}, {(b"t", slot): value for slot, value in (read or {}).items()})

    assert memory.outcome(call, Slots(now), interpret) == outcome(b"x")
    return bool(made)


small = st.dictionaries(st.integers(0, 3), st.integers(0, 2), max_size=4)


@given(read=small, now=small)
def test_an_answer_is_recalled_exactly_where_all_it_read_is_as_it_was(
    read: dict[int, int], now: dict[int, int]
) -> None:
    memory = Memory()
    assert is_interpreted(memory, message(1), read, read)
    is_same = all(now.get(slot, 0) == value for slot, value in read.items())
    assert is_interpreted(memory, message(1), now, now) != is_same


def test_the_least_used_answers_are_forgotten_first() -> None:
    memory = Memory()
    assert all(is_interpreted(memory, message(number), {}) for number in range(MOST_ANSWERS))
    assert not is_interpreted(memory, message(0), {})
    assert is_interpreted(memory, message(MOST_ANSWERS), {})
    assert not is_interpreted(memory, message(0), {})
    assert is_interpreted(memory, message(1), {})


def test_an_answer_that_read_very_much_is_not_kept() -> None:
    memory, much = Memory(), dict.fromkeys(range(MOST_READS + 1), 0)
    assert is_interpreted(memory, message(1), {}, much)
    assert is_interpreted(memory, message(1), {}, much)


def test_whoever_asks_while_the_same_call_is_interpreted_waits_for_that_answer() -> None:
    memory, begun, may_end = Memory(), threading.Event(), threading.Event()

    def slowly() -> tuple[Outcome, Reads]:
        begun.set()
        assert may_end.wait(30)
        return outcome(b"x"), Reads({}, {})

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(memory.outcome, message(1), Slots({}), slowly)
        assert begun.wait(30)
        second = threads.submit(is_interpreted, memory, message(1), {})
        assert is_interpreted(memory, message(2), {}), "another call waits for nobody"
        may_end.set()
        assert first.result() == outcome(b"x")
        assert not second.result()


def test_a_call_that_fails_to_be_interpreted_keeps_nobody_waiting() -> None:
    def fail() -> tuple[Outcome, Reads]:
        raise LookupError("a defect")

    memory = Memory()
    with pytest.raises(LookupError):
        memory.outcome(message(1), Slots({}), fail)
    assert is_interpreted(memory, message(1), {})
