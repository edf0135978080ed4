"""What an operator may set of a meta-scheduler, with bounds.

The grid that it serves comes from `grid.toml`, its key from the environment or a keystore.
"""

from pydantic import BaseModel, ConfigDict, Field

from deepsquare.scheduling import Backfill, Order, Policy


class MetaSchedulerSettings(BaseModel):
    """How often the meta-scheduler looks, and how it decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idle_seconds: float = Field(default=5.0, gt=0, le=600)
    """The longest pause between two rounds; a new block starts one earlier."""
    retry_seconds: float = Field(default=2.0, gt=0, le=600)
    """The pause after a round that could not reach the chain."""
    order: Order = Order.FAIR
    """Which waiting job is served first."""
    backfill: Backfill = Backfill.EASY
    """Who may start before jobs that were to be served first."""
    size_head_start_seconds: float = Field(default=Policy().size_head_start_seconds, ge=0)
    """Of the fair order: what a job gains for each halving of what it may cost."""
    fair_head_start_seconds: float = Field(default=Policy().fair_head_start_seconds, ge=0)
    """Of the fair order: what a customer who used nothing lately gains before one who used everything."""
    patience_seconds: float = Field(default=Policy().patience_seconds, ge=0)
    """How long a job with the objective cost or energy waits for a better place than those that are free."""
    price_weight: float = Field(default=Policy().price_weight, ge=0)
    """For balanced jobs: what a place twice as dear as the cheapest weighs beside the largest cluster's size."""
    latency_seconds: float = Field(default=Policy().latency_seconds, ge=0, le=600)
    """So much of each cluster's work is bound ahead of its ends; 0 binds none ahead."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int | None = Field(default=None, ge=0, le=65535)
    """Port to listen on; without one there is no door, 0 lets the system choose one."""
    status_seconds: float = Field(default=60.0, gt=0, le=3600)
    """How long what a provider says of itself counts."""
    requests_per_second: float = Field(default=20.0, gt=0)
    """Requests per second and client address, in the long run."""
    requests_burst: int = Field(default=200, ge=1)
    """Requests that one client address may make at once."""
    body_bytes: int = Field(default=512 * 1024, ge=1024)
    """Longest body of a request."""

    def policy(self) -> Policy:
        """The same for the scheduler."""
        return Policy(
            order=self.order,
            backfill=self.backfill,
            size_head_start_seconds=self.size_head_start_seconds,
            fair_head_start_seconds=self.fair_head_start_seconds,
            patience_seconds=self.patience_seconds,
            price_weight=self.price_weight,
            latency_seconds=self.latency_seconds,
        )
