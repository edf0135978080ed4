"""Trouble that passes by itself, such as a node that is away.

It is told when it begins, when it changes and when it is over, not at every try.
"""

import logging


class PassingTrouble:
    """What stands in the way now of the things that one program tries again and again."""

    def __init__(self, log: logging.Logger, level: int = logging.WARNING) -> None:
        self._log = log
        self._level = level
        self._standing: dict[str, str] = {}

    def fails(self, what: str, why: object) -> None:
        """`what` did not work, and is tried again."""
        reason = str(why)
        if self._standing.get(what) != reason:
            self._log.log(self._level, "%s: %s", what, reason)
        self._standing[what] = reason

    def works(self, what: str) -> None:
        """`what` worked. Told as loudly as the trouble was: whoever saw that begin is to see its end."""
        if self._standing.pop(what, None) is not None:
            self._log.log(self._level, "%s: all is well again", what)
