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
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)

from deepsquare.gateway.database import METADATA, Database, insert_if_absent
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
    Column("owner", String(_ADDRESS_CHARACTERS)),
    Column("released_at", BigInteger, index=True),
    # With the size in it, the room that is taken is known without a look at the scripts themselves.
    Index("ix_gateway_scripts_owner_size", "owner", "size"),
)
_hot_jobs = Table(
    "gateway_hot_jobs",
    METADATA,
    Column("job_id", String(_JOB_ID_CHARACTERS), primary_key=True),
    Column("script_hash", String(_HASH_CHARACTERS), nullable=False, index=True),
)

_THIS = _scripts.c.hash == bindparam("script")
_IS_UNNAMED = _scripts.c.owner.is_(None)

_GET = select(_scripts.c.text, _scripts.c.owner).where(_THIS)
_ADD = insert_if_absent(_scripts)
_UNNAMED_BYTES = select(func.coalesce(func.sum(_scripts.c.size), 0)).where(_IS_UNNAMED)
_LARGEST_BEYOND = (
    select(_scripts.c.hash)
    .where(_IS_UNNAMED, _scripts.c.size > bindparam("size"))
    .order_by(_scripts.c.size.desc(), _scripts.c.stored_at)
    .limit(1)
)
_DROP = delete(_scripts).where(_THIS)
_DROP_OLD = delete(_scripts).where(
    (_IS_UNNAMED & (_scripts.c.stored_at < bindparam("unnamed_before")))
    | (_scripts.c.released_at <= bindparam("released_before"))
)

_WHOSE = select(_scripts.c.customer, _scripts.c.owner, _scripts.c.released_at).where(_THIS).with_for_update()
_CHANGE = update(_scripts).where(_THIS)
_RELEASE = update(_scripts).where(
    _THIS, _scripts.c.released_at.is_(None), ~exists().where(_hot_jobs.c.script_hash == bindparam("script"))
)
"""The first moment counts: seeing the same end again must not keep the script for longer."""
_ADD_HOT_JOB = insert_if_absent(_hot_jobs)
_DROP_HOT_JOB = delete(_hot_jobs).where(_hot_jobs.c.job_id == bindparam("job"))


class SqlScriptStore:
    """Scripts in the gateway's database."""

    def __init__(self, database: Database, *, unnamed_bytes: int) -> None:
        self._database = database
        self._unnamed_bytes = unnamed_bytes

    async def put(self, script_hash: str, script: str, now: datetime, *, customer: Address | None = None) -> None:
        """Keep a script, for one customer or for whoever names it first. Twice does nothing. Raises `StoreFull`."""
        size = len(script.encode())
        values = {
            "hash": script_hash,
            "text": script,
            "size": size,
            "stored_at": int(now.timestamp()),
            "customer": customer,
            "owner": None,
            "released_at": None,
        }

        def store(connection: Connection) -> None:
            if connection.execute(_ADD, values).rowcount == 1:
                _make_room(connection, size, self._unnamed_bytes)

        await self._database.write(store)

    async def get(self, script_hash: str) -> StoredScript | None:
        """The script with this hash, or None."""
        if _HASH.match(script_hash) is None:
            return None
        row = await self._database.read(lambda connection: connection.execute(_GET, {"script": script_hash}).first())
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
        values = {
            "unnamed_before": int(unnamed_before.timestamp()),
            "released_before": int(released_before.timestamp()),
        }
        return await self._database.write(lambda connection: connection.execute(_DROP_OLD, values).rowcount)


def _make_room(connection: Connection, size: int, bound_bytes: int) -> None:
    """Keep what no job names below its bound: the largest script gives way to a smaller new one, or that is refused.

    So whoever fills the room with few large scripts loses those, and whoever tries it with small ones needs so many
    that the rate limit stops them: nobody keeps the others' scripts, which are small, out for long.
    """
    if connection.execute(_UNNAMED_BYTES).scalar_one() <= bound_bytes:
        return
    largest = connection.execute(_LARGEST_BEYOND, {"size": size}).first()
    if largest is None:
        raise StoreFull("the store holds as many scripts that no job names as it may (unnamed_scripts_mb)")
    # One is enough: all together were within the bound before.
    connection.execute(_DROP, {"script": largest.hash})


def _record(connection: Connection, job: Job, now: datetime) -> None:
    this = {"script": job.definition.script_hash}
    found = connection.execute(_WHOSE, this).first()
    if found is None or (found.owner or found.customer or job.customer) != job.customer:
        return
    if found.owner is None:
        connection.execute(_CHANGE, this | {"owner": job.customer})
    key = format_job_id(job.id)
    if job.status.is_cold:
        connection.execute(_DROP_HOT_JOB, {"job": key})
        connection.execute(_RELEASE, this | {"released_at": int(now.timestamp())})
        return
    connection.execute(_ADD_HOT_JOB, {"job_id": key, "script_hash": job.definition.script_hash})
    if found.released_at is not None:
        connection.execute(_CHANGE, this | {"released_at": None})
