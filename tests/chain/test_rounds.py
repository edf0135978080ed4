"""A service that follows the chain outlives what goes away for a while, and nothing else."""

import logging

import pytest

from deepsquare.chain.errors import ChainUnreachable
from deepsquare.chain.rounds import make_rounds
from tests.support.clock import ManualClock


class Waits:
    """Nothing is ever new; says for how long it was waited, and whether somebody listens still."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.is_closed = False

    async def wake(self, timeout_seconds: float) -> None:
        self.seconds.append(timeout_seconds)

    async def close(self) -> None:
        self.is_closed = True


class Patient(ManualClock):
    """A clock on which every pause is over at once."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


class Rounds:
    """Rounds that go as they are told, then end all."""

    def __init__(self, *outcomes: float | Exception) -> None:
        self._outcomes = [*outcomes, KeyError("a mistake")]

    async def __call__(self) -> float:
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def follow(news: Waits, rounds: Rounds, clock: ManualClock | None = None) -> None:
    log = logging.getLogger("a service")
    await make_rounds(news, rounds, clock or Patient(), what="looking", log=log, retry_seconds=2)


async def test_each_round_says_how_long_the_next_one_may_be_waited_for() -> None:
    news = Waits()
    with pytest.raises(KeyError):
        await follow(news, Rounds(3, 5))
    assert news.seconds == [3, 5]


async def test_a_chain_that_is_away_is_tried_again_after_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    news, clock = Waits(), Patient()
    began = clock.now()
    with pytest.raises(KeyError):
        await follow(news, Rounds(ChainUnreachable("unplugged"), 5), clock)
    assert (clock.now() - began).total_seconds() == 2
    assert news.seconds == [5]
    assert caplog.messages == ["looking: unplugged", "looking: all is well again"]


async def test_whoever_ends_listens_no_more() -> None:
    news = Waits()
    with pytest.raises(KeyError):
        await follow(news, Rounds())
    assert news.is_closed
