"""Which grid: where it lives, and the rules that its contract was set to."""

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
class Block:
    """The newest block."""

    number: int
    time: datetime
