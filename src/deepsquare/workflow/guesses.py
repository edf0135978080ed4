"""What the writer of an unknown word may have meant.

Strangers write both the word and much of what it is compared with, and comparing takes the product of both lengths:
so one reading looks for a bounded while, and tells the further problems without a guess.
"""

import difflib
from collections.abc import Collection

MAX_COMPARISONS = 5_000_000
"""Pairs of characters that one reading compares: under two seconds."""
_SHORTEST_SLIP = 3
"""A word of two letters is one letter away from too many others."""


class Guesses:
    """The guesses of one reading."""

    def __init__(self) -> None:
        self._left = MAX_COMPARISONS

    def nearest(self, word: str, known: Collection[str], cutoff: float = 0.6) -> str | None:
        """The known word that is most like this one, where one is like it and there is time left.

        `cutoff`: how like, from 0 to 1 (the same); a single slip counts in any case.
        """
        if self._left > 0:
            self._left -= len(word) * sum(map(len, known))
        if self._left <= 0:
            return None
        like = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
        return next(iter(like), None) or next((each for each in known if _is_slip(word, each)), None)


def _is_slip(word: str, meant: str) -> bool:
    """Whether one letter is another, or two neighbours are swapped: in a short word that makes it rather unlike."""
    if len(word) != len(meant) or len(word) < _SHORTEST_SLIP:
        return False
    wrong = [place for place in range(len(word)) if word[place] != meant[place]]
    match wrong:
        case [_]:
            return True
        case [first, second]:
            return second == first + 1 and (word[first], word[second]) == (meant[second], meant[first])
    return False
