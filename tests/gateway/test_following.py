"""Whoever follows a log sees each byte once, soon, in order, across attempts and lost connections, to the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest

from deepsquare.gateway.client import GatewayClient, LogChunk
from deepsquare.gateway.errors import RefusedByGateway
from deepsquare.gateway.following import HEARTBEAT, Chunk, End, Heartbeat, Place
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.model import JobId, JobStatus
from tests.gateway.conftest import WORKFLOW, Accounts, Gateway, running
from tests.gateway.knocking import challenged, code
from tests.gateway.test_scripts import tidy

BEGINNING = Place(0, 0)


@asynccontextmanager
async def following(
    gateway: Gateway, job_id: JobId, place: Place = BEGINNING
) -> AsyncIterator[AsyncIterator[Chunk | End | Heartbeat]]:
    """What a follower gets, event by event."""
    with gateway.parts.wakeups.listen(job_id) as event:
        async with aclosing(gateway.parts.followers.follow(job_id, place, event)) as events:
            yield events


async def test_a_follower_is_woken_by_the_append_itself_and_waits_for_no_clock(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    async with following(gateway, job_id) as events:
        for offset, data in ((0, b"one\n"), (4, b"two\n")):
            waiting = asyncio.ensure_future(anext(events))
            await gateway.client.append_log(job_id, 1, offset, data, provider)
            # The manual clock never moves: only the append can have woken the follower.
            assert await waiting == Chunk(Place(1, offset), data)


async def test_what_another_process_stores_is_found_by_polling(settings: GatewaySettings, accounts: Accounts) -> None:
    async with running(settings, accounts) as one, running(settings, accounts, one.chain) as two:
        job_id = await one.job(JobStatus.RUNNING)
        async with following(one, job_id) as events:
            await two.client.append_log(job_id, 1, 0, b"elsewhere", accounts.provider)
            assert await passing_time(one, events) == Chunk(Place(1, 0), b"elsewhere")


async def test_a_follower_sees_the_end_when_the_job_is_over_and_its_log_complete(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    await gateway.client.append_log(job_id, 1, 0, b"bye", provider)
    gateway.chain.put(job_id, JobStatus.FAILED)
    await gateway.client.close_log(job_id, 1, 3, provider)
    await tidy(gateway)
    async with following(gateway, job_id) as events:
        assert [event async for event in events] == [
            Chunk(Place(1, 0), b"bye"),
            End(Place(1, 3), "FAILED", is_complete=True),
        ]


async def test_output_that_comes_after_the_end_of_the_job_is_waited_for(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    gateway.chain.put(job_id, JobStatus.FINISHED)
    await tidy(gateway)
    async with following(gateway, job_id) as events:
        waiting = asyncio.ensure_future(anext(events))
        await gateway.client.append_log(job_id, 1, 0, b"late", provider)
        assert await waiting == Chunk(Place(1, 0), b"late")
        waiting = asyncio.ensure_future(anext(events))
        await gateway.client.close_log(job_id, 1, 4, provider)
        assert await waiting == End(Place(1, 4), "FINISHED", is_complete=True)


async def test_a_log_that_nobody_completes_ends_after_a_grace_and_says_so(gateway: Gateway) -> None:
    job_id = await gateway.job(JobStatus.RUNNING)
    gateway.chain.put(job_id, JobStatus.PANICKED)
    ended_at = gateway.clock.now()
    async with following(gateway, job_id) as events:
        while isinstance(event := await passing_time(gateway, events), Heartbeat):
            continue
        assert event == End(Place(0, 0), "PANICKED", is_complete=False)
    grace = timedelta(seconds=gateway.parts.settings.log_end_grace_seconds)
    assert gateway.clock.now() - ended_at >= grace


async def test_a_quiet_follower_hears_a_heartbeat_so_that_a_lost_connection_is_noticed(gateway: Gateway) -> None:
    job_id = await gateway.job(JobStatus.RUNNING)
    began = gateway.clock.now()
    async with following(gateway, job_id) as events:
        assert isinstance(await passing_time(gateway, events), Heartbeat)
    assert gateway.clock.now() - began >= HEARTBEAT


async def test_a_job_that_never_ran_ends_at_once(gateway: Gateway) -> None:
    job_id = await gateway.job(JobStatus.PENDING)
    gateway.chain.put(job_id, JobStatus.CANCELLED)
    async with following(gateway, job_id) as events:
        assert [event async for event in events] == [End(Place(0, 0), "CANCELLED", is_complete=True)]


async def test_a_follower_goes_on_with_the_next_attempt(gateway: Gateway) -> None:
    job_id, who = await gateway.job(JobStatus.RUNNING), gateway.accounts
    await gateway.client.append_log(job_id, 1, 0, b"first", who.provider)
    gateway.chain.put(job_id, JobStatus.PENDING)
    gateway.chain.assign(job_id, who.other_provider.address)
    gateway.chain.put(job_id, JobStatus.RUNNING)
    await tidy(gateway)
    await gateway.client.append_log(job_id, 2, 0, b"second", who.other_provider)
    await gateway.client.close_log(job_id, 2, 6, who.other_provider)
    gateway.chain.put(job_id, JobStatus.FINISHED)
    await tidy(gateway)
    async with following(gateway, job_id, Place(1, 2)) as events:
        assert [event async for event in events] == [
            Chunk(Place(1, 2), b"rst"),
            Chunk(Place(2, 0), b"second"),
            End(Place(2, 6), "FINISHED", is_complete=True),
        ]


async def test_a_long_log_comes_in_pieces_that_fit_together(gateway: Gateway) -> None:
    job_id, who = await finished(gateway, b"0123456789" * 30_000), gateway.accounts
    received = [chunk async for chunk in gateway.client.follow_log(job_id, who.customer)]
    assert len(received) > 1
    assert b"".join(chunk.data for chunk in received) == b"0123456789" * 30_000
    assert [chunk.offset for chunk in received[1:]] == [chunk.offset + len(chunk.data) for chunk in received[:-1]]


async def test_the_client_ends_where_the_log_ends(gateway: Gateway) -> None:
    job_id = await finished(gateway, b"all of it\xff")
    received = [chunk async for chunk in gateway.client.follow_log(job_id, gateway.accounts.customer)]
    assert received == [LogChunk(1, 0, b"all of it\xff")]


async def test_only_the_customer_follows(gateway: Gateway) -> None:
    job_id = await finished(gateway, b"private")
    with pytest.raises(RefusedByGateway, match="belongs to"):
        await anext(gateway.client.follow_log(job_id, gateway.accounts.provider))


@pytest.mark.parametrize("event_id", ["", "x", "1", "1-", "-1-1", "1-x", "9" * 30 + "-1", str(2**40) + "-0", "1-1-1"])
async def test_an_event_id_that_is_none_is_refused(gateway: Gateway, event_id: str) -> None:
    job_id = await finished(gateway, b"x")
    knock = await challenged(gateway, job_id, gateway.accounts.customer, "read-log")
    headers = {**knock.header(), "Last-Event-ID": event_id}
    assert code(await gateway.http.get(f"/v1/jobs/{job_id}/log/follow", headers=headers)) == "invalid_request"


async def test_a_client_goes_on_behind_the_last_event_it_saw(gateway: Gateway) -> None:
    job_id = await finished(gateway, b"seen and new")
    knock = await challenged(gateway, job_id, gateway.accounts.customer, "read-log")
    headers = {**knock.header(), "Last-Event-ID": "1-8"}
    stream = (await gateway.http.get(f"/v1/jobs/{job_id}/log/follow", headers=headers)).text
    assert '"offset": 8' in stream
    assert '"offset": 0' not in stream


async def test_a_gateway_that_stops_lets_its_followers_go(gateway: Gateway) -> None:
    job_id = await gateway.job(JobStatus.RUNNING)
    async with following(gateway, job_id) as events:
        waiting = asyncio.ensure_future(anext(events, None))
        await asyncio.sleep(0)
        gateway.parts.wakeups.close()
        assert await waiting is None


async def test_where_the_chain_goes_away_under_a_follower_its_answer_ends_and_nothing_fails(gateway: Gateway) -> None:
    job_id = await gateway.job(JobStatus.RUNNING)
    knock = await challenged(gateway, job_id, gateway.accounts.customer, "read-log")
    path, reads = f"/v1/jobs/{job_id}/log/follow", gateway.chain.reads
    async with asyncio.TaskGroup() as group:
        answer = group.create_task(gateway.http.get(path, headers=knock.header()))
        while gateway.chain.reads == reads:  # the look at its door
            await asyncio.wait({answer}, timeout=0)
        gateway.chain.is_reachable = False
        while not answer.done():
            gateway.clock.advance(gateway.parts.settings.follow_poll_seconds)
            await asyncio.sleep(0)
    assert answer.result().status_code == 200
    assert "event: end" not in answer.result().text


async def finished(gateway: Gateway, output: bytes) -> JobId:
    """A job that printed `output` and is over, its log complete."""
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    client: GatewayClient = gateway.client
    await client.append_log(job_id, 1, 0, output, provider)
    await client.close_log(job_id, 1, len(output), provider)
    gateway.chain.put(job_id, JobStatus.FINISHED)
    await tidy(gateway)
    return job_id


async def passing_time(gateway: Gateway, events: AsyncIterator[Chunk | End | Heartbeat]) -> Chunk | End | Heartbeat:
    """The next event, while the clock goes on in small steps."""
    waiting = asyncio.ensure_future(anext(events))
    while not waiting.done():
        gateway.clock.advance(gateway.parts.settings.follow_poll_seconds)
        await asyncio.sleep(0)
    return await waiting


@pytest.mark.parametrize("is_kept", [True, False])
async def test_the_customer_is_told_whether_the_workflow_keeps_output(gateway: Gateway, is_kept: bool) -> None:
    line = f"enableLogging: {str(is_kept).lower()}\n"
    submission = await gateway.client.submit(line + WORKFLOW)
    customer = gateway.accounts.customer
    job_id = gateway.chain.request(customer.address, submission.script_hash)
    assert await gateway.client.is_logged(job_id, customer) is is_kept


async def test_nobody_but_the_customer_is_told_it(gateway: Gateway) -> None:
    job_id = await gateway.job()
    with pytest.raises(RefusedByGateway, match="belongs to"):
        await gateway.client.is_logged(job_id, gateway.accounts.provider)


async def test_once_the_script_is_deleted_nobody_can_tell(gateway: Gateway) -> None:
    job_id = gateway.chain.request(gateway.accounts.customer.address, "ab" * 32)
    assert await gateway.client.is_logged(job_id, gateway.accounts.customer) is None
