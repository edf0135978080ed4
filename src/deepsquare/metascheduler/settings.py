"""What an operator may set of a meta-scheduler, with bounds.

The grid that it serves comes from `grid.toml`, its key from the environment or a keystore.
"""

from pydantic import BaseModel, ConfigDict, Field


class MetaSchedulerSettings(BaseModel):
    """How often the meta-scheduler looks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idle_seconds: float = Field(default=5.0, gt=0, le=600)
    """The longest pause between two rounds; a new block starts one earlier."""
    retry_seconds: float = Field(default=2.0, gt=0, le=600)
    """The pause after a round that could not reach the chain."""
