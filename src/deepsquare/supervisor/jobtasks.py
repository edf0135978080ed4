"""What is under way, with one lock per job.

A job that something is under way for is busy, and nothing else is begun for it: its submit, cancel,
top-up and reports cannot race. A task that fails with anything but the trouble that its ports announce
is a defect: it stops the service, which starts anew from the journal.
"""

import asyncio
from collections.abc import Collection, Coroutine

from deepsquare.model import JobId


class JobTasks:
    """The tasks of one supervisor."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], frozenset[JobId]] = {}
        self._defect: BaseException | None = None
        self.changed = asyncio.Event()
        """Set whenever a task has ended."""

    def is_busy(self, job_id: JobId) -> bool:
        """Whether something is under way for this job."""
        return any(job_id in job_ids for job_ids in self._tasks.values())

    def start(self, job_ids: Collection[JobId], work: Coroutine[None, None, None]) -> None:
        """Begin work for these jobs; they are busy until it ends."""
        task = asyncio.create_task(work)
        self._tasks[task] = frozenset(job_ids)
        task.add_done_callback(self._ended)

    def raise_defect(self) -> None:
        """Raise what a task failed with, if any did."""
        if self._defect is not None:
            raise self._defect

    async def settle(self) -> None:
        """Wait until nothing is under way. Raises what a task failed with."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        self.raise_defect()

    async def stop(self) -> None:
        """Cancel what is under way, and wait for it to end."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._defect = self._defect or error
        self.changed.set()
