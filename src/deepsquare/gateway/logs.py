"""Where the output of jobs is kept: a port, and its SQL adapter.

A log is the bytes that one attempt of a job printed, addressed by absolute offsets: appending the same
bytes twice does nothing, a gap is refused with the offset that is expected. A job's logs have a bounded
size together; the log that reaches it ends with a line that says so and takes in nothing more. Small
appends are merged, so that a job that prints single bytes costs no more rows than one that prints blocks.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from deepsquare.gateway.database import METADATA, Database, insert_if_absent
from deepsquare.gateway.errors import LogGapFound, LogIsClosed
from deepsquare.model import JobId, format_job_id

MERGED_CHUNK_BYTES = 16 * 1024
"""Appends are merged into chunks of about this size."""

ROWS_AT_ONCE = 8
"""Chunks that a reader takes from the database in one go."""

_JOB_ID_CHARACTERS = 66


@dataclass(frozen=True, slots=True)
class LogState:
    """How far the log of one attempt has come."""

    attempt: int
    length: int
    """Bytes that can be read, the last line of a full log included."""
    next_offset: int
    """Where the next append must start."""
    is_full: bool = False
    """True: the job's bound is reached; appends are accepted and dropped."""
    is_closed: bool = False
    """True: the supervisor has declared the log complete."""


class LogStore(Protocol):
    """Logs by job and attempt."""

    async def append(
        self,
        job_id: JobId,
        attempt: int,
        offset: int,
        data: bytes,
        *,
        closes: bool = False,
        ended_at: datetime | None = None,
    ) -> LogState:
        """Keep what is new in `data`; with `closes` the log is complete with it. `ended_at`: see `mark_ended`.

        Raises `LogGapFound` or `LogIsClosed`; nothing is stored then.
        """
        ...

    async def close(self, job_id: JobId, attempt: int, length: int, *, ended_at: datetime | None = None) -> LogState:
        """Declare the log complete with `length` bytes. Raises `LogGapFound` where that is not its length."""
        ...

    async def states(self, job_id: JobId) -> list[LogState]:
        """All attempts of a job that have a log, oldest first."""
        ...

    async def read(self, job_id: JobId, attempt: int, offset: int, limit_bytes: int) -> bytes:
        """At most about `limit_bytes` of the log from `offset` on; empty where there is nothing yet."""
        ...

    async def mark_ended(self, ended: Sequence[tuple[JobId, datetime]]) -> None:
        """Note when jobs ended, for those that have a log. The first moment stands."""
        ...

    async def drop_ended(self, before: datetime) -> int:
        """Delete the logs of jobs that ended before this moment; how many."""
        ...


_logs = Table(
    "gateway_logs",
    METADATA,
    Column("job_id", String(_JOB_ID_CHARACTERS), primary_key=True),
    Column("attempt", BigInteger, primary_key=True, autoincrement=False),
    Column("length", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("last_chunk", BigInteger, nullable=False),
    Column("is_full", Boolean, nullable=False),
    Column("is_closed", Boolean, nullable=False),
    Column("ended_at", BigInteger, index=True),
)
_chunks = Table(
    "gateway_log_chunks",
    METADATA,
    Column("job_id", String(_JOB_ID_CHARACTERS), primary_key=True),
    Column("attempt", BigInteger, primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

_LOG = (_logs.c.job_id == bindparam("job")) & (_logs.c.attempt == bindparam("nr"))
_CHUNK = (_chunks.c.job_id == bindparam("job")) & (_chunks.c.attempt == bindparam("nr"))
_LAST_CHUNK = _CHUNK & (_chunks.c.start == bindparam("at"))
_FIRST_START = select(func.max(_chunks.c.start)).where(_CHUNK, _chunks.c.start <= bindparam("offset"))

_LOCK = select(_logs).where(_LOG).with_for_update()
_MAKE = insert_if_absent(_logs)
_LENGTH_OF_OTHERS = select(func.coalesce(func.sum(_logs.c.length), 0)).where(
    _logs.c.job_id == bindparam("job"), _logs.c.attempt != bindparam("nr")
)
_CHANGE = update(_logs).where(_LOG)
_STATES = select(_logs).where(_logs.c.job_id == bindparam("job")).order_by(_logs.c.attempt)
_MARK_ENDED = update(_logs).where(_logs.c.job_id == bindparam("job"), _logs.c.ended_at.is_(None))
_OLD = select(_logs.c.job_id).where(_logs.c.ended_at < bindparam("before")).distinct()
_DROP_CHUNKS = delete(_chunks).where(_chunks.c.job_id == bindparam("job"))
_DROP_LOGS = delete(_logs).where(_logs.c.job_id == bindparam("job"))

_ADD_CHUNK = insert(_chunks)
_READ_CHUNK = select(_chunks.c.data).where(_LAST_CHUNK)
_REPLACE_CHUNK = update(_chunks).where(_LAST_CHUNK)
_READ_FROM = (
    select(_chunks.c.start, _chunks.c.data)
    .where(_CHUNK, _chunks.c.start >= _FIRST_START.scalar_subquery())
    .order_by(_chunks.c.start)
)


@dataclass(frozen=True, slots=True)
class _Log:
    """One row of the logs."""

    job_id: str
    attempt: int
    length: int = 0
    next_offset: int = 0
    last_chunk: int = 0
    """Where the last chunk starts."""
    is_full: bool = False
    is_closed: bool = False
    ended_at: int | None = None

    @property
    def key(self) -> dict[str, object]:
        """Which one, for a statement."""
        return {"job": self.job_id, "nr": self.attempt}

    @property
    def state(self) -> LogState:
        """As others see it."""
        return LogState(self.attempt, self.length, self.next_offset, self.is_full, self.is_closed)


class SqlLogStore:
    """Logs in the gateway's database."""

    def __init__(self, database: Database, *, bytes_per_job: int) -> None:
        self._database = database
        self._bytes_per_job = bytes_per_job

    async def append(
        self,
        job_id: JobId,
        attempt: int,
        offset: int,
        data: bytes,
        *,
        closes: bool = False,
        ended_at: datetime | None = None,
    ) -> LogState:
        """Keep what is new in `data`; with `closes` the log is complete with it. `ended_at`: see `mark_ended`.

        Raises `LogGapFound` or `LogIsClosed`; nothing is stored then.
        """
        key, end = format_job_id(job_id), offset + len(data)

        def store(connection: Connection) -> LogState:
            log = _locked(connection, key, attempt)
            if not log.is_full and (offset > log.next_offset or (closes and end < log.next_offset)):
                raise LogGapFound(log.next_offset)
            has_news = end > log.next_offset and not log.is_full
            if has_news and log.is_closed:
                raise LogIsClosed
            changed = self._extend(connection, log, data[log.next_offset - offset :]) if has_news else {}
            if closes:
                changed["is_closed"] = True
            return _changed(connection, log, changed, ended_at).state

        return await self._database.write(store)

    def _extend(self, connection: Connection, log: _Log, fresh: bytes) -> dict[str, Any]:
        """Add bytes to the log's chunks; what that changes in its row."""
        others = int(connection.execute(_LENGTH_OF_OTHERS, log.key).scalar_one())
        room = max(0, self._bytes_per_job - others - log.length)
        is_full = len(fresh) > room
        kept = fresh[:room] + self._last_line() if is_full else fresh
        return {
            "length": log.length + len(kept),
            "next_offset": log.next_offset + len(fresh),
            "last_chunk": _write(connection, log, kept),
            "is_full": is_full,
        }

    def _last_line(self) -> bytes:
        return (
            f"\n[deepsquare] this job's log ends here: it reached its bound of {self._bytes_per_job} bytes\n".encode()
        )

    async def close(self, job_id: JobId, attempt: int, length: int, *, ended_at: datetime | None = None) -> LogState:
        """Declare the log complete with `length` bytes. Raises `LogGapFound` where that is not its length."""
        return await self.append(job_id, attempt, length, b"", closes=True, ended_at=ended_at)

    async def states(self, job_id: JobId) -> list[LogState]:
        """All attempts of a job that have a log, oldest first."""
        job = {"job": format_job_id(job_id)}
        return await self._database.read(
            lambda connection: [_Log(*row).state for row in connection.execute(_STATES, job)]
        )

    async def read(self, job_id: JobId, attempt: int, offset: int, limit_bytes: int) -> bytes:
        """At most about `limit_bytes` of the log from `offset` on; empty where there is nothing yet."""
        place = {"job": format_job_id(job_id), "nr": attempt, "offset": offset}

        def read(connection: Connection) -> bytes:
            found = bytearray()
            with connection.execute(_READ_FROM, place, execution_options={"yield_per": ROWS_AT_ONCE}) as rows:
                for row in rows:
                    found += row.data[max(0, offset - row.start) :]
                    if len(found) >= limit_bytes:
                        break
            return bytes(found[:limit_bytes])

        return await self._database.read(read)

    async def mark_ended(self, ended: Sequence[tuple[JobId, datetime]]) -> None:
        """Note when jobs ended, for those that have a log. The first moment stands."""
        values = [{"job": format_job_id(job_id), "ended_at": int(at.timestamp())} for job_id, at in ended]
        if values:
            await self._database.write(lambda connection: connection.execute(_MARK_ENDED, values))

    async def drop_ended(self, before: datetime) -> int:
        """Delete the logs of jobs that ended before this moment; how many."""

        def drop(connection: Connection) -> int:
            old = connection.execute(_OLD, {"before": int(before.timestamp())})
            jobs = [{"job": row.job_id} for row in old]
            if jobs:
                connection.execute(_DROP_CHUNKS, jobs)
                connection.execute(_DROP_LOGS, jobs)
            return len(jobs)

        return await self._database.write(drop)


def _locked(connection: Connection, key: str, attempt: int) -> _Log:
    """The log, made where it is missing, locked until the transaction ends."""
    fresh = _Log(key, attempt)
    row = connection.execute(_LOCK, fresh.key).first()
    if row is not None:
        return _Log(*row)
    if connection.execute(_MAKE, asdict(fresh)).rowcount == 1:
        return fresh
    # Another process has just made it.
    return _Log(*connection.execute(_LOCK, fresh.key).one())


def _changed(connection: Connection, log: _Log, changed: dict[str, Any], ended_at: datetime | None) -> _Log:
    """The log with these columns set; and with the end of its job, where that is known and was not noted yet."""
    if ended_at is not None and log.ended_at is None:
        changed = changed | {"ended_at": int(ended_at.timestamp())}
    if changed:
        connection.execute(_CHANGE, log.key | changed)
    return replace(log, **changed)


def _write(connection: Connection, log: _Log, data: bytes) -> int:
    """Add `data` at the log's end, into its last chunk while that is small; where the last chunk starts now."""
    is_small = log.length > log.last_chunk and log.length - log.last_chunk + len(data) <= MERGED_CHUNK_BYTES
    if not is_small:
        connection.execute(
            _ADD_CHUNK, {"job_id": log.job_id, "attempt": log.attempt, "start": log.length, "data": data}
        )
        return log.length
    last = log.key | {"at": log.last_chunk}
    before = connection.execute(_READ_CHUNK, last).scalar_one()
    connection.execute(_REPLACE_CHUNK, last | {"data": before + data})
    return log.last_chunk
