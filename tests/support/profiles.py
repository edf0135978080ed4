"""How hard a rule is tried that needs other numbers than the profiles of all tests."""

from collections.abc import Collection

from hypothesis import HealthCheck, settings


def examples(*, quick: int, long: int, suppress: Collection[HealthCheck] = ()) -> settings:
    """Settings with so many examples in the quick profile and so many in the long one."""
    is_long = settings().max_examples >= settings.get_profile("long").max_examples
    return settings(max_examples=long if is_long else quick, deadline=None, suppress_health_check=suppress)
