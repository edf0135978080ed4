"""The seven operators, as data."""

import pytest

from deepsquare.model import Affinity, AffinityOperator, Label
from deepsquare.scheduling.affinity import holds, unmet_affinity, unmet_use

CASES = [
    ("<", "10", "9", True),
    ("<", "10", "10", False),
    ("<=", "10", "10.0", True),
    ("<=", "10", "11", False),
    ("==", "10", "10.0", True),
    ("==", "debian", "debian", True),
    ("==", "debian", "Debian", False),
    (">=", "1.9", "1.10", False),
    (">=", "1.4.5", "1.10.0", True),
    (">=", "1.4.5", "1.4.4", False),
    (">=", "1.4.5", "unknown", False),
    (">=", "1.4.5", "1.04.005", True),
    (">=", "1.0." + "9" * 8000, "1.4.5", True),
    (">=", "1.4." + "9" * 8000, "1.4.5", False),
    (">", "10", "10", False),
    (">", "9", "10", True),
    (">", "abc", "abd", False),
    (">", "1", "NaN", False),
    (">", "1", "Infinity", False),
    ("!=", "arm64", "amd64", True),
    ("!=", "arm64", "arm64", False),
    ("in", "a100, h100", "h100", True),
    ("in", "a100,h100", "v100", False),
    ("in", "1,2", "2.0", True),
]


@pytest.mark.parametrize(("sign", "wanted", "has", "expected"), CASES)
def test_an_operator_compares_the_label_of_the_site(sign: str, wanted: str, has: str, expected: bool) -> None:
    assert holds(Affinity(Label("k", wanted), AffinityOperator(sign)), has) is expected


@pytest.mark.parametrize("sign", list(AffinityOperator))
def test_a_missing_label_satisfies_only_not_equal(sign: AffinityOperator) -> None:
    assert holds(Affinity(Label("k", "1"), sign), None) is (sign is AffinityOperator.NOT_EQUAL)


def test_all_rules_on_one_key_must_hold() -> None:
    rules = (
        Affinity(Label("gpu.memory", "40"), AffinityOperator.GREATER_OR_EQUAL),
        Affinity(Label("gpu.memory", "80"), AffinityOperator.LESS),
    )
    assert unmet_affinity(rules, {"gpu.memory": "48"}) is None
    assert unmet_affinity(rules, {"gpu.memory": "80"}) is rules[1]
    assert unmet_affinity(rules, {"gpu.memory": "24"}) is rules[0]


def test_a_use_demands_exactly_this_label() -> None:
    assert unmet_use((Label("os", "debian"),), {"os": "debian"}) is None
    assert unmet_use((Label("os", "debian"),), {"os": "rocky"}) == Label("os", "debian")


def test_an_objective_is_a_wish_and_no_demand() -> None:
    assert unmet_use((Label("objective", "cost"),), {}) is None
