"""How hard a rule is tried that needs other numbers than the profiles of all tests."""

from collections.abc import Collection

from hypothesis import HealthCheck, settings

_PART_IN_LONG = 20


def examples(*, quick: int, thorough: int, suppress: Collection[HealthCheck] = ()) -> settings:
    """Settings with so many examples in the quick profile and in the thorough one; in the long one a part of these."""
    counts = {"quick": quick, "long": max(quick, thorough // _PART_IN_LONG), "thorough": thorough}
    now = next(name for name in counts if settings.get_profile(name).max_examples == settings().max_examples)
    return settings(max_examples=counts[now], deadline=None, suppress_health_check=suppress)
