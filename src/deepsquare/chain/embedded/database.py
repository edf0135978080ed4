"""The SQLite file under the embedded chain: opening, versions, connections, one writer.

On disk: WAL with synchronous=FULL, so a commit that returned survives kill -9 and a power cut; readers have
connections of their own and each sees one consistent state while the writer goes on. In memory there is one
connection for all, and a lock instead. Knows tables only to create them.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from deepsquare.chain.embedded.errors import DatabaseInUse, NotAChainDatabase

IN_MEMORY = ":memory:"
SCHEMA_VERSION = 1
_APPLICATION_ID = 0x44534551  # "DSEQ", in the file's header: says whose file it is
_STATEMENTS_KEPT = 256


class Database(Protocol):
    """Transactions over one chain's tables. Usable from any thread."""

    readers_wait: bool
    """Whether a reader waits for those before it, and for the writer."""

    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection on which everything read is of one moment."""
        ...

    def write(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection whose changes are durable once the block ends, and gone if it raises. One at a time."""
        ...

    def close(self) -> None: ...


def open_database(path: str | Path) -> Database:
    """The database at `path`, created where there is none; ":memory:" for one that lives as long as the process.

    Raises `DatabaseInUse` or `NotAChainDatabase`.
    """
    return MemoryDatabase() if str(path) == IN_MEMORY else FileDatabase(Path(path))


class MemoryDatabase:
    """One connection behind a lock: what the tests and trials use."""

    readers_wait = True

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._connection = _connect(IN_MEMORY)
        _prepare(self._connection, IN_MEMORY)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _transaction(self._connection, "BEGIN IMMEDIATE"):
            yield self._connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()


class FileDatabase:
    """A file, its write-ahead log, and a lock file that says who writes."""

    readers_wait = False

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock_file = _take_lock(path)
        try:
            self._writer = _connect(path)
            _prepare(self._writer, path)
        except BaseException:
            os.close(self._lock_file)
            raise
        self._write_lock = threading.Lock()
        self._readers = threading.local()
        self._open_readers: list[sqlite3.Connection] = []

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        connection: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = _connect(self._path)
            connection.execute("PRAGMA query_only = ON")
            self._readers.connection = connection
            self._open_readers.append(connection)
        with _transaction(connection, "BEGIN"):
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock, _transaction(self._writer, "BEGIN IMMEDIATE"):
            yield self._writer

    def close(self) -> None:
        with self._write_lock:
            for connection in self._open_readers:
                connection.close()
            self._writer.close()
            os.close(self._lock_file)


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors, a full disk among them.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _connect(path: str | Path) -> sqlite3.Connection:
    # Threads share no connection without a lock of ours, so SQLite's own check of that is turned off.
    return sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS_KEPT, timeout=60
    )


def _take_lock(path: Path) -> int:
    """A lock that the kernel gives back when the process ends, however it ends."""
    lock_path = path.with_name(path.name + ".lock")
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise DatabaseInUse(
            f"the chain in {path} is already open in process {owner}; one process may have it at a time: "
            "stop that one first, or use its JSON-RPC address"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _prepare(connection: sqlite3.Connection, path: str | Path) -> None:
    try:
        is_new = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        application, version = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _MARKS)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise NotAChainDatabase(f"{path} is no chain database ({error}); give the path of another file") from error
    if is_new:
        connection.executescript(_creation())
    elif (application, version) != (_APPLICATION_ID, SCHEMA_VERSION):
        connection.close()
        what = f"a chain of schema version {version}" if application == _APPLICATION_ID else "another program's file"
        raise NotAChainDatabase(
            f"{path} is {what}, and this program reads schema version {SCHEMA_VERSION}; "
            "give the path of another file, or use the program that wrote it"
        )


_MARKS = ("application_id", "user_version")


def _creation() -> str:
    """One script in one transaction: a kill while it runs leaves an empty file, not half a schema."""
    schema = files("deepsquare.chain.embedded").joinpath("schema.sql").read_text(encoding="utf-8")
    marks = f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
    return f"BEGIN IMMEDIATE; {schema} {marks} COMMIT;"
