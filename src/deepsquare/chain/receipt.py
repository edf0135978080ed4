"""What the chain says about a transaction that it has taken in: its receipt and the logs in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepsquare.chain.keccak import checksum_address
from deepsquare.model import Address


@dataclass(frozen=True, slots=True)
class Log:
    """One event as the chain keeps it: undecoded."""

    address: Address
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    index: int
    """Its place in the block."""
    transaction_hash: str

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "Log":
        """The log in a node's JSON."""
        return cls(
            address=checksum_address(fields["address"]),
            topics=tuple(bytes.fromhex(topic[2:]) for topic in fields["topics"]),
            data=bytes.fromhex(fields["data"][2:]),
            block=int(fields["blockNumber"], 16),
            index=int(fields["logIndex"], 16),
            transaction_hash=fields["transactionHash"],
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that stands in a block."""

    transaction_hash: str
    block: int
    succeeded: bool
    gas_used: int
    contract: Address | None
    """The contract that the transaction created, if it was made for that."""
    logs: tuple[Log, ...]

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "Receipt":
        """The receipt in a node's JSON."""
        created = fields.get("contractAddress")
        return cls(
            transaction_hash=fields["transactionHash"],
            block=int(fields["blockNumber"], 16),
            succeeded=int(fields["status"], 16) == 1,
            gas_used=int(fields["gasUsed"], 16),
            contract=checksum_address(created) if created else None,
            logs=tuple(Log.parse(log) for log in fields["logs"]),
        )
