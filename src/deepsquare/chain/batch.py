"""What became of the entries of a batch: the contract skips a bad one and says why in an event."""

from collections.abc import Sequence
from typing import TypeVar

from deepsquare.chain import abi, codec
from deepsquare.chain.errors import ContractRefused
from deepsquare.chain.receipt import Receipt
from deepsquare.chain.refusals import refusal
from deepsquare.model import Address, JobId

MOST_ENTRIES = 50
"""In one transaction, so that it stays far below the gas of a block."""

T = TypeVar("T")


def skipped(receipt: Receipt, contract: Address) -> dict[JobId, ContractRefused]:
    """The entries that changed nothing, each with the reason, by job."""
    kind = abi.load(abi.META_SCHEDULER).events["EntrySkipped"]
    found = [kind.decode(log) for log in receipt.logs if log.address == contract and log.topics[0] == kind.topic]
    return {codec.job_id_of(fields["jobId"]): refusal(fields["reason"]) for fields in found}


def in_transactions(entries: Sequence[T]) -> list[Sequence[T]]:
    """The entries in order, cut into as many transactions as they need."""
    return [entries[start : start + MOST_ENTRIES] for start in range(0, len(entries), MOST_ENTRIES)]
