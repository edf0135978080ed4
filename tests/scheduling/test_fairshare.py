"""What a customer used counts less the longer ago it was."""

import pytest

from deepsquare.scheduling import FairShare
from tests.support.sites import ALICE, BOB


def test_a_share_is_the_part_of_all_use() -> None:
    usage = FairShare()
    usage.charge(ALICE, 300, 0)
    usage.charge(BOB, 100, 0)
    assert (usage.share(ALICE), usage.share(BOB)) == (0.75, 0.25)


def test_use_counts_half_after_the_half_life() -> None:
    usage = FairShare(half_life_seconds=60)
    usage.charge(ALICE, 200, 0)
    usage.charge(BOB, 100, 60)
    assert usage.share(ALICE) == pytest.approx(0.5)


def test_ages_later_the_books_still_balance() -> None:
    usage = FairShare(half_life_seconds=1)
    for moment in range(0, 100_000, 100):
        usage.charge(ALICE, 100, moment)
        usage.charge(BOB, 100, moment)
    assert usage.share(ALICE) == pytest.approx(0.5)


def test_what_still_counts_is_told_in_cpu_seconds() -> None:
    usage = FairShare(half_life_seconds=60)
    assert usage.used(ALICE, 0) == 0
    usage.charge(ALICE, 200, 0)
    usage.charge(BOB, 100, 60)
    assert [usage.used(who, 60) for who in (ALICE, BOB)] == pytest.approx([100, 100])
    assert usage.used(None, 60) == 0


def test_the_average_is_that_of_the_customers_who_used_something() -> None:
    usage = FairShare()
    assert usage.average_share == 0
    usage.charge(ALICE, 300, 0)
    usage.charge(BOB, 100, 0)
    assert usage.average_share == 0.5


def test_who_used_nothing_for_many_half_lives_is_forgotten() -> None:
    usage = FairShare(half_life_seconds=1)
    usage.charge(ALICE, 1000, 0)
    usage.charge(BOB, 2.0**40, 0)
    usage.charge(BOB, 100, 31)
    assert usage.average_share == 1
    assert usage.share(BOB) == 1


def test_who_is_not_known_has_no_share() -> None:
    usage = FairShare()
    assert usage.share(ALICE) == 0
    usage.charge(None, 5, 0)
    assert usage.share(None) == 0
