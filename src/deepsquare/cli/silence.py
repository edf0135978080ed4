"""Why a job shows no output: its workflow decides whether any is kept."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from deepsquare.sdk.errors import DeepSquareError
from deepsquare.sdk.job import AsyncJob

PATIENCE_SECONDS = 2.0
"""After so much silence the gateway is asked whether it is for good."""

_NOT_KEPT = (
    "the output of job {job} is not kept, only a step that fails is told: its workflow lacks `enableLogging: true`; "
    "set it and submit it again"
)
_PERHAPS_NOT_KEPT = (
    "no output of job {job} was kept; where its workflow lacks `enableLogging: true`, set it and submit it again"
)


@asynccontextmanager
async def silence_explained(job: AsyncJob, tell: Callable[[str], None]) -> AsyncIterator[Callable[[], object]]:
    """Give what is to be called when output comes. Where none does, tell why, if the workflow may be the reason.

    That is after a moment of silence, or at the body's end.
    """
    ended = asyncio.Event()
    explaining = asyncio.create_task(_explain(job, tell, ended), name="explain silence")
    try:
        yield explaining.cancel
        ended.set()
        await asyncio.wait({explaining})
    finally:
        explaining.cancel()
        await asyncio.gather(explaining, return_exceptions=True)


async def _explain(job: AsyncJob, tell: Callable[[str], None], ended: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await ended.wait()
    with contextlib.suppress(DeepSquareError):  # whoever reads the output meets it, too, and says so
        is_kept = await job.is_logged()
        if not is_kept:
            tell((_PERHAPS_NOT_KEPT if is_kept is None else _NOT_KEPT).format(job=job.id))
