"""How amounts, numbers and reasons are said."""

from decimal import Decimal

import pytest

from deepsquare.cli.wording import bill_line, counted, duration, headline, resources
from deepsquare.model import Node
from deepsquare.sdk.bill import Bill


@pytest.mark.parametrize(("number", "said"), [(0, "0 CPUs"), (1, "1 CPU"), (2, "2 CPUs")])
def test_one_is_singular(number: int, said: str) -> None:
    assert counted(number, "CPU") == said


def test_gpus_are_named_where_there_are_any() -> None:
    assert resources([Node(cpus=4, memory_mb=512, gpus=1)]) == "4 CPUs, 512 MB, 1 GPU"
    assert resources([Node(cpus=1, memory_mb=512, gpus=0)]) == "1 CPU, 512 MB"


def test_the_headline_of_a_reason_leaves_the_output_away() -> None:
    assert headline("the job ended with exit code 3\nRunning: check\nfailed") == "the job ended with exit code 3"


def bill(used: str, *, is_final: bool) -> Bill:
    """Of 10 locked credits, `used` by the provider alone."""
    paid = Decimal(used)
    return Bill(Decimal(10), paid, Decimal(0), 10 - paid, Decimal(2), 60, is_final=is_final)


def test_a_final_bill_says_what_came_back() -> None:
    said = "Bill: 10 credits locked = 2 paid + 0 fee + 8 refunded (60 s at 2 credits/min)"
    assert bill_line(bill("2", is_final=True)) == said


def test_the_bill_of_a_job_that_runs_says_what_would_come_back() -> None:
    said = "Bill so far: 10 credits locked; if the job ended now: 2 paid + 0 fee + 8 back (60 s at 2 credits/min)"
    assert bill_line(bill("2", is_final=False)) == said


def test_the_bill_of_a_job_that_waits_calls_nothing_refunded() -> None:
    said = "Bill so far: 10 credits locked, none used; what the job does not use comes back when it is over"
    assert bill_line(bill("0", is_final=False)) == said


DAY = 24 * 3600


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "without bound"),
        (0, "0 s"),
        (DAY - 1, "23 h 59 min 59 s"),
        (DAY, "1 d"),
        (2 * DAY + 3 * 3600 + 59, "2 d 3 h"),
        (365 * DAY - 1, "364 d 23 h"),
        (365 * DAY, "1 year"),
        (592_425_054_000, "18785 years"),
    ],
)
def test_a_duration_is_said_in_units_that_a_person_can_picture(seconds: int | None, said: str) -> None:
    assert duration(seconds) == said
