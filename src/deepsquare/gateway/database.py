"""The gateway's database: SQLite or PostgreSQL behind SQLAlchemy, opened, bound to its grid, used from threads.

One transaction is one function of a `Connection`, run in a worker thread, so that the event loop never
waits for a disk. On SQLite a writing transaction takes the write lock when it begins: what it reads
stays true until it commits. There those that come while one is under way are written together, in the order
in which they came, with one flush to disk for all; each that fails is undone alone. Parameters never stand
in error texts: they are scripts and logs.

Statements are built once, with names for what changes: building one costs four times as much as executing it. What a
statement is given beyond its own names are columns to set.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Self, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    TextClause,
    bindparam,
    create_engine,
    delete,
    event,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from deepsquare.gateway.errors import StoreUnavailable, WrongStore
from deepsquare.model import Address

SCHEMA_VERSION = "4"
_STEPS = {
    "1": ("2", "ALTER TABLE gateway_scripts ADD COLUMN customer VARCHAR(42)"),
    "2": ("3", "CREATE INDEX IF NOT EXISTS ix_gateway_scripts_owner_size ON gateway_scripts (owner, size)"),
    "3": ("4", "DROP INDEX IF EXISTS ix_gateway_scripts_owner"),
}
"""What leads from each earlier version of the schema to which later one."""
SECRET_BYTES = 32
SQLITE_BUSY_MILLISECONDS = 10_000
_SCHEMA_LOCK = 0x6473_6777
"""The PostgreSQL advisory lock under which tables are made, so that processes may start together."""

METADATA = MetaData()

_T = TypeVar("_T")

_facts = Table(
    "gateway_facts",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
_used_nonces = Table(
    "gateway_used_nonces",
    METADATA,
    Column("nonce", String(200), primary_key=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
)


def insert_if_absent(table: Table) -> TextClause:
    """The statement that adds a row, all columns given, and does nothing (`rowcount` 0) where its key is there already.

    Both databases know these words, which SQLAlchemy has for each of them alone.
    """
    names = [column.name for column in table.columns]
    values = ", ".join(f":{name}" for name in names)
    statement = text(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) ON CONFLICT DO NOTHING")  # noqa: S608 - our own names
    return statement.bindparams(*(bindparam(column.name, type_=column.type) for column in table.columns))


_FACT = select(_facts.c.value).where(_facts.c.name == bindparam("fact"))
_SET_FACT = update(_facts).where(_facts.c.name == bindparam("fact"))
_ADD_FACT = insert(_facts)
_USE_NONCE = insert_if_absent(_used_nonces)
_DROP_NONCES = delete(_used_nonces).where(_used_nonces.c.expires_at < bindparam("now"))

_Transaction = Callable[[Connection], Any]
_Outcome = Any
"""What a transaction returned, or the exception that it raised."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A transaction that waits to be written, and who waits for it."""

    transaction: _Transaction
    result: asyncio.Future[Any]

    def settle(self, outcome: _Outcome) -> None:
        if self.result.done():
            return  # whoever asked has gone
        if isinstance(outcome, BaseException):
            self.result.set_exception(outcome)
        else:
            self.result.set_result(outcome)


class Database:
    """One open database, bound to one grid."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writes_together = engine.dialect.name == "sqlite"
        self._waiting: list[_Write] = []
        self._writer: asyncio.Task[None] | None = None
        self.secret = b""
        """What the challenges of all processes on this database are made with."""

    @classmethod
    def open(cls, url: str, *, chain_id: int, contract: Address) -> Self:
        """Connect, make what is missing, check that the database is this grid's.

        Raises `StoreUnavailable` where it cannot be reached and `WrongStore` where it is not ours.
        """
        database = cls(_engine(url))
        try:
            with database._engine.begin() as connection:
                database.secret = _prepare(connection, f"{chain_id}/{contract.lower()}")
        except SQLAlchemyError as problem:
            raise _unavailable(problem) from problem
        return database

    async def write(self, transaction: Callable[[Connection], _T]) -> _T:
        """The result of one transaction that may write; durable when it is there."""
        if not self._writes_together:
            return await asyncio.to_thread(self._run, transaction, {})
        result: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Write(transaction, result))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting(), name="write to the gateway's database")
        return await result

    async def read(self, transaction: Callable[[Connection], _T]) -> _T:
        """The result of one transaction that only reads."""
        return await asyncio.to_thread(self._run, transaction, {"only_reads": True})

    async def _write_waiting(self) -> None:
        """Write what waits, and what comes meanwhile, until nothing does."""
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                outcomes = await asyncio.to_thread(self._run_together, [write.transaction for write in group])
                for write, outcome in zip(group, outcomes, strict=True):
                    write.settle(outcome)
        finally:
            self._writer = None

    def _run_together(self, transactions: Sequence[_Transaction]) -> list[_Outcome]:
        """What became of each, after one commit for all."""
        if len(transactions) == 1:
            return [_outcome(partial(self._run, transactions[0], {}))]

        def run_each(connection: Connection) -> list[_Outcome]:
            outcomes = []
            for transaction in transactions:
                outcomes.append(_outcome(partial(_apart, connection, transaction)))
                if _is_given_up(connection):
                    raise StoreUnavailable("the database took back what was being written; check its disk")
            return outcomes

        together = _outcome(partial(self._run, run_each, {}))
        return [together] * len(transactions) if isinstance(together, BaseException) else together

    async def close(self) -> None:
        """Give back all connections, once what was begun is written."""
        if self._writer is not None:
            await asyncio.wait({self._writer})
        await asyncio.to_thread(self._engine.dispose)

    def _run(self, transaction: Callable[[Connection], _T], options: dict[str, Any]) -> _T:
        try:
            with self._engine.connect().execution_options(**options) as connection, connection.begin():
                return transaction(connection)
        except SQLAlchemyError as problem:
            raise _unavailable(problem) from problem

    async def cursor(self) -> int | None:
        """The next block whose events have not been worked in yet; None before the first."""
        value = await self.read(lambda connection: _fact(connection, "next_block"))
        return None if value is None else int(value)

    async def advance_cursor(self, next_block: int) -> None:
        """Remember that all events below `next_block` are worked in. Never goes back."""

        def advance(connection: Connection) -> None:
            known = _fact(connection, "next_block")
            if known is None or int(known) < next_block:
                _set_fact(connection, "next_block", str(next_block).encode())

        await self.write(advance)


class SqlUsedNonces:
    """The answered challenges, in the database that all processes of the gateway share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def use(self, nonce: str, expires_at: datetime) -> bool:
        """Remember that `nonce` was used; False if it had been used before."""
        values = {"nonce": nonce, "expires_at": int(expires_at.timestamp())}
        return await self._database.write(lambda connection: connection.execute(_USE_NONCE, values).rowcount == 1)

    async def drop_expired(self, now: datetime) -> None:
        """Forget challenges that could not be used any more in any case."""
        values = {"now": int(now.timestamp())}
        await self._database.write(lambda connection: connection.execute(_DROP_NONCES, values))


def _outcome(work: Callable[[], Any]) -> _Outcome:
    try:
        return work()
    except Exception as problem:  # noqa: BLE001 - it is raised where the transaction was asked for
        return problem


def _apart(connection: Connection, transaction: _Transaction) -> Any:
    """The result of a transaction within another one; what it did is undone where it fails."""
    # SQLAlchemy's own savepoints are compiled anew each time, at the price of four statements.
    try:
        connection.exec_driver_sql("SAVEPOINT apart")
        try:
            result = transaction(connection)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK TO apart")
            raise
        finally:
            connection.exec_driver_sql("RELEASE apart")
    except SQLAlchemyError as problem:
        raise _unavailable(problem) from problem
    return result


def _is_given_up(connection: Connection) -> bool:
    """Whether SQLite has undone the whole transaction by itself, as it may where its disk is full."""
    driver = connection.connection.driver_connection
    return driver is None or not driver.in_transaction


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, hide_parameters=True, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except (ArgumentError, ModuleNotFoundError) as problem:
        raise WrongStore(f"the database URL cannot be used: {problem}; see database_url in docs/gateway.md") from None
    if engine.dialect.name == "sqlite":
        _keep_private(parsed.database)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _keep_private(path: str | None) -> None:
    """Make a new database a file of its owner alone, as SQLite would not: scripts hold their customers' secrets."""
    if not path or path == ":memory:":
        return
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as problem:
        raise StoreUnavailable(f"the database cannot be opened: {problem}; check database_url and its folder") from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Transactions are begun by _begin_sqlite, not by the driver, which would begin them too late.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", f"busy_timeout = {SQLITE_BUSY_MILLISECONDS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    only_reads = connection.get_execution_options().get("only_reads", False)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def _prepare(connection: Connection, grid: str) -> bytes:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})
    METADATA.create_all(connection)
    _bring_up_to_date(connection)
    _expect(connection, "schema_version", SCHEMA_VERSION, "written by another version of the gateway")
    _expect(connection, "grid", grid, "of another grid")
    secret = _fact(connection, "secret")
    if secret is None:
        secret = secrets.token_bytes(SECRET_BYTES)
        _set_fact(connection, "secret", secret)
    return secret


def _bring_up_to_date(connection: Connection) -> None:
    """Change the tables of an earlier version into this one's."""
    version = _fact(connection, "schema_version")
    while version is not None and version.decode() in _STEPS:
        following, step = _STEPS[version.decode()]
        connection.execute(text(step))
        version = following.encode()
        _set_fact(connection, "schema_version", version)


def _expect(connection: Connection, name: str, expected: str, otherwise: str) -> None:
    value = _fact(connection, name)
    if value is None:
        _set_fact(connection, name, expected.encode())
    elif value.decode() != expected:
        raise WrongStore(
            f"the database is {otherwise}: its {name} is {value.decode()}, expected {expected}; "
            "give this gateway a database of its own (database_url)"
        )


def _fact(connection: Connection, name: str) -> bytes | None:
    return connection.execute(_FACT, {"fact": name}).scalar_one_or_none()


def _set_fact(connection: Connection, name: str, value: bytes) -> None:
    if connection.execute(_SET_FACT, {"fact": name, "value": value}).rowcount == 0:
        connection.execute(_ADD_FACT, {"name": name, "value": value})


def _unavailable(problem: SQLAlchemyError) -> StoreUnavailable:
    # Only the kind of the problem and the driver's first line: statements are noise, parameters are hidden.
    reason = str(problem).partition("\n")[0]
    return StoreUnavailable(f"the database does not serve this request: {reason}; check it and its disk")
