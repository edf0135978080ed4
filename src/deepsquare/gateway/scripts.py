"""Where scripts are kept between submission and the end of the job: a port, and its SQL adapter.

A script is stored under its hash. It belongs to the customer for whom it was submitted: only a job of theirs
counts. The hash is public from the moment in which the job waits to be mined, and without this rule anybody
could name it in a job of their own to have the script handed out, or end such a job to have it deleted. Who
submits without saying for whom leaves the script to the customer of the FIRST job on the chain that names it,
and may be overtaken. A script goes when its owner's last job is over, after a grace; or when no job of its
owner has named it for long.

What a job names was written by anybody. Only what looks like a hash is ever looked up: a database may choke on
the rest (PostgreSQL takes no zero byte), and then nobody's jobs would be worked in any more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    String,
    Table,
    Text,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from deepsquare.gateway.database import METADATA, Database
from deepsquare.gateway.errors import StoreFull
from deepsquare.model import Address, Job, format_job_id

_HASH_CHARACTERS = 64
_HASH = re.compile(r"\A[0-9a-f]{64}\Z")
_JOB_ID_CHARACTERS = 66
_ADDRESS_CHARACTERS = 42


@dataclass(frozen=True, slots=True)
class StoredScript:
    """A script, and whose it is."""

    text: str
    owner: Address | None
    """The customer whose job names it; None while no job that counts was seen to name it."""


class ScriptStore(Protocol):
    """Scripts by their hash."""

    async def put(self, script_hash: str, script: str, now: datetime, *, customer: Address | None = None) -> None:
        """Keep a script, for one customer or for whoever names it first. Twice does nothing. Raises `StoreFull`."""
        ...

    async def get(self, script_hash: str) -> StoredScript | None:
        """The script with this hash, or None."""
        ...

    async def record(self, jobs: Sequence[Job], now: datetime) -> None:
        """Work in how these jobs stand, in the order in which they were requested. Repeating it does no harm."""
        ...

    async def drop_old(self, *, unnamed_before: datetime, released_before: datetime) -> int:
        """Delete what no job named before the one moment and what no job needs since the other; how many."""
        ...


_scripts = Table(
    "gateway_scripts",
    METADATA,
    Column("hash", String(_HASH_CHARACTERS), primary_key=True),
    Column("text", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    Column("customer", String(_ADDRESS_CHARACTERS)),
    Column("owner", String(_ADDRESS_CHARACTERS), index=True),
    Column("released_at", BigInteger, index=True),
)
_hot_jobs = Table(
    "gateway_hot_jobs",
    METADATA,
    Column("job_id", String(_JOB_ID_CHARACTERS), primary_key=True),
    Column("script_hash", String(_HASH_CHARACTERS), nullable=False, index=True),
)


class SqlScriptStore:
    """Scripts in the gateway's database."""

    def __init__(self, database: Database, *, unnamed_bytes: int) -> None:
        self._database = database
        self._unnamed_bytes = unnamed_bytes

    async def put(self, script_hash: str, script: str, now: datetime, *, customer: Address | None = None) -> None:
        """Keep a script, for one customer or for whoever names it first. Twice does nothing. Raises `StoreFull`."""
        size = len(script.encode())

        def store(connection: Connection) -> None:
            if connection.execute(select(_scripts.c.hash).where(_scripts.c.hash == script_hash)).first() is not None:
                return
            _make_room(connection, size, self._unnamed_bytes)
            values = {"hash": script_hash, "text": script, "size": size, "stored_at": int(now.timestamp())}
            connection.execute(insert(_scripts).values(**values, customer=customer))

        await self._database.write(store)

    async def get(self, script_hash: str) -> StoredScript | None:
        """The script with this hash, or None."""
        if _HASH.match(script_hash) is None:
            return None
        query = select(_scripts.c.text, _scripts.c.owner).where(_scripts.c.hash == script_hash)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else StoredScript(row.text, None if row.owner is None else Address(row.owner))

    async def record(self, jobs: Sequence[Job], now: datetime) -> None:
        """Work in how these jobs stand, in the order in which they were requested. Repeating it does no harm."""

        def work_in(connection: Connection) -> None:
            for job in sorted(jobs, key=lambda job: job.id):
                if _HASH.match(job.definition.script_hash) is not None:
                    _record(connection, job, now)

        await self._database.write(work_in)

    async def drop_old(self, *, unnamed_before: datetime, released_before: datetime) -> int:
        """Delete what no job named before the one moment and what no job needs since the other; how many."""
        unnamed = _scripts.c.owner.is_(None) & (_scripts.c.stored_at < int(unnamed_before.timestamp()))
        released = _scripts.c.released_at.is_not(None) & (_scripts.c.released_at <= int(released_before.timestamp()))
        statement = delete(_scripts).where(unnamed | released)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount)


def _make_room(connection: Connection, size: int, bound_bytes: int) -> None:
    """Keep what no job names below its bound: the largest script gives way to a smaller one, or that is refused.

    So whoever fills the room with few large scripts loses those, and whoever tries it with small ones needs so many
    that the rate limit stops them: nobody keeps the others' scripts, which are small, out for long.
    """
    is_unnamed = _scripts.c.owner.is_(None)
    total = select(func.coalesce(func.sum(_scripts.c.size), 0)).where(is_unnamed)
    if connection.execute(total).scalar_one() + size <= bound_bytes:
        return
    larger = select(_scripts.c.hash).where(is_unnamed, _scripts.c.size > size)
    largest = connection.execute(larger.order_by(_scripts.c.size.desc(), _scripts.c.stored_at).limit(1)).first()
    if largest is None:
        raise StoreFull("the store holds as many scripts that no job names as it may (unnamed_scripts_mb)")
    # One is enough: all together were within the bound before.
    connection.execute(delete(_scripts).where(_scripts.c.hash == largest.hash))


def _record(connection: Connection, job: Job, now: datetime) -> None:
    script_hash = job.definition.script_hash
    whose = select(_scripts.c.customer, _scripts.c.owner).where(_scripts.c.hash == script_hash)
    found = connection.execute(whose.with_for_update()).first()
    if found is None or (found.owner or found.customer or job.customer) != job.customer:
        return
    if found.owner is None:
        connection.execute(update(_scripts).where(_scripts.c.hash == script_hash).values(owner=job.customer))
    key = format_job_id(job.id)
    connection.execute(delete(_hot_jobs).where(_hot_jobs.c.job_id == key))
    if job.status.is_hot:
        connection.execute(insert(_hot_jobs).values(job_id=key, script_hash=script_hash))
    _release_or_hold(connection, script_hash, now)


def _release_or_hold(connection: Connection, script_hash: str, now: datetime) -> None:
    is_needed = connection.execute(select(exists().where(_hot_jobs.c.script_hash == script_hash))).scalar_one()
    this = update(_scripts).where(_scripts.c.hash == script_hash)
    if is_needed:
        connection.execute(this.values(released_at=None))
    else:
        # The first moment counts: seeing the same end again must not keep the script for longer.
        connection.execute(this.where(_scripts.c.released_at.is_(None)).values(released_at=int(now.timestamp())))
