"""Which grid: where it lives, and the numbers that its contract was set to."""

from dataclasses import dataclass
from datetime import datetime

from deepsquare.model import Address


@dataclass(frozen=True, slots=True)
class GridAddress:
    """What it takes to find a grid; every other address is read from its contract."""

    chain_id: int
    meta_scheduler: Address
    deployed_at_block: int
    """Nothing of the grid is older: where reading its events starts."""


@dataclass(frozen=True, slots=True)
class GridSettings:
    """The numbers that the grid's admin may turn; they hold for all jobs from then on."""

    claim_timeout_seconds: int
    """How long an assigned provider may take to claim."""
    lease_seconds: int
    """How long a provider counts as alive after its last transaction."""
    report_delay_seconds: int
    """How far before its block a report of RUNNING may put the start."""
    cancel_grace_seconds: int
    """How long after a request to cancel time is still billed."""
    cancel_timeout_seconds: int
    """How long after a request to cancel the customer may force the end."""
    top_up_slice_seconds: int
    """What one delegated top-up pays for."""
    fee_basis_points: int
    """The grid's share of a cost, for jobs requested from now on; each job keeps its own."""
    minimum_amount: int
    """The least that a request must lock, in wei."""
    accepts_requests: bool
    """False while new jobs are paused."""


@dataclass(frozen=True, slots=True)
class Block:
    """The newest block."""

    number: int
    time: datetime
    """The block's own time, which the contract goes by."""
