"""How much of the grid each customer used lately: what counts halves with time."""

import math

from deepsquare.model import Address

_HIGHEST_EXPONENT = 30.0
"""Halvings after which the books are written anew, and who used nothing since is forgotten."""

_LEAST_CPU_SECONDS = 1.0
"""Of use that is left then: less is none."""


class FairShare:
    """Use per customer, in CPU seconds.

    Instead of halving all that is old, what is new is written down larger: a share is a ratio, so it stays right
    without being touched.
    """

    def __init__(self, half_life_seconds: float = 24 * 3600.0) -> None:
        self._half_life_seconds = half_life_seconds
        self._used: dict[Address, float] = {}
        self._total = 0.0
        self._epoch: float | None = None

    def charge(self, customer: Address | None, cpu_seconds: float, now: float) -> None:
        """Note that the customer used `cpu_seconds` until `now`."""
        if customer is None or cpu_seconds <= 0:
            return
        if self._epoch is None:
            self._epoch = now
        exponent = (now - self._epoch) / self._half_life_seconds
        if exponent > _HIGHEST_EXPONENT:
            left = {who: used * 2.0**-exponent for who, used in self._used.items()}
            self._used = {who: used for who, used in left.items() if used >= _LEAST_CPU_SECONDS}
            self._total, self._epoch, exponent = sum(self._used.values()), now, 0.0
        amount = cpu_seconds * 2.0**exponent
        self._used[customer] = self._used.get(customer, 0.0) + amount
        self._total += amount

    def used(self, customer: Address | None, now: float) -> float:
        """CPU seconds of this customer that still count."""
        if customer is None or self._epoch is None:
            return 0.0
        return self._used.get(customer, 0.0) * math.exp2((self._epoch - now) / self._half_life_seconds)

    @property
    def average_share(self) -> float:
        """The part of one of those who used anything lately, if all had used the same; 0 where nobody did."""
        return 1 / len(self._used) if self._used else 0.0

    def share(self, customer: Address | None) -> float:
        """The part of all recent use that is this customer's, between 0 and 1."""
        if customer is None or self._total == 0:
            return 0.0
        return min(1.0, self._used.get(customer, 0.0) / self._total)
