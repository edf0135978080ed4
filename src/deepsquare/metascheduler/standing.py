"""How far each provider is trusted, by what became of the jobs that it was given.

The one rule for what happens now and for what the chain tells of the time before a restart.
"""

from collections import defaultdict

from deepsquare.model import Address
from deepsquare.scheduling import Trust

_MOST_REFUSED_CUSTOMERS = 3
"""Of how many customers a provider gives jobs back before it is taken for broken. One who only sends jobs that must be
refused closes it to nobody else."""


class Standing:
    """The standing of all providers. Moments are timestamps."""

    def __init__(self) -> None:
        self._trust = Trust()
        self._refused: defaultdict[Address, set[Address]] = defaultdict(set)
        self._closed_until: dict[Address, float] = {}

    def ended(self, provider: Address, at: float) -> None:
        """A job of this provider is over, as it should be."""
        self._trust.did_well(provider, at)
        self._refused.pop(provider, None)

    def lost(self, provider: Address, at: float) -> None:
        """The provider did not answer in time for a job that it held."""
        self._closed_until[provider] = self._trust.troubled(provider, at)

    def gave_back(self, provider: Address, customer: Address, at: float) -> None:
        """The provider refused a job of this customer that runs elsewhere: a job that nobody can run accuses nobody."""
        self._refused[provider].add(customer)
        if len(self._refused[provider]) >= _MOST_REFUSED_CUSTOMERS:
            del self._refused[provider]
            self.lost(provider, at)

    def closed_until(self, provider: Address, now: float) -> float | None:
        """Until when the provider gets no other job; None where it gets some."""
        until = self._closed_until.get(provider)
        return until if until is not None and until > now else None
