"""A job as the chain knows it: what it asks for, what it may cost, where it stands in its life."""

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

from deepsquare.model.label import Affinity, Label

JobId = NewType("JobId", int)
"""The number of a job in its contract; the first is 1. On chain it is the same number as bytes32."""

Address = NewType("Address", str)
"""A checksummed (EIP-55) account or contract address, `0x` and 40 hex digits."""


class InvalidJobId(ValueError):
    """A text that names no job."""


def parse_job_id(text: str) -> JobId:
    """The job that a person means by `7` or by the `0x...07` of published clients."""
    cleaned = text.strip().lower()
    is_hex = cleaned.startswith("0x")
    try:
        number = int(cleaned, 16 if is_hex else 10)
    except ValueError:
        raise InvalidJobId(f"{text!r} is no job; write its number, for example 7") from None
    if not 0 < number < 2**256:
        raise InvalidJobId(f"{text!r} is no job; jobs are numbered from 1")
    return JobId(number)


def format_job_id(job_id: JobId) -> str:
    """The bytes32 form that contracts and published clients use."""
    return f"0x{job_id:064x}"


class JobStatus(enum.IntEnum):
    """The states of a job's life, numbered as the contract numbers them."""

    PENDING = 0
    META_SCHEDULED = 1
    SCHEDULED = 2
    RUNNING = 3
    CANCELLED = 4
    FINISHED = 5
    FAILED = 6
    OUT_OF_CREDITS = 7
    PANICKED = 8

    @property
    def is_hot(self) -> bool:
        """True while credits are locked and something may still happen."""
        return self <= JobStatus.RUNNING

    @property
    def is_cold(self) -> bool:
        """True once the job is over; a cold state is final."""
        return not self.is_hot


class StorageType(enum.IntEnum):
    """Where the customer's data lies, as published clients say it; the scheduler does not care."""

    TRANSFER = 0
    HTTP = 1
    S3 = 2
    UNNAMED = 3
    NONE = 4


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """What a job asks for.

    `gpus` counts for the whole job, `memory_per_cpu_mb` for each CPU of each task. `script_hash` is
    the lower-case hex SHA-256 of the batch script: its location and its proof.
    """

    tasks: int
    cpus_per_task: int
    memory_per_cpu_mb: int
    gpus: int
    script_hash: str
    storage_type: StorageType = StorageType.NONE
    uses: tuple[Label, ...] = ()
    affinities: tuple[Affinity, ...] = ()

    @property
    def cpus(self) -> int:
        """CPUs of the whole job."""
        return self.tasks * self.cpus_per_task

    @property
    def memory_mb(self) -> int:
        """Memory of the whole job."""
        return self.cpus * self.memory_per_cpu_mb

    @property
    def memory_per_task_mb(self) -> int:
        """Memory of one task."""
        return self.cpus_per_task * self.memory_per_cpu_mb


@dataclass(frozen=True, slots=True)
class JobCost:
    """The money of a job, in wei of credit."""

    max_cost: int
    """Locked for this job; it bounds the bill and, divided by the price, the walltime."""
    final_cost: int = 0
    """What the job cost in the end, the grid's fee included; 0 while it is hot."""
    delegate_spending_authority: bool = False
    """True: the grid may top up from the customer's allowance, slice by slice."""


@dataclass(frozen=True, slots=True)
class JobTime:
    """The moments of a job's life; None for what has not happened."""

    submitted_at: datetime
    assigned_at: datetime | None = None
    claimed_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    block_of_last_change: int = 0


@dataclass(frozen=True, slots=True)
class JobTerms:
    """The conditions that the contract fixed for a job, beyond what the published struct shows."""

    price_per_minute: int = 0
    """Wei per minute at the moment of assignment; 0 while nobody is assigned."""
    fee_basis_points: int = 0
    attempt: int = 0
    """How often the job was assigned: 1 during the first attempt."""
    max_attempts: int = 1
    avoided: frozenset[Address] = field(default_factory=frozenset)
    """Providers that refused, gave back or lost this job; it is never assigned to them again."""
    max_price_per_minute: int = 0
    """The customer's price ceiling in wei per minute; 0 is no ceiling."""
    latest_start: datetime | None = None
    """After this moment anyone may cancel the job if it is still PENDING."""
    lease_seconds: int = 0
    """How long a silent provider keeps the job; the grid's present lease where that is longer."""
    report_delay_seconds: int = 0
    """How far before its block a report of RUNNING may put the start."""
    cancel_grace_seconds: int = 0
    """How long after a request to cancel time is still billed."""
    cancel_timeout_seconds: int = 0
    """How long after a request to cancel the customer may force the end."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job, as read from the chain at one block."""

    id: JobId
    status: JobStatus
    customer: Address
    provider: Address | None
    definition: JobDefinition
    cost: JobCost
    time: JobTime
    name: str
    cancel_requested: bool = False
    last_error: str = ""
    exit_code: int = 0
    terms: JobTerms = field(default_factory=JobTerms)
