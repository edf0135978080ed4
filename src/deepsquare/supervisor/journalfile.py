"""The journal's file: SQLite with a write-ahead log and `synchronous=FULL`.

A write that returned survives the loss of power; a write is one transaction, all of it or nothing. The
calls block: `journal` runs them in a thread.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from deepsquare.clusters.port import ClusterJobId
from deepsquare.model import Address, JobId, JobStatus
from deepsquare.supervisor.entry import AttemptKey, End, Entry
from deepsquare.supervisor.errors import DamagedJournal, ForeignJournal, JournalInUse, JournalUnavailable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS identity (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    chain_id INTEGER NOT NULL,
    contract TEXT NOT NULL,
    provider TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS cursor (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    next_block INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS attempt (
    job_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    submit_intended_at TEXT,
    cluster_id TEXT,
    limit_minutes INTEGER,
    started_at TEXT,
    end_status INTEGER,
    end_exit_code INTEGER,
    end_started_at TEXT,
    end_ended_at TEXT,
    end_suspended_seconds INTEGER,
    end_last_error TEXT,
    settled_at TEXT,
    log_offset INTEGER NOT NULL,
    log_complete INTEGER NOT NULL,
    PRIMARY KEY (job_id, attempt)
) STRICT;
"""

_COLUMNS = (
    "job_id",
    "attempt",
    "submit_intended_at",
    "cluster_id",
    "limit_minutes",
    "started_at",
    "end_status",
    "end_exit_code",
    "end_started_at",
    "end_ended_at",
    "end_suspended_seconds",
    "end_last_error",
    "settled_at",
    "log_offset",
    "log_complete",
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM attempt"  # noqa: S608 - constants
_UPSERT = f"INSERT OR REPLACE INTO attempt ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - constants

_Value = str | int | None


class JournalFile:
    """An open journal file, held exclusively until `close`."""

    def __init__(self, path: Path, *, chain_id: int, contract: Address, provider: Address) -> None:
        """Open or create it.

        Raises `JournalInUse`, `ForeignJournal`, `DamagedJournal` or, where the disk fails, `JournalUnavailable`.
        """
        self._path = path
        self._lock = threading.Lock()
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
        try:
            self._prepare((chain_id, contract, provider))
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Give the file back, after a write that is under way."""
        with self._lock:
            self._connection.close()

    def load(self) -> tuple[list[Entry], int | None]:
        """All attempts, and the cursor (None for a new journal)."""
        with self._lock, self._explained():
            entries = [_entry(row) for row in self._connection.execute(_SELECT)]
            cursor = self._connection.execute("SELECT next_block FROM cursor").fetchone()
        return entries, None if cursor is None else int(cursor[0])

    def write(self, saved: Iterable[Entry], removed: Iterable[AttemptKey], next_block: int | None) -> None:
        """Write whole rows, remove others, set the cursor. Raises `JournalUnavailable`; then nothing was written."""
        with self._lock, self._transaction():
            self._connection.executemany(_UPSERT, map(_row, saved))
            self._connection.executemany(
                "DELETE FROM attempt WHERE job_id = ? AND attempt = ?", [(str(job_id), n) for job_id, n in removed]
            )
            if next_block is not None:
                self._connection.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?)", (next_block,))

    def _prepare(self, identity: tuple[int, Address, Address]) -> None:
        with self._explained():
            # Exclusive locking lives as long as the connection: the kernel frees it after kill -9.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        with self._transaction():
            for statement in _SCHEMA.split(";"):
                self._connection.execute(statement)
            self._connection.execute("INSERT OR IGNORE INTO identity VALUES (1, ?, ?, ?)", identity)
        found = tuple(self._connection.execute("SELECT chain_id, contract, provider FROM identity").fetchone())
        if found != identity:
            raise ForeignJournal(
                f"the journal {self._path} belongs to chain {found[0]}, contract {found[1]}, provider {found[2]}, "
                f"but this supervisor serves chain {identity[0]}, contract {identity[1]}, provider {identity[2]}; "
                "give it a journal of its own"
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, and on disk when it returns."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite rolls back by itself on a full disk; a second ROLLBACK would only hide the reason.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise JournalInUse(
                    f"the journal {self._path} is held by another process; stop the other supervisor first"
                ) from error
            raise self._unavailable(error) from error
        except sqlite3.DatabaseError as error:
            raise DamagedJournal(
                f"{self._path} is no journal ({error}); move it away: a new one is rebuilt from the chain"
            ) from error
        except OSError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> JournalUnavailable:
        return JournalUnavailable(
            f"the journal {self._path} cannot be written: {error}; free space on its disk, nothing is lost meanwhile"
        )


def _row(entry: Entry) -> tuple[_Value, ...]:
    end = entry.end
    ending: tuple[_Value, ...] = (None,) * 6
    if end is not None:
        ending = (
            int(end.status),
            end.exit_code,
            _text(end.started_at),
            _text(end.ended_at),
            end.suspended_seconds,
            end.last_error,
        )
    return (
        str(entry.job_id),
        entry.attempt,
        _text(entry.submit_intended_at),
        entry.cluster_id,
        entry.limit_minutes,
        _text(entry.started_at),
        *ending,
        _text(entry.settled_at),
        entry.log_offset,
        int(entry.log_complete),
    )


def _entry(row: sqlite3.Row | tuple[_Value, ...]) -> Entry:
    value = dict(zip(_COLUMNS, row, strict=True))
    end = None
    if value["end_status"] is not None:
        end = End(
            status=JobStatus(value["end_status"]),
            exit_code=value["end_exit_code"],
            ended_at=datetime.fromisoformat(value["end_ended_at"]),
            started_at=_moment(value["end_started_at"]),
            suspended_seconds=value["end_suspended_seconds"],
            last_error=value["end_last_error"],
        )
    cluster_id = value["cluster_id"]
    return Entry(
        job_id=JobId(int(value["job_id"])),
        attempt=value["attempt"],
        submit_intended_at=_moment(value["submit_intended_at"]),
        cluster_id=None if cluster_id is None else ClusterJobId(cluster_id),
        limit_minutes=value["limit_minutes"],
        started_at=_moment(value["started_at"]),
        end=end,
        settled_at=_moment(value["settled_at"]),
        log_offset=value["log_offset"],
        log_complete=bool(value["log_complete"]),
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
