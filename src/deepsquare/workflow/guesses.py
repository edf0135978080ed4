"""What the writer of an unknown word may have meant.

Strangers write both the word and much of what it is compared with, and comparing takes the product of both lengths:
so one reading looks for a bounded while, and tells the further problems without a guess.
"""

import difflib
from collections.abc import Collection

MAX_COMPARISONS = 5_000_000
"""Pairs of characters that one reading compares: under two seconds."""


class Guesses:
    """The guesses of one reading."""

    def __init__(self) -> None:
        self._left = MAX_COMPARISONS

    def nearest(self, word: str, known: Collection[str], cutoff: float = 0.6) -> str | None:
        """The known word that is most like this one, where one is like it (1 is the same) and there is time left."""
        if self._left > 0:
            self._left -= len(word) * sum(map(len, known))
        if self._left <= 0:
            return None
        return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=cutoff)), None)
