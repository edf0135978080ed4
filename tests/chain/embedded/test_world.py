import copy
from typing import Any

from eth_typing import Address
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from deepsquare.chain.embedded.engine import Account, StateChanges
from deepsquare.chain.embedded.world import World
from deepsquare.chain.keccak import keccak256
from tests.chain.embedded.model_state import ModelState

ADDRESSES = [Address(bytes([number]) * 20) for number in range(1, 4)]
SLOTS = [0, 1]
addresses = st.sampled_from(ADDRESSES)


class WorldAgainstCopies(RuleBasedStateMachine):
    """The journal must undo exactly what whole copies of the state undo."""

    def __init__(self) -> None:
        super().__init__()
        first = ADDRESSES[0]
        self.stored = ModelState({first: Account(1, 100)}, {(first, 0): 9})
        self.world = World(self.stored)
        self.model: dict[str, Any] = {"state": copy.deepcopy(self.stored), "warm": set(), "transient": {}}
        self.transaction_began_with = copy.deepcopy(self.stored)
        self.checkpoints: list[tuple[Any, dict[str, Any]]] = []

    @property
    def state(self) -> ModelState:
        found: ModelState = self.model["state"]
        return found

    @rule(address=addresses, balance=st.integers(0, 5))
    def set_balance(self, address: Address, balance: int) -> None:
        self.world.set_balance(address, balance)
        old = self.state.account(address)
        self.state.accounts[address] = Account(old.nonce, balance, old.code_hash)

    @rule(address=addresses)
    def increment_nonce(self, address: Address) -> None:
        self.world.increment_nonce(address)
        old = self.state.account(address)
        self.state.accounts[address] = Account(old.nonce + 1, old.balance, old.code_hash)

    @rule(address=addresses, code=st.binary(max_size=2))
    def set_code(self, address: Address, code: bytes) -> None:
        self.world.set_code(address, code)
        old = self.state.account(address)
        self.state.codes[keccak256(code)] = code
        self.state.accounts[address] = Account(old.nonce, old.balance, keccak256(code))

    @rule(address=addresses, slot=st.sampled_from(SLOTS), value=st.integers(0, 3))
    def set_storage(self, address: Address, slot: int, value: int) -> None:
        self.world.set_storage(address, slot, value)
        self.state.slots[address, slot] = value

    @rule(address=addresses, slot=st.sampled_from(SLOTS), value=st.binary(min_size=1, max_size=2))
    def set_transient(self, address: Address, slot: int, value: bytes) -> None:
        self.world.set_transient(address, slot, value)
        self.model["transient"][address, slot] = value

    @rule(address=addresses, slot=st.sampled_from(SLOTS))
    def warm_up(self, address: Address, slot: int) -> None:
        self.world.mark_address_warm(address)
        self.world.mark_storage_warm(address, slot)
        self.model["warm"] |= {address, (address, slot)}

    @rule()
    def record(self) -> None:
        self.checkpoints.append((self.world.record(), copy.deepcopy(self.model)))

    @precondition(lambda self: self.checkpoints)
    @rule()
    def discard(self) -> None:
        checkpoint, self.model = self.checkpoints.pop()
        self.world.discard(checkpoint)

    @precondition(lambda self: self.checkpoints)
    @rule()
    def commit(self) -> None:
        checkpoint, _ = self.checkpoints.pop()
        self.world.commit(checkpoint)

    @rule()
    def end_transaction(self) -> None:
        self.world.end_transaction()
        self._begin_transaction(self.state)

    @rule()
    def abandon_transaction(self) -> None:
        self.world.abandon_transaction()
        self._begin_transaction(self.transaction_began_with)

    def _begin_transaction(self, state: ModelState) -> None:
        self.model = {"state": copy.deepcopy(state), "warm": set(), "transient": {}}
        self.transaction_began_with = copy.deepcopy(state)
        self.checkpoints = []

    @invariant()
    def reads_agree(self) -> None:
        for address in ADDRESSES:
            assert self.world.account(address) == self.state.account(address)
            assert self.world.get_code(address) == self.state.code(self.state.account(address).code_hash)
            assert self.world.account_exists(address) != self.state.account(address).is_empty
            assert self.world.is_address_warm(address) == (address in self.model["warm"])
            for slot in SLOTS:
                assert self.world.get_storage(address, slot) == self.state.slot(address, slot)
                assert self.world.get_storage(address, slot, False) == self.transaction_began_with.slot(address, slot)
                assert self.world.get_transient(address, slot) == self.model["transient"].get((address, slot), b"")
                assert self.world.is_storage_warm(address, slot) == ((address, slot) in self.model["warm"])

    @invariant()
    def changes_lead_from_the_stored_state_to_the_last_transactions(self) -> None:
        changes: StateChanges = self.world.changes()
        reached = self.stored.after(changes)
        for address in ADDRESSES:
            assert reached.account(address) == self.transaction_began_with.account(address)
            for slot in SLOTS:
                assert reached.slot(address, slot) == self.transaction_began_with.slot(address, slot)


WorldAgainstCopies.TestCase.settings = settings(stateful_step_count=30)
TestTheJournal = WorldAgainstCopies.TestCase


def test_a_deleted_account_takes_its_storage_along() -> None:
    address = ADDRESSES[1]
    world = World(ModelState())
    world.set_balance(address, 5)
    world.set_storage(address, 0, 7)
    world.delete_account(address)
    assert (world.account_exists(address), world.get_storage(address, 0)) == (False, 0)
