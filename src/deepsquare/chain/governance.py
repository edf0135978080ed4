"""Who may do what on a grid, as the chain has it: the admin of each contract, and the roles."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepsquare.chain.contract import Contract, read_all, read_one
from deepsquare.chain.events import RoleGranted
from deepsquare.chain.keccak import checksum_address, keccak256
from deepsquare.chain.ledger import Ledger
from deepsquare.chain.reader import EventReader
from deepsquare.model import Address

_NOBODY = "0x" + "0" * 40


class Role(enum.Enum):
    """A right that the admin grants to accounts; the value is its name in the contract."""

    SCHEDULER = "METASCHEDULER_ROLE"
    """Assign waiting jobs."""
    PAUSER = "PAUSER_ROLE"
    """Stop and allow new requests."""

    @property
    def word(self) -> bytes:
        """The role as the contract takes it."""
        return keccak256(self.value.encode())


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose a contract is."""

    contract: Contract
    admin: Address
    offered_to: Address | None
    """Who becomes the admin by accepting."""


async def has_role(ledger: Ledger, role: Role, account: Address) -> bool:
    """Whether an account has a role."""
    return bool(await read_one(ledger.rpc, ledger.meta_scheduler_contract.read("hasRole", role.word, account)))


async def role_holders(ledger: Ledger) -> Mapping[Role, Sequence[Address]]:
    """Who has which role, in the order in which they first got it.

    The contract keeps no list: its events tell who ever got a role, its state who has it still.
    """
    granted = dict.fromkeys([(event.role, event.account) for event in await _grants(ledger)])
    roles = {role.word: role for role in Role}
    contract = ledger.meta_scheduler_contract
    answers = await read_all(ledger.rpc, [contract.read("hasRole", word, account) for word, account in granted])
    holders: dict[Role, list[Address]] = {role: [] for role in Role}
    for (word, account), has_it in zip(granted, answers, strict=True):
        if has_it:
            holders[roles[word]].append(account)
    return holders


async def _grants(ledger: Ledger) -> list[RoleGranted]:
    found: list[RoleGranted] = []
    next_block, reached_head = ledger.grid.deployed_at_block, False
    async with EventReader(ledger, only="RoleGranted") as reader:
        while not reached_head:
            page = await reader.read(next_block)
            found += [event for event in page.events if isinstance(event, RoleGranted)]
            next_block, reached_head = page.next_block, page.reached_head
    return found


async def ownership(ledger: Ledger) -> list[Ownership]:
    """Whose each of the grid's contracts is, all at one block."""
    contracts = ledger.contracts
    questions = [contract.read(name) for contract in contracts for name in ("owner", "pendingOwner")]
    answers = await read_all(ledger.rpc, questions)
    return [
        Ownership(contract, checksum_address(owner), None if offered == _NOBODY else checksum_address(offered))
        for contract, owner, offered in zip(contracts, answers[::2], answers[1::2], strict=True)
    ]
