"""The journal: what one supervisor must still know after kill -9, and cannot ask anybody.

One row per attempt at a job, in SQLite (write-ahead log, `synchronous=FULL`: a write that returned
survives the loss of power). Rows hold intents, written before the act, and facts, written before they
are told. All values are absolute, so that writing one twice does no harm, and a save is one
transaction: all of it or nothing.

What the chain tells (claimed, running, paid) is not copied here: a copy could only disagree. A row
is removed when the chain has the end, the log is away and the cluster's folder is gone.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deepsquare.clusters.port import ClusterJobId
from deepsquare.model import Address, JobId, JobStatus
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


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended, as its process earned it; written before the chain is told."""

    status: JobStatus
    exit_code: int
    ended_at: datetime
    started_at: datetime | None = None
    """None: it never ran."""
    suspended_seconds: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """All that the journal knows about one attempt at one job."""

    job_id: JobId
    attempt: int
    submit_intended_at: datetime | None = None
    """Set before each submit: from then on the cluster may have a job of this tag."""
    cluster_id: ClusterJobId | None = None
    limit_minutes: int | None = None
    """The time limit that the cluster's job is known to have."""
    started_at: datetime | None = None
    """The start of its newest run."""
    end: End | None = None
    settled_at: datetime | None = None
    """When the chain was first seen to need nothing more from this attempt."""
    log_offset: int = 0
    """Bytes of the output that the gateway has."""
    log_complete: bool = False

    @property
    def key(self) -> tuple[JobId, int]:
        """What names this attempt."""
        return self.job_id, self.attempt


class Journal:
    """The open journal of one supervisor. It is held exclusively until `close`."""

    def __init__(self, path: Path, *, chain_id: int, contract: Address, provider: Address) -> None:
        """Open or create the journal.

        Raises `JournalInUse`, `ForeignJournal`, `DamagedJournal` or, where the disk fails, `JournalUnavailable`.
        """
        self._path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=0)
        self._entries: dict[tuple[JobId, int], Entry] = {}
        self._next_block: int | None = None
        self._is_writable = False
        try:
            self._prepare((chain_id, contract, provider))
            self._load()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Give the file back; every save has long been on disk."""
        self._connection.close()

    @property
    def entries(self) -> list[Entry]:
        """Every attempt that is not yet cleaned away, oldest job first."""
        return [self._entries[key] for key in sorted(self._entries)]

    def entry(self, key: tuple[JobId, int]) -> Entry | None:
        """One attempt; None where nothing is known of it (any more)."""
        return self._entries.get(key)

    @property
    def next_block(self) -> int | None:
        """The first block whose events have not been noted; None for a new journal."""
        return self._next_block

    @property
    def is_writable(self) -> bool:
        """Whether the last write succeeded."""
        return self._is_writable

    def save(self, entries: Iterable[Entry] = (), *, next_block: int | None = None) -> None:
        """Write these attempts (whole rows) and, if given, the cursor: all or nothing.

        Raises `JournalUnavailable`; then nothing was written and the caller must not act on it.
        """
        written = {entry.key: entry for entry in entries}
        with self._transaction():
            self._connection.executemany(_UPSERT, [_row(entry) for entry in written.values()])
            if next_block is not None:
                self._connection.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?)", (next_block,))
        self._entries.update(written)
        self._next_block = self._next_block if next_block is None else next_block

    def amend(self, key: tuple[JobId, int], change: Callable[[Entry], Entry]) -> None:
        """Save what `change` makes of the attempt as it is now; does nothing where it was removed meanwhile.

        For whoever waited since it last looked: another part of the service may have written the row.
        """
        entry = self._entries.get(key)
        if entry is not None:
            self.save([change(entry)])

    def remove(self, key: tuple[JobId, int]) -> None:
        """Forget an attempt for good. Raises `JournalUnavailable`."""
        with self._transaction():
            self._connection.execute("DELETE FROM attempt WHERE job_id = ? AND attempt = ?", (str(key[0]), key[1]))
        self._entries.pop(key, None)

    def probe(self) -> None:
        """Find out whether a disk that failed can be written again, by rewriting the cursor.

        Raises `JournalUnavailable`.
        """
        self.save(next_block=self._next_block)

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

    def _load(self) -> None:
        with self._explained():
            entries = [_entry(row) for row in self._connection.execute(_SELECT)]
            cursor = self._connection.execute("SELECT next_block FROM cursor").fetchone()
        self._entries = {entry.key: entry for entry in entries}
        self._next_block = None if cursor is None else int(cursor[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, and on disk when it returns."""
        self._is_writable = False
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
        self._is_writable = True

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
