import sqlite3
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from deepsquare.chain.embedded.database import MemoryDatabase
from deepsquare.chain.embedded.engine import EMPTY_HASH, Account, StateChanges
from deepsquare.chain.embedded.state import STATES_KEPT, StateAt, write_changes
from tests.chain.embedded.model_state import ModelState

ADDRESSES = [bytes([number]) * 20 for number in range(3)]
SLOTS = [0, 1, 2**256 - 1]

accounts = st.dictionaries(
    st.sampled_from(ADDRESSES),
    st.builds(Account, st.integers(0, 3), st.integers(0, 2**200), st.sampled_from([EMPTY_HASH, b"c" * 32])),
)
slots = st.dictionaries(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(SLOTS)), st.integers(0, 3))
histories = st.lists(st.builds(StateChanges, accounts, slots, st.just({})), max_size=12)


def expect_equal(state: StateAt, model: ModelState) -> None:
    for address in ADDRESSES:
        assert state.account(address) == model.account(address)
        for slot in SLOTS:
            assert state.slot(address, slot) == model.slot(address, slot)


@given(histories)
def test_every_recent_state_reads_as_it_was(history: list[StateChanges]) -> None:
    database = MemoryDatabase()
    models = [ModelState()]
    with database.write() as connection:
        for number, changes in enumerate(history, start=1):
            write_changes(connection, number, changes, StateAt(connection))
            models.append(models[-1].after(changes))
        expect_equal(StateAt(connection), models[-1])
        for number, model in enumerate(models):
            expect_equal(StateAt(connection, number), model)
    database.close()


def rows(connection: sqlite3.Connection, table: str) -> int:
    counts = {
        "slot": "SELECT count(*) FROM slot",
        "slot_before": "SELECT count(*) FROM slot_before",
        "account_before": "SELECT count(*) FROM account_before",
    }
    count: int = connection.execute(counts[table]).fetchone()[0]
    return count


def test_what_old_blocks_replaced_is_forgotten() -> None:
    database = MemoryDatabase()
    with database.write() as connection:
        for number in range(1, 3 * STATES_KEPT):
            account = replace(Account(), nonce=number)
            changes = StateChanges({ADDRESSES[0]: account}, {(ADDRESSES[0], 0): number}, {})
            write_changes(connection, number, changes, StateAt(connection))
        assert (rows(connection, "slot_before"), rows(connection, "account_before")) == (STATES_KEPT, STATES_KEPT)
    database.close()


def test_a_cleared_slot_takes_no_room() -> None:
    database = MemoryDatabase()
    with database.write() as connection:
        for number, value in enumerate((1, 0), start=1):
            changes = StateChanges({}, {(ADDRESSES[0], 0): value}, {})
            write_changes(connection, number, changes, StateAt(connection))
        assert rows(connection, "slot") == 0
    database.close()
