"""Amounts and bills at the SDK's edge are exact."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.model import Address, Job, JobCost, JobDefinition, JobId, JobStatus, JobTerms, JobTime
from deepsquare.sdk.amounts import to_credits, to_wei
from deepsquare.sdk.bill import Bill
from deepsquare.sdk.errors import InvalidValue

START = datetime(2030, 1, 1, tzinfo=UTC)
WEI = st.integers(min_value=0, max_value=10**30)


def job(
    status: JobStatus, *, locked: int, final: int = 0, price: int = 0, fee: int = 0, seconds: int | None = None
) -> Job:
    ended = None if seconds is None else START + timedelta(seconds=seconds)
    return Job(
        JobId(1),
        status,
        Address("0x1"),
        None,
        JobDefinition(1, 1, 1, 0, ""),
        JobCost(locked, final),
        JobTime(START, started_at=START, ended_at=ended),
        "",
        terms=JobTerms(price_per_minute=price, fee_basis_points=fee),
    )


@given(WEI)
def test_credits_and_wei_are_the_same_amount_to_the_last_digit(wei: int) -> None:
    assert to_wei(to_credits(wei)) == wei


@pytest.mark.parametrize("wrong", [0.1, "much", "-1", "1e-19"])
def test_what_is_no_exact_amount_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidValue):
        to_wei(wrong)


@given(locked=WEI, share=st.integers(0, 100), fee=st.integers(0, 3000))
def test_each_locked_wei_is_paid_a_fee_or_refunded(locked: int, share: int, fee: int) -> None:
    final = locked * share // 100
    bill = Bill.of(job(JobStatus.FINISHED, locked=locked, final=final, fee=fee, seconds=1), START)
    assert to_wei(bill.paid) + to_wei(bill.fee) + to_wei(bill.refunded) == to_wei(bill.locked)
    assert bill.is_final


def test_a_running_jobs_bill_is_what_it_would_be_if_it_ended_now() -> None:
    running = job(JobStatus.RUNNING, locked=10 * 10**18, price=10**18)
    bill = Bill.of(running, START + timedelta(seconds=90))
    assert (bill.cost, bill.refunded, bill.seconds, bill.is_final) == (Decimal("1.5"), Decimal("8.5"), 90, False)


def test_after_a_request_to_cancel_only_the_grace_is_billed() -> None:
    running = job(JobStatus.RUNNING, locked=10 * 10**18, price=10**18)
    ending = replace(
        running,
        time=replace(running.time, cancel_requested_at=START + timedelta(seconds=60)),
        terms=replace(running.terms, cancel_grace_seconds=30),
    )
    bills = [Bill.of(ending, START + timedelta(seconds=seconds)) for seconds in (80, 90, 900)]
    assert [bill.seconds for bill in bills] == [80, 90, 90]


def test_a_job_that_waits_costs_nothing_yet() -> None:
    bill = Bill.of(job(JobStatus.PENDING, locked=10**18, price=10**18), START + timedelta(hours=1))
    assert bill.cost == 0
