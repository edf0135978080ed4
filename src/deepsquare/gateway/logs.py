"""Where the output of jobs is kept: a port, and its SQL adapter.

A log is the bytes that one attempt of a job printed, addressed by absolute offsets: appending the same
bytes twice does nothing, a gap is refused with the offset that is expected. A job's logs have a bounded
size together; the log that reaches it ends with a line that says so and takes in nothing more. Small
appends are merged, so that a job that prints single bytes costs no more rows than one that prints blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    LargeBinary,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from deepsquare.gateway.database import METADATA, Database
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

    async def append(self, job_id: JobId, attempt: int, offset: int, data: bytes) -> LogState:
        """Keep what is new in `data`. Raises `LogGapFound` or `LogIsClosed`; nothing is stored then."""
        ...

    async def close(self, job_id: JobId, attempt: int, length: int) -> LogState:
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


class SqlLogStore:
    """Logs in the gateway's database."""

    def __init__(self, database: Database, *, bytes_per_job: int) -> None:
        self._database = database
        self._bytes_per_job = bytes_per_job

    async def append(self, job_id: JobId, attempt: int, offset: int, data: bytes) -> LogState:
        """Keep what is new in `data`. Raises `LogGapFound` or `LogIsClosed`; nothing is stored then."""
        key = format_job_id(job_id)

        def store(connection: Connection) -> LogState:
            row = _locked(connection, key, attempt)
            end = offset + len(data)
            if offset > row.next_offset and not row.is_full:
                raise LogGapFound(row.next_offset)
            if end <= row.next_offset or row.is_full:
                return _state(row)
            if row.is_closed:
                raise LogIsClosed
            self._extend(connection, row, data[row.next_offset - offset :])
            return _state(_locked(connection, key, attempt))

        return await self._database.write(store)

    def _extend(self, connection: Connection, row: Row[tuple[object, ...]], fresh: bytes) -> None:
        others = select(func.coalesce(func.sum(_logs.c.length), 0)).where(
            _logs.c.job_id == row.job_id, _logs.c.attempt != row.attempt
        )
        room = max(0, self._bytes_per_job - int(connection.execute(others).scalar_one()) - row.length)
        is_full = len(fresh) > room
        kept = fresh[:room] + self._last_line() if is_full else fresh
        last_chunk = _write(connection, row, kept)
        _update(
            connection,
            row,
            length=row.length + len(kept),
            next_offset=row.next_offset + len(fresh),
            last_chunk=last_chunk,
            is_full=is_full,
        )

    def _last_line(self) -> bytes:
        return (
            f"\n[deepsquare] this job's log ends here: it reached its bound of {self._bytes_per_job} bytes\n".encode()
        )

    async def close(self, job_id: JobId, attempt: int, length: int) -> LogState:
        """Declare the log complete with `length` bytes. Raises `LogGapFound` where that is not its length."""
        key = format_job_id(job_id)

        def close(connection: Connection) -> LogState:
            row = _locked(connection, key, attempt)
            if length != row.next_offset and not row.is_full:
                raise LogGapFound(row.next_offset)
            _update(connection, row, is_closed=True)
            return _state(_locked(connection, key, attempt))

        return await self._database.write(close)

    async def states(self, job_id: JobId) -> list[LogState]:
        """All attempts of a job that have a log, oldest first."""
        query = select(_logs).where(_logs.c.job_id == format_job_id(job_id)).order_by(_logs.c.attempt)
        return await self._database.read(lambda connection: [_state(row) for row in connection.execute(query)])

    async def read(self, job_id: JobId, attempt: int, offset: int, limit_bytes: int) -> bytes:
        """At most about `limit_bytes` of the log from `offset` on; empty where there is nothing yet."""
        key = format_job_id(job_id)

        def read(connection: Connection) -> bytes:
            this = (_chunks.c.job_id == key) & (_chunks.c.attempt == attempt)
            first = select(func.max(_chunks.c.start)).where(this, _chunks.c.start <= offset).scalar_subquery()
            query = select(_chunks.c.start, _chunks.c.data).where(this, _chunks.c.start >= first)
            found = bytearray()
            options = {"yield_per": ROWS_AT_ONCE}
            with connection.execute(query.order_by(_chunks.c.start), execution_options=options) as rows:
                for row in rows:
                    found += row.data[max(0, offset - row.start) :]
                    if len(found) >= limit_bytes:
                        break
            return bytes(found[:limit_bytes])

        return await self._database.read(read)

    async def mark_ended(self, ended: Sequence[tuple[JobId, datetime]]) -> None:
        """Note when jobs ended, for those that have a log. The first moment stands."""

        def mark(connection: Connection) -> None:
            for job_id, at in ended:
                these = (_logs.c.job_id == format_job_id(job_id)) & _logs.c.ended_at.is_(None)
                connection.execute(update(_logs).where(these).values(ended_at=int(at.timestamp())))

        await self._database.write(mark)

    async def drop_ended(self, before: datetime) -> int:
        """Delete the logs of jobs that ended before this moment; how many."""
        is_old = _logs.c.ended_at < int(before.timestamp())

        def drop(connection: Connection) -> int:
            jobs = [row.job_id for row in connection.execute(select(_logs.c.job_id).where(is_old).distinct())]
            for job in jobs:
                connection.execute(delete(_chunks).where(_chunks.c.job_id == job))
                connection.execute(delete(_logs).where(_logs.c.job_id == job))
            return len(jobs)

        return await self._database.write(drop)


def _locked(connection: Connection, key: str, attempt: int) -> Row[tuple[object, ...]]:
    """The log's row, made where it is missing, locked until the transaction ends."""
    this = select(_logs).where(_logs.c.job_id == key, _logs.c.attempt == attempt).with_for_update()
    row = connection.execute(this).first()
    if row is None:
        _make(connection, key, attempt)
        row = connection.execute(this).one()
    return row


def _make(connection: Connection, key: str, attempt: int) -> None:
    empty = {"job_id": key, "attempt": attempt, "length": 0, "next_offset": 0, "last_chunk": 0}
    try:
        with connection.begin_nested():
            connection.execute(insert(_logs).values(**empty, is_full=False, is_closed=False))
    except IntegrityError:
        # Another process has just made it.
        return


def _update(connection: Connection, row: Row[tuple[object, ...]], **values: object) -> None:
    this = update(_logs).where(_logs.c.job_id == row.job_id, _logs.c.attempt == row.attempt)
    connection.execute(this.values(**values))


def _write(connection: Connection, row: Row[tuple[object, ...]], data: bytes) -> int:
    """Add `data` at the log's end, into its last chunk while that is small; where the last chunk starts now."""
    key = {"job_id": row.job_id, "attempt": row.attempt}
    is_small = row.length > row.last_chunk and row.length - row.last_chunk + len(data) <= MERGED_CHUNK_BYTES
    if not is_small:
        connection.execute(insert(_chunks).values(**key, start=row.length, data=data))
        return int(row.length)
    this = (_chunks.c.job_id == row.job_id) & (_chunks.c.attempt == row.attempt) & (_chunks.c.start == row.last_chunk)
    before = connection.execute(select(_chunks.c.data).where(this)).scalar_one()
    connection.execute(update(_chunks).where(this).values(data=before + data))
    return int(row.last_chunk)


def _state(row: Row[tuple[object, ...]]) -> LogState:
    return LogState(row.attempt, row.length, row.next_offset, row.is_full, row.is_closed)
