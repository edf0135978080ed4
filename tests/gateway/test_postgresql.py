"""The stores keep their promises on a real PostgreSQL, which this module starts on a socket of its own."""

import asyncio
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from deepsquare.gateway.database import Database
from deepsquare.gateway.logs import SqlLogStore
from deepsquare.gateway.scripts import SqlScriptStore, StoredScript
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.model import JobId, JobStatus
from tests.gateway.chain_double import CHAIN_ID, CONTRACT, ChainDouble
from tests.gateway.conftest import Accounts, running
from tests.gateway.test_scripts import tidy
from tests.support.clock import ManualClock

pytestmark = pytest.mark.system

NOBODY = "nobody"


def program(name: str) -> str:
    """Where one of PostgreSQL's programs is: on PATH, or where Debian puts them."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, versions), os.environ["PATH"]]))
    assert found is not None, f"{name} is missing; install PostgreSQL (apt-get install postgresql)"
    return found


def run_as_server(*command: str) -> None:
    """Run one of PostgreSQL's programs; the server refuses to be root, so root becomes somebody else."""
    user = NOBODY if os.geteuid() == 0 else None
    subprocess.run(command, check=True, user=user, group=None, cwd="/", stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a database that lives as long as this module's tests."""
    # Not tmp_path: a socket's path must be short, and its folders open to the server's user.
    folder = Path(mkdtemp(prefix="dps-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            account = pwd.getpwnam(NOBODY)
            os.chown(folder, account.pw_uid, account.pw_gid)
        data, log = folder / "data", folder / "log"
        run_as_server(program("initdb"), "-D", str(data), "-U", "gateway", "--auth=trust", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        run_as_server(program("pg_ctl"), "-D", str(data), "-l", str(log), "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://gateway@/postgres?host={folder}"
        finally:
            run_as_server(program("pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def settings(server: str) -> GatewaySettings:
    return GatewaySettings(database_url=server, public_urls=("https://gateway.example.org",), script_grace_seconds=0)


async def test_scripts_and_logs_live_in_postgresql_across_restarts(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    async with running(settings, accounts) as before:
        job_id = await before.job(JobStatus.RUNNING)
        await before.client.append_log(job_id, 1, 0, b"kept\x00\xff", accounts.provider)
    async with running(settings, accounts, before.chain) as after:
        assert await after.client.fetch_script(job_id, accounts.provider)
        assert await after.client.append_log(job_id, 1, 6, b" too", accounts.provider) == 10
        assert await after.client.read_log(job_id, accounts.customer) == b"kept\x00\xff too"
        after.chain.put(job_id, JobStatus.FINISHED)
        script_hash = (await after.chain.job(job_id)).definition.script_hash
        await tidy(after)
        assert await after.parts.scripts.get(script_hash) is None
        await tidy(after, after_seconds=settings.log_retention_seconds + 1)
        assert await after.parts.logs.states(job_id) == []


async def test_processes_may_start_together_and_share_one_secret(server: str) -> None:
    def opened() -> Database:
        return Database.open(server, chain_id=CHAIN_ID, contract=CONTRACT)

    databases = await asyncio.gather(*(asyncio.to_thread(opened) for _ in range(4)))
    assert len({database.secret for database in databases}) == 1
    for database in databases:
        await database.close()


async def test_appends_that_race_give_one_log(server: str) -> None:
    database = Database.open(server, chain_id=CHAIN_ID, contract=CONTRACT)
    store = SqlLogStore(database, bytes_per_job=10**6)
    await asyncio.gather(*(store.append(JobId(4_000), 1, 0, b"same bytes") for _ in range(16)))
    assert await store.read(JobId(4_000), 1, 0, 100) == b"same bytes"
    await database.close()


async def test_a_job_whose_location_is_no_hash_does_not_hold_up_the_others(server: str, accounts: Accounts) -> None:
    database = Database.open(server, chain_id=CHAIN_ID, contract=CONTRACT)
    store, clock = SqlScriptStore(database, unnamed_bytes=10**6), ManualClock()
    chain = ChainDouble(clock)
    script_hash = "5c" * 32
    await store.put(script_hash, "#!/bin/sh", clock.now())
    hostile = chain.request(accounts.stranger.address, "\x00" * 64)
    honest = chain.request(accounts.customer.address, script_hash)
    await store.record(await chain.jobs([hostile, honest]), clock.now())
    assert await store.get(script_hash) == StoredScript("#!/bin/sh", accounts.customer.address)
    assert await store.get("\x00" * 64) is None
    await database.close()
