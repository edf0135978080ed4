"""Time as a port, so that no rule about time needs a real wait to be tested.

Services take a `Clock`; the system's clock is `SystemClock`, tests use one that jumps
(`tests/support/clock.py`). Nothing else in the project reads the time or sleeps.
"""

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a service may know about time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait until `seconds` have passed on this clock."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
