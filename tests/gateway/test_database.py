"""Transactions that are written together: each counts alone, and is durable when its result is there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from deepsquare.gateway.database import Database, SqlUsedNonces
from deepsquare.gateway.errors import StoreUnavailable
from deepsquare.model import Address

CONTRACT = Address("0x" + "11" * 20)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def opened(folder: Path) -> Database:
    return Database.open(f"sqlite:///{folder}/gateway.sqlite", chain_id=7, contract=CONTRACT)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = opened(tmp_path)
    await database.write(lambda connection: connection.execute(text("CREATE TABLE t (n INTEGER UNIQUE)")))
    yield database
    await database.close()


def add(number: int) -> Callable[[Connection], int]:
    """A transaction that adds a number and returns how many there are then."""

    def transaction(connection: Connection) -> int:
        connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})
        return int(connection.execute(text("SELECT count(*) FROM t")).scalar_one())

    return transaction


async def test_transactions_that_come_together_are_written_in_the_order_in_which_they_came(
    database: Database, tmp_path: Path
) -> None:
    assert await asyncio.gather(*(database.write(add(number)) for number in range(40))) == list(range(1, 41))
    again = opened(tmp_path)
    assert await again.read(lambda connection: connection.execute(text("SELECT sum(n) FROM t")).scalar_one()) == 780
    await again.close()


async def test_one_that_fails_is_undone_alone(database: Database) -> None:
    def add_and_fail(connection: Connection) -> None:
        add(100)(connection)
        raise LookupError("a defect")

    writes = [database.write(add(1)), database.write(add(2)), database.write(add_and_fail), database.write(add(2))]
    outcomes = await asyncio.gather(*writes, database.write(add(3)), return_exceptions=True)
    assert [outcome if isinstance(outcome, int) else type(outcome) for outcome in outcomes] == [
        1,
        2,
        LookupError,
        StoreUnavailable,
        3,
    ]


async def test_nothing_of_a_group_that_the_database_gives_up_counts_as_written(database: Database) -> None:
    def fail_as_on_a_full_disk(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")  # which SQLite does by itself then
        raise OperationalError("INSERT", {}, Exception("disk I/O error"))

    writes = [database.write(add(1)), database.write(fail_as_on_a_full_disk), database.write(add(2))]

    outcomes = await asyncio.gather(*writes, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert await database.write(add(1)) == 1


async def test_whoever_leaves_early_takes_no_other_along(database: Database) -> None:
    writes = [asyncio.create_task(database.write(add(number))) for number in range(3)]
    await asyncio.sleep(0)
    writes[1].cancel()
    assert await writes[0] == 1
    assert await writes[2] == 3


async def test_of_many_uses_of_one_nonce_at_once_one_counts(database: Database) -> None:
    used = SqlUsedNonces(database)
    assert sorted(await asyncio.gather(*(used.use("nonce", LATER) for _ in range(10)))) == [False] * 9 + [True]
