"""The life of a service that follows the chain: a round, a wait for news, and the next round.

What cannot be reached is waited for: whatever a round could not do, the next one does from what the chain says then.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from deepsquare.chain.errors import ChainError
from deepsquare.clock import Clock
from deepsquare.trouble import PassingTrouble


class News(Protocol):
    """What tells of news on the chain; `deepsquare.chain.EventReader` does."""

    async def wake(self, timeout_seconds: float, /) -> None:
        """Return when there may be something new, at the latest when the time is up."""
        ...

    async def close(self) -> None:
        """Stop listening."""
        ...


async def make_rounds(
    news: News,
    make_round: Callable[[], Awaitable[float]],
    clock: Clock,
    *,
    what: str,
    log: logging.Logger,
    retry_seconds: float,
    waited_out: tuple[type[Exception], ...] = (ChainError,),
) -> None:
    """Make rounds until cancelled or until one fails with what is not `waited_out`; then stop listening.

    `make_round` answers after how many seconds the next one begins though nothing is new. `what` the rounds are is said
    in `log` where one has to be tried again.
    """
    trouble = PassingTrouble(log)
    try:
        while True:
            try:
                seconds = await make_round()
                trouble.works(what)
                await news.wake(seconds)
            except waited_out as problem:
                trouble.fails(what, problem)
                await clock.sleep(retry_seconds)
    finally:
        await news.close()
