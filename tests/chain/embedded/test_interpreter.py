"""The inner loop of ours against py-evm's: the same gas, output, logs, changes and failure for every program.

Ours takes step after step at first, and makes traces of what it does often: both must agree.
"""

import inspect

import pytest
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES
from eth.vm.opcode_values import SELFDESTRUCT
from hypothesis import example, given
from hypothesis import strategies as st

from deepsquare.chain.embedded import interpreter, pyevm
from deepsquare.chain.embedded.engine import Account, BlockEnvironment, Outcome, StateChanges
from deepsquare.chain.embedded.interpreter import Computation
from deepsquare.chain.embedded.pyevm import PyEvmEngine
from deepsquare.chain.embedded.traces import HOT
from deepsquare.chain.embedded.transactions import Call
from deepsquare.chain.keccak import keccak256
from tests.chain.embedded.model_state import ModelState
from tests.chain.embedded.programs import OPCODES, assemble, push

CALLER, CONTRACT = b"\x11" * 20, b"\x22" * 20
ENVIRONMENT = BlockEnvironment(chain_id=7, number=3, time=1_000, gas_limit=30_000_000, base_fee=0)
BORDERS = [0, 1, 2, 31, 32, 33, 255, 256, 2**16, 2**31, 2**64, 2**255 - 1, 2**255, 2**256 - 33, 2**256 - 1]


class PyEvmLoop(PragueComputation):
    """py-evm's frame with its own loop; its warning at SELFDESTRUCT would be an error here."""

    opcodes = PRAGUE_OPCODES | {SELFDESTRUCT: inspect.unwrap(PRAGUE_OPCODES[SELFDESTRUCT])}


words = st.sampled_from(BORDERS) | st.integers(0, 2**256 - 1) | st.integers(0, 96)
opcodes = st.sampled_from(OPCODES).map(assemble)
pushes = words.map(push)
fat_pushes = st.tuples(st.integers(1, 32), st.binary(max_size=32)).map(lambda pair: bytes([0x5F + pair[0]]) + pair[1])
"""Pushes whose operand may be cut short by the program's end, or run into what follows."""
deep = st.sampled_from([*range(0x80, 0xA0)]).map(lambda opcode: bytes([opcode]))
loose = st.lists(st.one_of(opcodes, pushes, pushes, deep, fat_pushes), max_size=60).map(b"".join)


@st.composite
def supplied(draw: st.DrawFn) -> bytes:
    """Opcodes that find enough on the stack and small places in memory: such programs get far."""
    steps = [push(draw(st.integers(0, 200))) for _ in range(8)]
    for _ in range(draw(st.integers(1, 25))):
        steps += [push(draw(words if draw(st.booleans()) else st.integers(0, 100))) for _ in range(3)]
        steps.append(draw(st.one_of(opcodes, deep)))
    return b"".join([*steps, assemble("64 PUSH0 RETURN")])


def run(frame: type[PragueComputation], program: bytes, data: bytes, gas: int) -> tuple[Outcome, StateChanges]:
    """What a call of the program does, interpreted by frames of this kind."""
    state = ModelState(
        accounts={CALLER: Account(balance=10**18), CONTRACT: Account(1, 10**6, keccak256(program))},
        slots={(CONTRACT, 1): 5, (CONTRACT, 2): 2**255},
        codes={keccak256(program): program},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pyevm._State, "computation_class", frame)
        execution = PyEvmEngine().begin(ENVIRONMENT, state)
        message = Call(sender=CALLER, to=CONTRACT, value=3, data=data, gas=gas, access_list=())
        outcome = execution._run(pyevm._Message.of(message), base_fee=0, is_kept=True)
        execution._world.end_transaction()
        return outcome, execution.changes()


def run_traced(program: bytes, data: bytes, gas: int) -> tuple[Outcome, StateChanges]:
    """What a call of the program does where whatever can be is made a trace before its first step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "HOT", 0)
        interpreter._program.cache_clear()
        return run(Computation, program, data, gas)


def agree(program: bytes, data: bytes = b"", gas: int = 200_000) -> Outcome:
    """Run on both, on ours in both ways; what ours says."""
    interpreter._program.cache_clear()
    ours, our_changes = run(Computation, program, data, gas)
    assert run_traced(program, data, gas) == (ours, our_changes)
    theirs, their_changes = run(PyEvmLoop, program, data, gas)
    if theirs.failure == "invalid opcode" and ours.failure == "invalid jump destination":
        # A jump into the operand of a push: py-evm has a word of its own for it, geth has not.
        assert ours.gas_used == theirs.gas_used == gas
        return ours
    assert ours == theirs
    assert our_changes == their_changes
    return ours


@given(loose, st.binary(max_size=80), st.sampled_from([22_400, 23_000, 30_000, 200_000]))
@example(assemble("JUMPDEST PUSH0 JUMP"), b"", 30_000)
@example(b"\x60", b"", 200_000)
@example(bytes([0x5B, 0x5F, 0x5F, 0x56]), b"", 22_400)
def test_any_program_does_the_same_in_both_loops(program: bytes, data: bytes, gas: int) -> None:
    agree(program, data, gas)


@given(supplied(), st.binary(max_size=80), st.sampled_from([23_000, 30_000, 200_000]))
def test_a_program_that_finds_what_it_needs_does_the_same_in_both_loops(program: bytes, data: bytes, gas: int) -> None:
    agree(program, data, gas)


BINARY = ["ADD", "MUL", "SUB", "DIV", "SIGNEXTEND", "LT", "GT", "SLT", "SGT", "EQ", "AND", "OR", "XOR", "SHL", "SHR"]


@given(words, words)
def test_each_operation_on_two_words_gives_the_same_in_both_loops(left: int, right: int) -> None:
    program = b"".join(
        push(right) + push(left) + assemble(f"{name} {32 * place} MSTORE") for place, name in enumerate(BINARY)
    )
    assert agree(program + assemble(f"{32 * len(BINARY)} PUSH0 RETURN")).failure is None


@pytest.mark.parametrize("overlap", [0, 31, 200])
@pytest.mark.parametrize("size", [0, 1, 100])
def test_memory_is_copied_and_hashed_alike(overlap: int, size: int) -> None:
    program = assemble(
        f"{2**200 + 77} 5 MSTORE {size} 5 {overlap} MCOPY {size} {overlap} KECCAK256 PUSH0 MSTORE 64 PUSH0 RETURN"
    )
    assert agree(program).failure is None


@pytest.mark.parametrize("depth", [1023, 1024])
@pytest.mark.parametrize("last", ["PUSH0", "DUP1", "CALLER", "CALLDATASIZE", "GAS", "ADD"])
def test_the_stack_is_as_deep_in_both_loops(depth: int, last: str) -> None:
    agree(assemble("PUSH0 " * depth + last))


def test_a_jump_into_an_operand_is_refused() -> None:
    assert agree(assemble("4 JUMP") + bytes([0x60, 0x5B, 0x00])).failure == "invalid jump destination"


def test_calls_within_calls_share_gas_alike() -> None:
    agree(assemble("PUSH0 PUSH0 PUSH0 PUSH0 PUSH0 ADDRESS GAS CALL STOP"), gas=400_000)


LOOP = assemble(
    "PUSH0 JUMPDEST 1 ADD DUP1 DUP1 MSTORE DUP1 3 SLOAD POP PUSH0 CALLDATALOAD GT 1 JUMPI PUSH0 MSTORE 32 PUSH0 RETURN"
)
"""Counts up to its argument, over memory that grows with it."""
CALL_A_FUNCTION = assemble("8 6 JUMP INVALID JUMPDEST JUMP JUMPDEST 77 PUSH0 MSTORE 32 PUSH0 RETURN")
JUMP_TO_ARGUMENT = assemble("PUSH0 CALLDATALOAD JUMP JUMPDEST STOP")


@pytest.mark.parametrize("turns", [0, 1, 16, 40])
def test_a_loop_does_the_same_whatever_the_gas(turns: int) -> None:
    argument = turns.to_bytes(32, "big")
    outcome = agree(LOOP, argument)
    assert outcome.failure is None
    needed = outcome.gas_used
    for gas in range(needed - 60, needed + 1):
        agree(LOOP, argument, gas)


ASKS_FOR_ALL = assemble(
    "7 1 SSTORE PUSH0 1 SSTORE 5 1 SSTORE 3 4 SSTORE 4 SLOAD 9 2 TSTORE 2 TLOAD PUSH0 MSTORE "
    "40 3 5 CALLDATACOPY 40 3 70 CODECOPY TIMESTAMP 110 MSTORE NUMBER 142 MSTORE GAS 174 MSTORE "
    "ADDRESS EXTCODESIZE 206 MSTORE 99 EXTCODESIZE 238 MSTORE RETURNDATASIZE 270 MSTORE "
    "PUSH0 EXTCODESIZE POP 4 EXTCODESIZE POP 99 EXTCODESIZE POP "
    "11 12 13 14 40 5 LOG4 11 12 40 300 LOG2 PUSH0 PUSH0 LOG0 320 PUSH0 RETURN"
)
"""Whatever a frame is asked for."""


def test_what_a_frame_is_asked_for_costs_the_same_whatever_the_gas() -> None:
    outcome = agree(ASKS_FOR_ALL, b"argument")
    assert outcome.failure is None
    spent = outcome.gas_used + outcome.refund
    assert [agree(ASKS_FOR_ALL, b"argument", gas).failure for gas in (spent, spent - 1)] == [None, "out of gas"]
    for gas in range(21_200, spent, 97):
        agree(ASKS_FOR_ALL, b"argument", gas)


@pytest.mark.parametrize("start", [0, 1, 2**64, 2**256 - 1])
@pytest.mark.parametrize("size", [0, 1, 32, 33])
@pytest.mark.parametrize("opcode", ["CALLDATACOPY", "CODECOPY", "RETURNDATACOPY"])
def test_what_is_copied_to_memory_is_the_same_wherever_it_begins(opcode: str, start: int, size: int) -> None:
    identity_of_a_word = f"{2**200 + 77} PUSH0 MSTORE PUSH0 PUSH0 32 PUSH0 4 GAS STATICCALL POP"
    for to in (0, 31, 2_100, 2**255):
        agree(assemble(f"{identity_of_a_word} {size} {start} {to} {opcode} 64 {to} RETURN"), b"x" * 40)


@pytest.mark.parametrize("change", ["1 1 SSTORE", "1 1 TSTORE", "PUSH0 PUSH0 LOG0", "1 2 32 PUSH0 LOG2"])
def test_nothing_is_changed_within_a_static_call(change: str) -> None:
    """The program calls itself with an argument, and with one it changes something."""
    call = assemble("PUSH0 PUSH0 1 PUSH0 ADDRESS 50000 STATICCALL PUSH0 MSTORE 32 PUSH0 RETURN")
    program = assemble(f"CALLDATASIZE {len(call) + 4} JUMPI") + call + assemble(f"JUMPDEST {change} STOP")
    assert agree(program).output == bytes(32)
    assert agree(program, b"x").failure is None


@pytest.mark.parametrize("original", [0, 5])
@pytest.mark.parametrize("first", [0, 5, 7])
@pytest.mark.parametrize("second", [0, 5, 7])
def test_what_writing_a_slot_gives_back_is_the_same(original: int, first: int, second: int) -> None:
    slot = 1 if original else 9
    assert agree(assemble(f"{first} {slot} SSTORE {second} {slot} SSTORE STOP")).failure is None


def test_a_function_is_called_and_comes_back() -> None:
    assert agree(CALL_A_FUNCTION).output == (77).to_bytes(32, "big")


@pytest.mark.parametrize("target", [*range(6), 2**256 - 1])
def test_a_jump_that_nobody_foresees_goes_where_it_may_go_only(target: int) -> None:
    outcome = agree(JUMP_TO_ARGUMENT, target.to_bytes(32, "big"))
    assert (outcome.failure is None) == (target == 3)


def test_a_code_in_use_turns_to_traces_and_they_may_be_left_by_both_sides() -> None:
    interpreter._program.cache_clear()
    for turns in [3] * HOT + [0, 50, 1, 3]:
        argument = turns.to_bytes(32, "big")
        assert run(Computation, LOOP, argument, 200_000) == run(PyEvmLoop, LOOP, argument, 200_000)
    assert interpreter._program(LOOP)._traces


def test_a_code_keeps_a_bounded_number_of_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "HOT", 0)
    places = interpreter._MOST_TRACES + 50
    program = assemble("JUMPDEST " * places + "STOP")
    for at in range(places):
        interpreter._program(program).trace_at(at)
    assert len(interpreter._program(program)._traces) == interpreter._MOST_TRACES


def ways_out(words: int, branches: int) -> bytes:
    """Makes so many words and then comes to branches, at each of which all of them would be written."""
    program = assemble("CALLVALUE " + "DUP1 " * words)
    for _ in range(branches):
        target = (len(program) + 6).to_bytes(2, "big")
        program += assemble("PUSH0 CALLDATALOAD") + b"\x61" + target + assemble("JUMPI JUMPDEST")
    return program + assemble("STOP")


def test_a_trace_that_would_write_its_words_too_often_ends_before() -> None:
    program = ways_out(words=100, branches=60)
    assert agree(program).failure is None
    made = interpreter._Program(program)
    made._heat[0] = HOT
    trace = made.trace_at(0)
    assert trace is not None
    assert trace.text_length < 25_000


def test_a_code_keeps_a_bounded_text_of_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "HOT", 0)
    monkeypatch.setattr(interpreter, "_MOST_TEXT", 1_000)
    made = interpreter._Program(b"".join([LOOP] * 40))
    for at in range(0, 40 * len(LOOP), len(LOOP)):
        made.trace_at(at)
    traces = [trace for trace in made._traces.values() if trace is not None]
    assert 1_000 <= made._text_length < 1_000 + max(trace.text_length for trace in traces)


def test_our_frames_are_the_ones_in_use() -> None:
    assert issubclass(pyevm._State.computation_class, Computation)
