"""Credits at the SDK's edge: exact decimals outside, wei inside."""

from decimal import Decimal

from deepsquare.model import InvalidAmount, format_credits, parse_credits
from deepsquare.sdk.errors import InvalidValue

Credits = Decimal | int | str
"""An amount of credits as a caller writes it: `10`, `"0.25"`, `Decimal("0.25")`. Never a float: those are not exact."""


def to_wei(amount: Credits) -> int:
    """The wei in an amount. Raises `InvalidValue`."""
    if isinstance(amount, float):
        raise InvalidValue(f"{amount!r} is a float, which is not exact", next_step='write the credits as text: "0.25"')
    try:
        return parse_credits(format(amount, "f") if isinstance(amount, Decimal) else str(amount))
    except InvalidAmount as error:
        raise InvalidValue(str(error)) from None


def to_credits(wei: int) -> Decimal:
    """The exact credits in an amount of wei."""
    return Decimal(format_credits(wei))


def in_credits(amount: Decimal) -> str:
    """An amount with its unit, as a person says it: `1 credit`, `0.25 credits`."""
    return f"{amount} credit" if amount == 1 else f"{amount} credits"
