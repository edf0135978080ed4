"""How often the same thing is tried: at once, then after growing pauses.

A decision is made anew at every look, so an action that failed, or whose effect cannot be seen yet, is
decided again at once. It is performed again only after a pause that doubles each time. Kept in memory:
a restart tries everything at once, which does no harm.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_PAUSE_SECONDS = 1
LONGEST_PAUSE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class _Tries:
    count: int
    next_at: datetime


class Pace:
    """The tries of every action of every job."""

    def __init__(self) -> None:
        self._tries: dict[Hashable, dict[Hashable, _Tries]] = {}

    def is_due(self, key: Hashable, action: Hashable, now: datetime) -> bool:
        """Whether the action may be performed now."""
        tries = self._tries.get(key, {}).get(action)
        return tries is None or now >= tries.next_at

    def tried(self, key: Hashable, action: Hashable, now: datetime) -> None:
        """Note that the action is being performed now."""
        actions = self._tries.setdefault(key, {})
        count = actions[action].count if action in actions else 0
        pause = min(FIRST_PAUSE_SECONDS * 2**count, LONGEST_PAUSE_SECONDS)
        actions[action] = _Tries(count + 1, now + timedelta(seconds=pause))

    def keep(self, key: Hashable, actions: Iterable[Hashable]) -> None:
        """Forget all actions of `key` but these: what is no longer decided starts afresh when it comes back."""
        known = self._tries.get(key)
        if known is None:
            return
        kept = {action: known[action] for action in actions if action in known}
        if kept:
            self._tries[key] = kept
        else:
            del self._tries[key]

    def next_due(self, now: datetime) -> datetime | None:
        """The earliest moment after `now` at which something may be tried again."""
        moments = (tries.next_at for actions in self._tries.values() for tries in actions.values())
        return min((moment for moment in moments if moment > now), default=None)
