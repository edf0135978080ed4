"""The challenges that a gateway has handed on to its client, until they are answered.

A bounded stock in memory: what does not fit, or is lost with the process, is asked for again.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from deepsquare.gateway.signing import Challenge
from deepsquare.model import Address

HELD_CHALLENGES = 64
"""For all accounts and purposes together: as many as anybody's requests under way at the same time."""


@dataclass(frozen=True, slots=True)
class _Held:
    account: Address
    purpose: str
    challenge: Challenge

    def is_for(self, account: Address, purpose: str) -> bool:
        return (self.account, self.purpose) == (account, purpose)


class HeldChallenges:
    """A stock of challenges, each of which is taken once."""

    def __init__(self) -> None:
        self._stock: deque[_Held] = deque(maxlen=HELD_CHALLENGES)

    def keep(self, account: Address, purpose: str, challenge: Challenge) -> None:
        """Have it for later; where there are too many, the oldest goes."""
        self._stock.append(_Held(account, purpose, challenge))

    def take(self, account: Address, purpose: str, now: datetime) -> Challenge | None:
        """The newest that has not expired; None where there is none."""
        for held in reversed(self._stock):
            if held.is_for(account, purpose):
                self._stock.remove(held)
                return held.challenge if held.challenge.expires_at > now else None
        return None

    def forget(self, account: Address, purpose: str) -> None:
        """Drop all of one kind: the gateway has refused one."""
        self._stock = deque((held for held in self._stock if not held.is_for(account, purpose)), HELD_CHALLENGES)
