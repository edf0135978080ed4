"""The bill of a job: what was locked, and where each part of it went or will go."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from deepsquare.model import Job, JobStatus, cost, fee
from deepsquare.sdk.amounts import to_credits, to_wei


@dataclass(frozen=True, slots=True)
class Bill:
    """All amounts in credits; `locked == paid + fee + refunded`, always and exactly."""

    locked: Decimal
    paid: Decimal
    """To the provider."""
    fee: Decimal
    """To the grid."""
    refunded: Decimal
    """Back to the customer; while the bill is not final, what would come back if the job ended now."""
    price_per_minute: Decimal
    seconds: int
    """Billed time."""
    is_final: bool
    """False while the job is hot: then the bill is what it would be if the job ended now."""

    @property
    def cost(self) -> Decimal:
        """What the job costs its customer."""
        return to_credits(to_wei(self.paid) + to_wei(self.fee))

    @classmethod
    def of(cls, job: Job, now: datetime) -> "Bill":
        """The bill of `job` at the moment `now`."""
        seconds = _seconds(job, now)
        price = job.terms.price_per_minute
        final = job.status.is_cold
        spent = job.cost.final_cost if final else cost(job.cost.max_cost, price, seconds)
        share = fee(spent, job.terms.fee_basis_points)
        return cls(
            locked=to_credits(job.cost.max_cost),
            paid=to_credits(spent - share),
            fee=to_credits(share),
            refunded=to_credits(job.cost.max_cost - spent),
            price_per_minute=to_credits(price),
            seconds=seconds if spent or not final else 0,
            is_final=final,
        )


def _seconds(job: Job, now: datetime) -> int:
    """Whole seconds that the job ran so far."""
    start = job.time.started_at
    if start is None or (job.status is not JobStatus.RUNNING and job.status.is_hot):
        return 0
    end = job.time.ended_at or min(now, _last_billed(job))
    return max(0, int((end - start).total_seconds()))


def _last_billed(job: Job) -> datetime:
    """After a request to cancel only the grace is billed, however long the job goes on."""
    if job.time.cancel_requested_at is None:
        return datetime.max.replace(tzinfo=UTC)
    return job.time.cancel_requested_at + timedelta(seconds=job.terms.cancel_grace_seconds)
