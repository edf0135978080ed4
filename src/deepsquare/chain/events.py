"""What happens on a grid, as frozen values: the contract's events, decoded.

Each says where it stands (block and place in it). Two values of one log are equal, so that a reader who
sees an event twice can tell. The documentation of every event, those not listed here too, is docs/chain.md.
"""

import enum
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deepsquare.chain import abi, codec
from deepsquare.chain.keccak import checksum_address
from deepsquare.chain.receipt import Log
from deepsquare.chain.texts import one_line
from deepsquare.model import Address, JobId, JobStatus


@dataclass(frozen=True, slots=True)
class GridEvent:
    """Something that happened."""

    block: int
    index: int
    """Its place in the block."""


@dataclass(frozen=True, slots=True)
class JobEvent(GridEvent):
    """Something that happened to a job."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class JobRequested(JobEvent):
    """A customer requested a job; it is PENDING."""

    customer: Address


@dataclass(frozen=True, slots=True)
class JobAssigned(JobEvent):
    """A scheduler bound the job to a provider, at a price in wei per minute."""

    provider: Address
    customer: Address
    price_per_minute: int


@dataclass(frozen=True, slots=True)
class JobChanged(JobEvent):
    """The job went from one state to another; `provider` holds it or held it until now."""

    provider: Address | None
    customer: Address
    before: JobStatus
    after: JobStatus


@dataclass(frozen=True, slots=True)
class JobReturned(JobEvent):
    """The job waits again: the provider refused it, gave it back or lost it."""

    provider: Address
    reason: str


@dataclass(frozen=True, slots=True)
class JobSettled(JobEvent):
    """The locked credits left: wei for the provider, for the grid, and back to the customer."""

    customer: Address
    provider: Address | None
    paid: int
    fee: int
    refunded: int


@dataclass(frozen=True, slots=True)
class JobToppedUp(JobEvent):
    """More was locked for the job; `max_cost` is the absolute sum now, in wei."""

    by: Address
    amount: int
    max_cost: int


@dataclass(frozen=True, slots=True)
class JobCancelRequested(JobEvent):
    """The customer wants the running job to end; its provider ends it and reports."""

    provider: Address


class ProviderChange(enum.StrEnum):
    """What happened to a provider's registration."""

    WAITING = "waiting"
    APPROVED = "approved"
    BANNED = "banned"
    UNBANNED = "unbanned"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ProviderChanged(GridEvent):
    """A provider registered, or the admin decided about it."""

    provider: Address
    change: ProviderChange


@dataclass(frozen=True, slots=True)
class RoleGranted(GridEvent):
    """An account got a role, as the contract names it; whether it still has it only the state says."""

    role: bytes
    account: Address


_Fields = Mapping[str, Any]
_Decoder = Callable[[int, int, _Fields], GridEvent]

_ZERO_ADDRESS = "0x" + "0" * 40


def _requested(block: int, index: int, fields: _Fields) -> JobRequested:
    return JobRequested(block, index, _job(fields["_jobId"]), checksum_address(fields["_customerAddr"]))


def _assigned(block: int, index: int, fields: _Fields) -> JobAssigned:
    provider, customer = checksum_address(fields["provider"]), checksum_address(fields["customer"])
    return JobAssigned(block, index, _job(fields["jobId"]), provider, customer, fields["pricePerMin"])


def _changed(block: int, index: int, fields: _Fields) -> JobChanged:
    before, after = JobStatus(fields["from"]), JobStatus(fields["to"])
    customer = checksum_address(fields["customer"])
    return JobChanged(block, index, _job(fields["jobId"]), _nobody(fields["provider"]), customer, before, after)


def _returned(block: int, index: int, fields: _Fields) -> JobReturned:
    return JobReturned(
        block, index, _job(fields["jobId"]), checksum_address(fields["provider"]), one_line(fields["reason"])
    )


def _settled(block: int, index: int, fields: _Fields) -> JobSettled:
    customer, provider = checksum_address(fields["customer"]), _nobody(fields["provider"])
    money = (fields["paid"], fields["fee"], fields["refunded"])
    return JobSettled(block, index, _job(fields["jobId"]), customer, provider, *money)


def _topped_up(block: int, index: int, fields: _Fields) -> JobToppedUp:
    by = checksum_address(fields["by"])
    return JobToppedUp(block, index, _job(fields["jobId"]), by, fields["amount"], fields["maxCost"])


def _cancel_requested(block: int, index: int, fields: _Fields) -> JobCancelRequested:
    return JobCancelRequested(block, index, _job(fields["jobId"]), checksum_address(fields["provider"]))


def _provider(change: ProviderChange) -> _Decoder:
    return lambda block, index, fields: ProviderChanged(block, index, checksum_address(fields["addr"]), change)


def _ban(block: int, index: int, fields: _Fields) -> ProviderChanged:
    change = ProviderChange.BANNED if fields["status"] else ProviderChange.UNBANNED
    return ProviderChanged(block, index, checksum_address(fields["addr"]), change)


def _granted(block: int, index: int, fields: _Fields) -> RoleGranted:
    return RoleGranted(block, index, fields["role"], checksum_address(fields["account"]))


_DECODERS: Mapping[str, Mapping[str, _Decoder]] = {
    abi.META_SCHEDULER: {
        "NewJobRequestEvent": _requested,
        "JobAssigned": _assigned,
        "JobChanged": _changed,
        "JobReturned": _returned,
        "JobSettled": _settled,
        "JobToppedUp": _topped_up,
        "JobCancelRequested": _cancel_requested,
        "RoleGranted": _granted,
    },
    abi.PROVIDER_MANAGER: {
        "ProviderWaitingForApproval": _provider(ProviderChange.WAITING),
        "ProviderApproved": _provider(ProviderChange.APPROVED),
        "ProviderBanChanged": _ban,
        "ProviderRemoved": _provider(ProviderChange.REMOVED),
    },
}


@functools.cache
def _by_topic() -> Mapping[bytes, tuple[abi.EventKind, _Decoder]]:
    kinds = (
        (abi.load(contract).events[name], decoder) for contract, of in _DECODERS.items() for name, decoder in of.items()
    )
    return {kind.topic: (kind, decoder) for kind, decoder in kinds}


def topics(contract: str | None = None) -> list[bytes]:
    """The topics of all events that have a value here, or of those of one contract."""
    return list(_by_topic()) if contract is None else [topic(contract, name) for name in _DECODERS[contract]]


def topic(contract: str, event: str) -> bytes:
    """The topic of one event."""
    return abi.load(contract).events[event].topic


def decode(log: Log) -> GridEvent | None:
    """The event in a log of one of the grid's contracts; None for one that has no value here."""
    found = _by_topic().get(log.topics[0]) if log.topics else None
    if found is None:
        return None
    kind, decoder = found
    return decoder(log.block, log.index, kind.decode(log))


def _job(raw: bytes) -> JobId:
    return codec.job_id_of(raw)


def _nobody(address: str) -> Address | None:
    return None if address == _ZERO_ADDRESS else checksum_address(address)
