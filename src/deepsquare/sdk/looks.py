"""Looks at the chain for one picture of the grid, shared by all who ask while one is under way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from deepsquare.sdk.translation import translated


class Picture(Protocol):
    """What is kept in step with the chain."""

    async def refresh(self) -> None:
        """Catch up with the chain; a refresh that fails loses nothing."""
        ...


_OnePicture = TypeVar("_OnePicture", bound=Picture)


class Looks(Generic[_OnePicture]):
    """One picture, taken at the first look and brought up to date by every later one."""

    def __init__(self, take: Callable[[], Awaitable[_OnePicture]]) -> None:
        self._take = take
        self._picture: _OnePicture | None = None
        self._looking: asyncio.Task[_OnePicture] | None = None

    async def now(self) -> _OnePicture:
        """The picture as it is now. Raises what a look raises, in the words of the SDK."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="look at the grid")
        return await asyncio.shield(self._looking)

    async def close(self) -> None:
        """End the look that is under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> _OnePicture:
        with translated():
            if self._picture is None:
                self._picture = await self._take()
            else:
                await self._picture.refresh()
        return self._picture
