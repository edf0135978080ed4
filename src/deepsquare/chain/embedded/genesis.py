"""What a chain was created with: its id, its fee, its block size, who owned what. Written once, then read."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from deepsquare.chain.embedded.archive import Archive
from deepsquare.chain.embedded.blocks import NO_HASH, next_state_root, seal
from deepsquare.chain.embedded.engine import Account, BlockEnvironment, StateChanges
from deepsquare.chain.embedded.errors import WrongChainId
from deepsquare.chain.embedded.state import StateAt, write_changes

CHAIN_ID = 179188
"""The chain id that published clients insist on."""
BASE_FEE = 0
"""Gas is counted and limited but costs nothing: a new wallet of the grid needs credits, not gas money."""
BLOCK_GAS_LIMIT = 50_000_000
"""Also the most a single call may use, which bounds how long anybody can keep the interpreter."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """The constants of a chain. `base_fee` is in wei per gas and the same in every block."""

    chain_id: int = CHAIN_ID
    base_fee: int = BASE_FEE
    gas_limit: int = BLOCK_GAS_LIMIT

    def environment(self, number: int, time: int) -> BlockEnvironment:
        """What block `number` at `time` (unix seconds) looks like to a contract."""
        return BlockEnvironment(self.chain_id, number, time, self.gas_limit, self.base_fee)


def load_or_create(connection: sqlite3.Connection, wanted: Genesis, funded: Mapping[bytes, int], time: int) -> Genesis:
    """The genesis in the database; where there is none yet, `wanted` with these balances (wei) is written first.

    Raises `WrongChainId` where the database has another chain id. Its other constants win over `wanted`.
    """
    row = connection.execute("SELECT chain_id, base_fee, gas_limit FROM genesis").fetchone()
    if row is None:
        _create(connection, wanted, funded, time)
        return wanted
    found = Genesis(*row)
    if found.chain_id != wanted.chain_id:
        raise WrongChainId(
            f"the database holds chain {found.chain_id}, and chain {wanted.chain_id} was asked for; "
            "correct the chain id, or give the path of another file"
        )
    return found


def _create(connection: sqlite3.Connection, genesis: Genesis, funded: Mapping[bytes, int], time: int) -> None:
    connection.execute("INSERT INTO genesis VALUES (?, ?, ?)", (genesis.chain_id, genesis.base_fee, genesis.gas_limit))
    accounts = {address: Account(balance=balance) for address, balance in funded.items()}
    changes = StateChanges(accounts, {}, {})
    write_changes(connection, 0, changes, StateAt(connection))
    block = seal(None, genesis.environment(0, time), [], next_state_root(NO_HASH, changes))
    Archive(connection, genesis.chain_id).add(block, [])
