"""A cluster that made trouble is left in peace, longer each time, and slowly trusted again."""

from deepsquare.scheduling.trust import FIRST_PAUSE_SECONDS, HALF_LIFE_SECONDS, LONGEST_PAUSE_SECONDS, Trust
from tests.support.sites import ALICE


def test_each_trouble_pauses_twice_as_long_as_the_one_before() -> None:
    trust = Trust()
    pauses = [trust.troubled(ALICE, 0) for _ in range(3)]
    assert pauses == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]


def test_no_pause_is_longer_than_the_longest() -> None:
    trust = Trust()
    assert max(trust.troubled(ALICE, 0) for _ in range(50)) == LONGEST_PAUSE_SECONDS


def test_a_job_that_ended_well_makes_up_for_one_trouble() -> None:
    trust = Trust()
    trust.troubled(ALICE, 0)
    trust.troubled(ALICE, 0)
    trust.did_well(ALICE, 0)
    assert trust.troubles(ALICE, 0) == 1
    trust.did_well(ALICE, 0)
    assert trust.troubles(ALICE, 0) == 0


def test_half_of_all_trouble_is_forgotten_after_the_half_life() -> None:
    trust = Trust()
    for _ in range(4):
        trust.troubled(ALICE, 0)
    assert trust.troubles(ALICE, HALF_LIFE_SECONDS) == 2
