"""The janitor: works the chain's events into the stores, and deletes what nobody needs any more.

It follows the chain by block range. Each process hears every event itself, also of blocks that another one on its
database has worked in: its followers and what it remembers of jobs depend on that. A restart goes on from a cursor in
the database, which lags: what is written is how a job stands, never a change, so a repetition does no harm. Only when
it has caught up with the chain does it delete what no job names: before that, a job might name it unseen.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Protocol

from deepsquare.chain.errors import ChainError
from deepsquare.chain.events import GridEvent, JobChanged, JobEvent, JobRequested
from deepsquare.chain.grid import GridAddress
from deepsquare.chain.rounds import News, make_rounds
from deepsquare.clock import Clock
from deepsquare.gateway.database import Database, SqlUsedNonces
from deepsquare.gateway.errors import StoreUnavailable
from deepsquare.gateway.following import Wakeups
from deepsquare.gateway.jobs import Jobs
from deepsquare.gateway.logs import LogStore
from deepsquare.gateway.scripts import ScriptStore
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.model import Job, JobId

SWEEP_SECONDS = 30.0
"""How often the janitor looks for old things: what is deleted is minutes or days old, and each look is written.

The events of so many seconds are worked in again after a restart, too.
"""
RETRY_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Page(Protocol):
    """The events of some blocks; `deepsquare.chain.EventPage` is one."""

    @property
    def events(self) -> Sequence[GridEvent]:
        """In the order in which they happened."""
        ...

    @property
    def next_block(self) -> int:
        """Where the next page begins."""
        ...

    @property
    def reached_head(self) -> bool:
        """False where more is there to be read at once."""
        ...


class Events(News, Protocol):
    """The chain's events; `deepsquare.chain.EventReader` is one."""

    async def read(self, from_block: int, /) -> Page:
        """The next page of events from this block on."""
        ...


class Chain(Protocol):
    """What the janitor reads of the chain; `deepsquare.chain.Ledger` is one."""

    @property
    def grid(self) -> GridAddress:
        """Where the grid's contract is."""
        ...

    async def jobs(self, job_ids: Iterable[JobId], /) -> list[Job]:
        """Several jobs as they are now."""
        ...


class Janitor:
    """Keeps the stores as small as the chain allows."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock,
        chain: Chain,
        events: Events,
        *,
        database: Database,
        scripts: ScriptStore,
        logs: LogStore,
        used: SqlUsedNonces,
        jobs: Jobs,
        wakeups: Wakeups,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._chain = chain
        self._events = events
        self._database = database
        self._scripts = scripts
        self._logs = logs
        self._used = used
        self._jobs = jobs
        self._wakeups = wakeups
        self._lock = asyncio.Lock()
        self._next_block: int | None = None
        self._next_sweep = clock.now()

    async def run(self) -> None:
        """Follow the chain until cancelled; a chain or a disk that is away for a while is waited for."""
        await make_rounds(
            self._events,
            self._round,
            self._clock,
            what="following the chain",
            log=_log,
            retry_seconds=RETRY_SECONDS,
            waited_out=(ChainError, StoreUnavailable),
        )

    async def _round(self) -> float:
        """Catch up, and look for old things where it is time; in how many seconds it is."""
        await self.catch_up()
        if self._clock.now() >= self._next_sweep:
            await self.sweep()
        return max(0.0, (self._next_sweep - self._clock.now()).total_seconds())

    async def catch_up(self) -> None:
        """Work in every event up to the chain's head."""
        async with self._lock:
            next_block = await self._first_block() if self._next_block is None else self._next_block
            has_more = True
            while has_more:
                page = await self._events.read(next_block)
                await self._work_in(page)
                self._next_block = next_block = page.next_block
                has_more = not page.reached_head
                if has_more:
                    await self._database.advance_cursor(next_block)

    async def _first_block(self) -> int:
        """Where a process begins."""
        cursor = await self._database.cursor()
        return self._chain.grid.deployed_at_block if cursor is None else cursor

    async def _work_in(self, page: Page) -> None:
        """Note who named which script and which jobs are over; wake whoever waits for a job that has changed."""
        for event in page.events:
            if isinstance(event, JobEvent):
                self._jobs.hear(event)
        if decisive := _job_ids(event for event in page.events if _decides(event)):
            now = self._clock.now()
            jobs = await self._as_they_stand(decisive)
            # Others may change again before their next event is read here.
            over = [job for job in jobs if job.status.is_cold]
            self._jobs.keep(over, now)
            ended = [(job.id, job.time.ended_at or now) for job in over]
            # At the same time, so that they are written together.
            await asyncio.gather(self._scripts.record(jobs, now), self._logs.mark_ended(ended))
        for job_id in _job_ids(page.events):
            self._wakeups.announce(job_id)

    async def _as_they_stand(self, job_ids: Sequence[JobId]) -> list[Job]:
        """These jobs: those of which is known here that they are over, the others as the chain has them."""
        known = [job for job_id in job_ids if (job := self._jobs.known(job_id)) is not None and job.status.is_cold]
        others = sorted(set(job_ids) - {job.id for job in known})
        return [*known, *(await self._chain.jobs(others) if others else [])]

    async def sweep(self) -> None:
        """Delete what is too old, and note how far the events are worked in. Call it only after `catch_up`."""
        now = self._clock.now()
        if self._next_block is not None:
            await self._database.advance_cursor(self._next_block)
        scripts = await self._scripts.drop_old(
            unnamed_before=now - timedelta(seconds=self._settings.unnamed_script_seconds),
            released_before=now - timedelta(seconds=self._settings.script_grace_seconds),
        )
        logs = await self._logs.drop_ended(now - timedelta(seconds=self._settings.log_retention_seconds))
        await self._used.drop_expired(now)
        self._next_sweep = now + timedelta(seconds=SWEEP_SECONDS)
        if scripts or logs:
            _log.info("deleted %d script(s) and the logs of %d job(s) that nobody needs any more", scripts, logs)


def _decides(event: GridEvent) -> bool:
    """Whether an event says something that the stores keep: a script has an owner, or a job is over."""
    return isinstance(event, JobRequested) or (isinstance(event, JobChanged) and event.after.is_cold)


def _job_ids(events: Iterable[GridEvent]) -> list[JobId]:
    """The jobs that events speak of, each once, in the order of their numbers."""
    return sorted({event.job_id for event in events if isinstance(event, JobEvent)})
