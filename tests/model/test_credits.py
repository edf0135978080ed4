"""The money formulas and the decimal edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.model import (
    InvalidAmount,
    JobDefinition,
    Prices,
    cost,
    fee,
    format_credits,
    max_duration_seconds,
    parse_credits,
    price_per_minute,
)

wei = st.integers(0, 2**128)


def test_the_published_vector_of_the_price() -> None:
    job = JobDefinition(tasks=17, cpus_per_task=3, memory_per_cpu_mb=5, gpus=2, script_hash="")
    assert price_per_minute(job, Prices(gpu_per_minute=7, cpu_per_minute=11, memory_mb_per_minute=13)) == 3890


@given(wei)
def test_an_amount_survives_the_way_to_decimals_and_back(amount: int) -> None:
    assert parse_credits(format_credits(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0"), (10**18, "1"), (15 * 10**17, "1.5"), (1, "0.000000000000000001")]
)
def test_amounts_are_written_without_trailing_zeros(amount: int, text: str) -> None:
    assert format_credits(amount) == text


@pytest.mark.parametrize("text", ["", "abc", "-1", "nan", "inf", "1.0000000000000000001", "1e99", "1,5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_credits(text)


@given(wei, st.integers(1, 2**96))
def test_the_paid_time_never_costs_more_than_what_is_locked(max_cost: int, price: int) -> None:
    seconds = max_duration_seconds(max_cost, price)
    assert seconds is not None
    assert price * seconds <= max_cost * 60
    assert cost(max_cost, price, seconds) <= max_cost
    assert price * (seconds + 1) > max_cost * 60


@given(wei, st.integers(0, 2**96), st.integers(0, 10**9))
def test_a_bill_is_rounded_up_by_less_than_a_wei_and_bounded_by_the_lock(
    max_cost: int, price: int, seconds: int
) -> None:
    bill = cost(max_cost, price, seconds)
    assert bill <= max_cost
    assert bill == max_cost or 0 <= bill * 60 - price * seconds < 60


def test_at_price_zero_time_is_unbounded() -> None:
    assert max_duration_seconds(5, 0) is None


@given(wei, st.integers(0, 3000))
def test_the_fee_never_exceeds_its_share(amount: int, basis_points: int) -> None:
    assert fee(amount, basis_points) * 10_000 <= amount * basis_points
