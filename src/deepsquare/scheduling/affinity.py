"""Whether a site's labels are what a job insists on.

All rules of a job must hold, also several on one key. The ordering operators compare numbers
(`gpu.memory >= 40`) or dotted versions (`container.apptainer >= 1.4.5`); `in` takes a comma-separated
list. A site without the label satisfies `!=` alone.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from deepsquare.model import Affinity, AffinityOperator, Label
from deepsquare.scheduling.objective import OBJECTIVE_LABEL

PREFERENCES = frozenset({OBJECTIVE_LABEL})
"""Keys of `uses` that wish for something instead of demanding a label of the site."""

_ORDERINGS: dict[AffinityOperator, Callable[[int], bool]] = {
    AffinityOperator.LESS: lambda sign: sign < 0,
    AffinityOperator.LESS_OR_EQUAL: lambda sign: sign <= 0,
    AffinityOperator.GREATER_OR_EQUAL: lambda sign: sign >= 0,
    AffinityOperator.GREATER: lambda sign: sign > 0,
}
"""What each ordering operator says of the sign of (site's value - wanted value)."""

_MOST_DOTS_OF_A_NUMBER = 1


def unmet_use(uses: tuple[Label, ...], labels: dict[str, str]) -> Label | None:
    """The first label among `uses` that the site does not have with exactly this value, or None."""
    return next(
        (use for use in uses if use.key not in PREFERENCES and labels.get(use.key) != use.value),
        None,
    )


def unmet_affinity(affinities: tuple[Affinity, ...], labels: dict[str, str]) -> Affinity | None:
    """The first rule that the site's labels break, or None."""
    return next((rule for rule in affinities if not holds(rule, labels.get(rule.label.key))), None)


def holds(rule: Affinity, site_value: str | None) -> bool:
    """Whether `rule` is true of a site whose label has `site_value` (None: no such label)."""
    wanted = rule.label.value
    if rule.operator is AffinityOperator.NOT_EQUAL:
        return site_value is None or not _equal(site_value, wanted)
    if site_value is None:
        return False
    if rule.operator is AffinityOperator.EQUAL:
        return _equal(site_value, wanted)
    if rule.operator is AffinityOperator.IN:
        return any(_equal(site_value, choice.strip()) for choice in wanted.split(","))
    sign = _compare(site_value, wanted)
    return sign is not None and _ORDERINGS[rule.operator](sign)


def _equal(left: str, right: str) -> bool:
    return left == right or _compare_numbers(left, right) == 0


def _compare(left: str, right: str) -> int | None:
    """-1, 0 or 1 as `left` is below, equal to or above `right`; None where they have no order."""
    if max(left.count("."), right.count(".")) > _MOST_DOTS_OF_A_NUMBER:
        return _compare_versions(left, right)
    return _compare_numbers(left, right)


def _compare_numbers(left: str, right: str) -> int | None:
    try:
        a, b = Decimal(left), Decimal(right)
    except InvalidOperation:
        return None
    return (a > b) - (a < b) if a.is_finite() and b.is_finite() else None


def _compare_versions(left: str, right: str) -> int | None:
    a, b = left.split("."), right.split(".")
    if not all(part.isascii() and part.isdigit() for part in (*a, *b)):
        return None
    x, y = [_magnitude(part) for part in a], [_magnitude(part) for part in b]
    return (x > y) - (x < y)


def _magnitude(digits: str) -> tuple[int, str]:
    """Ordered as the number that the digits are; `int` refuses as many of them as a label may have."""
    significant = digits.lstrip("0")
    return len(significant), significant
