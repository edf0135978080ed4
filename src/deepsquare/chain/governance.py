"""Who may do what on a grid, as the chain has it: the admin of each contract, and the roles."""

import enum
from dataclasses import dataclass

from deepsquare.chain.contract import Contract, read_all, read_one
from deepsquare.chain.keccak import checksum_address, keccak256
from deepsquare.chain.ledger import Ledger
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


async def ownership(ledger: Ledger) -> list[Ownership]:
    """Whose each of the grid's contracts is, all at one block."""
    contracts = ledger.contracts
    questions = [contract.read(name) for contract in contracts for name in ("owner", "pendingOwner")]
    answers = await read_all(ledger.rpc, questions)
    return [
        Ownership(contract, checksum_address(owner), None if offered == _NOBODY else checksum_address(offered))
        for contract, owner, offered in zip(contracts, answers[::2], answers[1::2], strict=True)
    ]
