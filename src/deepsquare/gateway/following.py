"""Following a log: from an offset on, across attempts, until the job is over and its log complete.

A follower reads the store, then waits to be woken by an append in this process, at the latest for the poll
interval: another process of the same gateway may have stored something. Registering comes before
reading, so that nothing that is appended in between is missed.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from deepsquare.clock import Clock
from deepsquare.gateway.codes import ErrorCode
from deepsquare.gateway.jobs import Jobs
from deepsquare.gateway.logs import LogState, LogStore
from deepsquare.model import Job, JobId
from deepsquare.web.refusal import Refusal

READ_BYTES = 64 * 1024
HEARTBEAT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a job's output: an attempt, and an offset in its log."""

    attempt: int
    offset: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some bytes of a log, and where they stand."""

    place: Place
    data: bytes

    @property
    def next_place(self) -> Place:
        """Where to go on after these bytes."""
        return Place(self.place.attempt, self.place.offset + len(self.data))


@dataclass(frozen=True, slots=True)
class End:
    """The job is over and nothing more will come."""

    place: Place
    status: str
    is_complete: bool
    """False where the supervisor never declared the log complete: something may be missing."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing happened for a while; the connection lives."""


class Wakeups:
    """Tells the followers in this process that something happened to a job."""

    def __init__(self, clock: Clock, *, followers: int) -> None:
        self._clock = clock
        self._most = followers
        self._events: defaultdict[JobId, set[asyncio.Event]] = defaultdict(set)
        self.is_closed = False

    def check_room(self) -> None:
        """Raises `Refusal` where as many clients follow as may."""
        if sum(map(len, self._events.values())) >= self._most:
            raise Refusal(ErrorCode.TOO_MANY_FOLLOWERS, "as many clients follow logs here as may")

    @contextmanager
    def listen(self, job_id: JobId) -> Iterator[asyncio.Event]:
        """An event that is set whenever something happens to the job."""
        event = asyncio.Event()
        self._events[job_id].add(event)
        try:
            yield event
        finally:
            self._events[job_id].discard(event)
            if not self._events[job_id]:
                del self._events[job_id]

    def announce(self, job_id: JobId) -> None:
        """Something happened to this job."""
        for event in self._events.get(job_id, ()):
            event.set()

    def close(self) -> None:
        """The gateway stops: let all followers go."""
        self.is_closed = True
        for events in self._events.values():
            for event in events:
                event.set()

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, at the latest after `seconds` on the clock."""
        waits = {asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._clock.sleep(seconds))}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


class Followers:
    """Serves those who follow logs."""

    def __init__(
        self, logs: LogStore, jobs: Jobs, clock: Clock, wakeups: Wakeups, *, poll_seconds: float, end_grace: timedelta
    ) -> None:
        self._logs = logs
        self._jobs = jobs
        self._clock = clock
        self._wakeups = wakeups
        self._poll_seconds = poll_seconds
        self._end_grace = end_grace

    async def follow(
        self, job_id: JobId, place: Place, event: asyncio.Event
    ) -> AsyncGenerator[Chunk | End | Heartbeat]:
        """Everything from `place` on, as it comes; `End` is the last. Ends without it when the gateway stops."""
        quiet_since = self._clock.now()
        while not self._wakeups.is_closed:
            event.clear()
            job = await self._jobs.recent(job_id)
            states = await self._logs.states(job_id)
            place = _current(place, states)
            data = await self._logs.read(job_id, place.attempt, place.offset, READ_BYTES)
            if data:
                chunk = Chunk(place, data)
                place = chunk.next_place
                quiet_since = self._clock.now()
                yield chunk
            elif job is not None and (end := self._end(job, place, states)) is not None:
                yield end
                return
            else:
                if self._clock.now() - quiet_since >= HEARTBEAT:
                    quiet_since = self._clock.now()
                    yield Heartbeat()
                await self._wakeups.wait(event, self._poll_seconds)

    def _end(self, job: Job, place: Place, states: list[LogState]) -> End | None:
        """The end, if the job is over and nothing more can come; only asked when all that is there was read."""
        if job.status.is_hot:
            return None
        last = max(job.terms.attempt, place.attempt)
        state = next((state for state in states if state.attempt == last), None)
        if state is not None and state.length > (place.offset if place.attempt == last else 0):
            return None
        is_complete = job.terms.attempt == 0 or (state is not None and state.is_closed)
        ended_at = job.time.ended_at
        is_overdue = ended_at is None or self._clock.now() - ended_at >= self._end_grace
        return End(place, job.status.name, is_complete) if is_complete or is_overdue else None


def _current(place: Place, states: list[LogState]) -> Place:
    """The same place, or the start of the next attempt's log where this one is read to its end."""
    here = next((state for state in states if state.attempt == place.attempt), None)
    later = [state.attempt for state in states if state.attempt > place.attempt]
    is_read = here is None or place.offset >= here.length
    return Place(min(later), 0) if later and is_read else place
