"""The newest state in memory: it never says anything else than the database."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from deepsquare.chain.embedded.engine import Account, StateChanges
from deepsquare.chain.embedded.latest import LatestState

ADDRESSES = (b"a", b"b")
SLOTS = (0, 1, 2)


class Model:
    """The state after one block, which counts what it is asked."""

    def __init__(self, accounts: dict[bytes, Account], slots: dict[tuple[bytes, int], int]) -> None:
        self.accounts = accounts
        self.slots = slots
        self.questions = 0

    def account(self, address: bytes) -> Account:
        self.questions += 1
        return self.accounts.get(address, Account())

    def code(self, code_hash: bytes) -> bytes:
        self.questions += 1
        return b"code of " + code_hash

    def slot(self, address: bytes, slot: int) -> int:
        self.questions += 1
        return self.slots.get((address, slot), 0)

    def block_hash(self, number: int) -> bytes | None:
        return bytes([number])


class AChainAndItsReaders(RuleBasedStateMachine):
    """Blocks are committed, announced later, and read before, between and after, at any state."""

    def __init__(self) -> None:
        super().__init__()
        self.latest = LatestState(0)
        self.states = [Model({}, {})]
        self.unannounced: list[StateChanges] = []

    @rule(
        accounts=st.dictionaries(st.sampled_from(ADDRESSES), st.builds(Account, st.integers(0, 2)), max_size=2),
        slots=st.dictionaries(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(SLOTS)), st.integers(0, 2)),
    )
    def commit(self, accounts: dict[bytes, Account], slots: dict[tuple[bytes, int], int]) -> None:
        newest = self.states[-1]
        self.states.append(Model(newest.accounts | accounts, newest.slots | slots))
        self.unannounced.append(StateChanges(accounts, slots, {}))

    @rule()
    def announce(self) -> None:
        self.latest.advance(len(self.states) - 1, self.unannounced)
        self.unannounced = []

    @rule(back=st.integers(0, 3), address=st.sampled_from(ADDRESSES), slot=st.sampled_from(SLOTS))
    def read(self, back: int, address: bytes, slot: int) -> None:
        block = max(0, len(self.states) - 1 - back)
        truth = self.states[block]
        state = self.latest.over(lambda: truth, block)
        assert state.account(address) == truth.accounts.get(address, Account())
        assert state.slot(address, slot) == truth.slots.get((address, slot), 0)
        assert state.code(address) == b"code of " + address

    @invariant()
    def the_newest_state_reads_true(self) -> None:
        block = len(self.states) - 1
        state = self.latest.over(lambda: self.states[block], block)
        for address in ADDRESSES:
            for slot in SLOTS:
                assert state.slot(address, slot) == self.states[block].slots.get((address, slot), 0)


AChainAndItsReaders.TestCase.settings = settings(stateful_step_count=20)
TestAChainAndItsReaders = AChainAndItsReaders.TestCase


def test_a_value_is_asked_for_once() -> None:
    truth = Model({}, {(b"a", 1): 7})
    state = LatestState(5).over(lambda: truth, 5)
    assert [state.slot(b"a", 1), state.slot(b"a", 1)] == [7, 7]
    assert [state.account(b"a"), state.account(b"a")] == [Account(), Account()]
    assert truth.questions == 2


def test_a_written_value_need_not_be_asked_for() -> None:
    latest, truth = LatestState(5), Model({}, {(b"a", 1): 8})
    latest.advance(6, [StateChanges({}, {(b"a", 1): 7}, {}), StateChanges({}, {(b"a", 1): 8}, {})])
    assert latest.over(lambda: truth, 6).slot(b"a", 1) == 8
    assert truth.questions == 0


def test_what_was_replaced_while_somebody_reads_need_not_be_asked_for() -> None:
    latest, truth = LatestState(5), Model({}, {(b"a", 1): 7, (b"a", 2): 9})
    state = latest.over(lambda: truth, 5)
    assert state.slot(b"a", 1) == 7
    latest.advance(6, [StateChanges({}, {(b"a", 1): 8}, {})])
    latest.advance(8, [StateChanges({}, {(b"a", 1): 3}, {}), StateChanges({}, {(b"a", 2): 4}, {})])
    assert state.slot(b"a", 1) == 7
    assert latest.over(lambda: truth, 6).slot(b"a", 1) == 8
    assert truth.questions == 1
    assert state.slot(b"a", 2) == 9


def test_what_was_never_known_is_asked_for_by_whoever_began_before_it_was_written() -> None:
    latest, truth = LatestState(5), Model({}, {(b"a", 1): 7})
    state = latest.over(lambda: truth, 5)
    latest.advance(6, [StateChanges({}, {(b"a", 1): 8}, {})])
    assert [state.slot(b"a", 1), truth.questions] == [7, 1]
