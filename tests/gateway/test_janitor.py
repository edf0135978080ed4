"""The janitor follows the chain by itself, through bad days, and never forgets more than it may."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deepsquare.chain.errors import ChainUnreachable
from deepsquare.chain.reader import EventPage
from deepsquare.gateway.janitor import RETRY_SECONDS, SWEEP_SECONDS
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.model import JobStatus
from tests.gateway.chain_double import ChainDouble
from tests.gateway.conftest import Accounts, Gateway, running
from tests.gateway.test_scripts import tidy
from tests.support.clock import ManualClock


@asynccontextmanager
async def janitor(gateway: Gateway) -> AsyncIterator[None]:
    """The janitor at work."""
    task = asyncio.create_task(gateway.parts.janitor.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def settings(settings: GatewaySettings) -> GatewaySettings:
    return settings.model_copy(update={"script_grace_seconds": 0})


async def test_the_end_of_a_job_on_the_chain_deletes_its_script(gateway: Gateway) -> None:
    async with janitor(gateway):
        job_id = await gateway.job(JobStatus.RUNNING)
        script_hash = (await gateway.chain.job(job_id)).definition.script_hash
        await gateway.chain.idle.wait()
        assert await gateway.parts.scripts.get(script_hash) is not None
        gateway.clock.advance(SWEEP_SECONDS)
        gateway.chain.put(job_id, JobStatus.FINISHED)
        await gateway.chain.idle.wait()
        assert await gateway.parts.scripts.get(script_hash) is None


async def test_old_things_are_looked_for_now_and_then_however_much_happens_on_the_chain(gateway: Gateway) -> None:
    async with janitor(gateway):
        job_id = await gateway.job(JobStatus.RUNNING)
        script_hash = (await gateway.chain.job(job_id)).definition.script_hash
        await gateway.chain.idle.wait()
        gateway.chain.put(job_id, JobStatus.FINISHED)
        for seconds, is_kept in ((0, True), (SWEEP_SECONDS - 1, True), (1, False)):
            gateway.clock.advance(seconds)
            await gateway.job()
            await gateway.chain.idle.wait()
            assert (await gateway.parts.scripts.get(script_hash) is not None) == is_kept


async def test_the_end_of_a_job_that_is_known_is_believed_without_a_look_at_the_chain(gateway: Gateway) -> None:
    async with janitor(gateway):
        job_id = await gateway.job(JobStatus.RUNNING)
        await gateway.chain.idle.wait()
        script = await gateway.client.fetch_script(job_id, gateway.accounts.provider)
        before = gateway.chain.reads
        gateway.clock.advance(SWEEP_SECONDS)
        gateway.chain.put(job_id, JobStatus.FINISHED)
        await gateway.chain.idle.wait()
        assert await gateway.parts.scripts.get(hashlib.sha256(script.encode()).hexdigest()) is None
        assert gateway.chain.reads == before


async def test_a_chain_that_is_away_is_waited_for_and_told_of_once(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = await gateway.job(JobStatus.RUNNING)
    script_hash = (await gateway.chain.job(job_id)).definition.script_hash
    gateway.chain.put(job_id, JobStatus.FINISHED)
    gateway.chain.is_reachable = False
    async with janitor(gateway):
        while gateway.chain.looks_in_vain < 3:
            gateway.clock.advance(RETRY_SECONDS)
            await asyncio.sleep(0)
        assert await gateway.parts.scripts.get(script_hash) is not None
        gateway.chain.is_reachable = True
        idle = asyncio.ensure_future(gateway.chain.idle.wait())
        while not idle.done():
            gateway.clock.advance(RETRY_SECONDS)
            await asyncio.sleep(0)
        assert await gateway.parts.scripts.get(script_hash) is None
    told = [message for message in caplog.messages if message.startswith("following the chain")]
    assert len(told) == len({*told}) == 2


async def test_the_end_of_a_job_wakes_its_followers(gateway: Gateway) -> None:
    job_id = await gateway.job(JobStatus.RUNNING)
    with gateway.parts.wakeups.listen(job_id) as event:
        gateway.chain.put(job_id, JobStatus.FINISHED)
        await tidy(gateway)
        assert event.is_set()


async def test_two_janitors_on_one_database_do_no_harm(settings: GatewaySettings, accounts: Accounts) -> None:
    async with running(settings, accounts) as one, running(settings, accounts, one.chain) as two:
        kept, over = await one.job(), await one.job()
        one.chain.put(over, JobStatus.CANCELLED)
        await asyncio.gather(tidy(one), tidy(two), tidy(one), tidy(two))
        stored = [
            await one.parts.scripts.get((await one.chain.job(job_id)).definition.script_hash) for job_id in (kept, over)
        ]
    assert [script is not None for script in stored] == [True, False]


async def test_each_process_hears_of_blocks_that_another_one_has_worked_in(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    async with running(settings, accounts) as one, running(settings, accounts, one.chain) as two:
        job_id = await one.job(JobStatus.RUNNING)
        await tidy(two)
        with two.parts.wakeups.listen(job_id) as event:
            one.chain.put(job_id, JobStatus.FINISHED)
            await tidy(one)
            await tidy(two)
            assert event.is_set()


async def test_no_process_takes_a_job_for_where_it_was_before_another_one_heard_of_its_next_place(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    async with running(settings, accounts) as one, running(settings, accounts, one.chain) as two:
        job_id = await one.job(JobStatus.SCHEDULED)
        await tidy(two)
        await two.client.append_log(job_id, 1, 0, b"first", accounts.provider)
        one.chain.put(job_id, JobStatus.PENDING)
        one.chain.assign(job_id, accounts.other_provider.address)
        one.chain.put(job_id, JobStatus.SCHEDULED)
        await tidy(one)
        one.chain.put(job_id, JobStatus.RUNNING)
        await tidy(two)
        assert await two.client.append_log(job_id, 2, 0, b"second", accounts.other_provider) == len(b"second")


class FarAway(ChainDouble):
    """A chain whose events come one block at a time, and a few at once."""

    pages = 0

    async def read(self, from_block: int) -> EventPage:
        if not self.pages:
            raise ChainUnreachable("the node does not answer")
        self.pages -= 1
        events = (await super().read(from_block)).events[:1]
        return EventPage(events, from_block + 1, reached_head=False)


async def test_a_long_way_to_the_head_is_not_begun_anew(settings: GatewaySettings, accounts: Accounts) -> None:
    chain = FarAway(ManualClock())
    async with running(settings, accounts, chain) as gateway:
        await gateway.job()
        chain.pages = 2
        with pytest.raises(ChainUnreachable):
            await gateway.parts.janitor.catch_up()
        assert await gateway.parts.database.cursor() == chain.grid.deployed_at_block + 2


async def test_what_is_worked_in_is_noted_as_often_as_old_things_are_looked_for(gateway: Gateway) -> None:
    async with janitor(gateway):
        await gateway.chain.idle.wait()
        began = await gateway.parts.database.cursor()
        await gateway.job()
        await gateway.chain.idle.wait()
        assert await gateway.parts.database.cursor() == began
        gateway.clock.advance(SWEEP_SECONDS)
        await gateway.job()
        await gateway.chain.idle.wait()
        blocks = len((await gateway.chain.read(gateway.chain.grid.deployed_at_block)).events)
        assert await gateway.parts.database.cursor() == gateway.chain.grid.deployed_at_block + blocks


async def test_the_cursor_never_goes_back(gateway: Gateway) -> None:
    await gateway.parts.database.advance_cursor(10)
    await gateway.parts.database.advance_cursor(7)
    assert await gateway.parts.database.cursor() == 10
