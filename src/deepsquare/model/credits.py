"""Money: integers of wei inside, decimals at the edges, and the three formulas of a job's bill.

One credit is 10**18 wei. The formulas are those of the contract (`MetaScheduler.sol`), to the last
digit: a client that computes with them never disagrees with the chain.
"""

from decimal import Decimal, InvalidOperation, localcontext

from deepsquare.model.job import JobDefinition
from deepsquare.model.provider import Prices

WEI_PER_CREDIT = 10**18
"""Wei in one credit (18 decimals)."""

SECONDS_PER_MINUTE = 60

_MAX_WEI = 2**256 - 1


class InvalidAmount(ValueError):
    """A text that is no amount of credits."""


def parse_credits(text: str) -> int:
    """The wei in a decimal amount of credits such as `"1.5"`.

    Raises `InvalidAmount` for anything but a plain non-negative decimal with at most 18 decimals.
    """
    cleaned = text.strip()
    with localcontext() as context:
        context.prec = 100
        try:
            amount = Decimal(cleaned)
        except InvalidOperation:
            raise InvalidAmount(f"{text!r} is no amount of credits; write for example 10 or 0.25") from None
        if not amount.is_finite() or amount < 0:
            raise InvalidAmount(f"{text!r} is no amount of credits; it must be zero or more")
        wei = amount * WEI_PER_CREDIT
        if wei != wei.to_integral_value():
            raise InvalidAmount(f"{text!r} has more than 18 decimals; credits have 18")
        if wei > _MAX_WEI:
            raise InvalidAmount(f"{text!r} is more credits than can exist")
        return int(wei)


def format_credits(wei: int) -> str:
    """The exact decimal amount of credits in `wei`, without trailing zeros: `1500000000000000000` is `"1.5"`."""
    sign = "-" if wei < 0 else ""
    whole, fraction = divmod(abs(wei), WEI_PER_CREDIT)
    decimals = f"{fraction:018d}".rstrip("0")
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def price_per_minute(definition: JobDefinition, prices: Prices) -> int:
    """Wei per minute that a job of this shape costs at these prices."""
    per_cpu = prices.cpu_per_minute + definition.memory_per_cpu_mb * prices.memory_mb_per_minute
    return definition.cpus * per_cpu + definition.gpus * prices.gpu_per_minute


def max_duration_seconds(max_cost_wei: int, price_per_minute_wei: int) -> int | None:
    """Whole seconds that `max_cost_wei` pays for; None where the price is zero and time is unbounded."""
    if price_per_minute_wei == 0:
        return None
    return max_cost_wei * SECONDS_PER_MINUTE // price_per_minute_wei


def cost(max_cost_wei: int, price_per_minute_wei: int, seconds: int) -> int:
    """Wei for `seconds` of a job, billed by the second, rounded up, never above what is locked."""
    return min(max_cost_wei, -(-price_per_minute_wei * seconds // SECONDS_PER_MINUTE))


def fee(cost_wei: int, fee_basis_points: int) -> int:
    """The grid's share of a cost, rounded down: the provider is paid the rest."""
    return cost_wei * fee_basis_points // 10_000
