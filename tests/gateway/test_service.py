"""The service as others meet it: over HTTP on loopback, on the real contracts, stopped and started again."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from deepsquare.chain import Report
from deepsquare.clock import SystemClock
from deepsquare.gateway import client as client_module
from deepsquare.gateway.client import GatewayClient, LogChunk
from deepsquare.gateway.errors import GatewayUnreachable, RefusedByGateway, UnexpectedAnswer, WrongStore
from deepsquare.gateway.service import GatewayService
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.gateway.signing import SigningDomain
from deepsquare.model import WEI_PER_CREDIT, Hardware, JobDefinition, JobId, JobStatus, Node, Prices
from deepsquare.web import server
from tests.gateway.chain_double import CHAIN_ID, CONTRACT
from tests.gateway.conftest import WORKFLOW
from tests.support.chain import FreshGrid, fresh_grid, signer


@asynccontextmanager
async def serving(grid: FreshGrid, settings: GatewaySettings) -> AsyncIterator[GatewayClient]:
    """A gateway that listens on a port of the system's choice."""
    service = GatewayService(settings, grid.ledger, SystemClock())
    running = asyncio.create_task(service.run())
    started = asyncio.create_task(service.started.wait())
    await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    if running.done():
        await running
    try:
        async with GatewayClient(service.url, SigningDomain.of(grid.address)) as client:
            yield client
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def grid() -> AsyncIterator[FreshGrid]:
    async with fresh_grid() as grid:
        await grid.customer_account.allow(100 * WEI_PER_CREDIT)
        await grid.join(grid.providers[0], Hardware((Node(4, 8_000),)), Prices(0, 10**15, 0))
        yield grid


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    """Nothing waits long here: graces are short, because the service runs on the system's clock."""
    return GatewaySettings(
        port=0,
        database_url=f"sqlite:///{tmp_path}/gateway.sqlite",
        script_grace_seconds=0,
        log_end_grace_seconds=0,
    )


async def running_job(grid: FreshGrid, client: GatewayClient) -> JobId:
    """A submitted workflow that the provider runs."""
    submission = await client.submit(WORKFLOW)
    definition = JobDefinition(1, 1, 64, 0, submission.script_hash)
    job_id = (await grid.customer_account.request_job(definition, WEI_PER_CREDIT, "hello")).job_id
    await grid.scheduler_account.assign([(job_id, grid.providers[0].address)])
    assert await grid.provider_account().claim([job_id]) == {job_id}
    await grid.provider_account().report([Report(job_id, JobStatus.RUNNING, grid.clock.now(), 0, "")])
    return job_id


async def end(grid: FreshGrid, job_id: JobId) -> None:
    grid.clock.advance(10)
    await grid.provider_account().report([Report(job_id, JobStatus.FINISHED, grid.clock.now(), 0, "")])


async def test_one_job_from_submission_to_the_end_of_its_log(grid: FreshGrid, settings: GatewaySettings) -> None:
    provider, customer = signer("provider one"), signer("customer")
    async with serving(grid, settings) as client:
        job_id = await running_job(grid, client)
        script = await client.fetch_script(job_id, provider)
        assert hashlib.sha256(script.encode()).hexdigest() == (await grid.ledger.job(job_id)).definition.script_hash
        for stranger in (signer("provider two"), customer, signer("nobody")):
            with pytest.raises(RefusedByGateway):
                await client.fetch_script(job_id, stranger)

        log = client.follow_log(job_id, customer)
        first = asyncio.ensure_future(anext(log))
        await client.append_log(job_id, 1, 0, b"hello\n", provider)
        assert await first == LogChunk(1, 0, b"hello\n")
        await client.close_log(job_id, 1, 6, provider)
        await end(grid, job_id)
        assert [chunk async for chunk in log] == []
        with pytest.raises(RefusedByGateway, match="FINISHED"):
            await client.fetch_script(job_id, provider)


async def test_a_restart_under_a_follower_loses_no_byte(grid: FreshGrid, settings: GatewaySettings) -> None:
    provider, customer = signer("provider one"), signer("customer")
    async with serving(grid, settings) as client:
        port = httpx.URL(client.url).port
        job_id = await running_job(grid, client)
        patient = GatewayClient(client.url, SigningDomain.of(grid.address))
        log = patient.follow_log(job_id, customer)
        first = asyncio.ensure_future(anext(log))
        await client.append_log(job_id, 1, 0, b"before ", provider)
        assert (await first).data == b"before "
    rest = asyncio.ensure_future(collected(log))
    async with serving(grid, settings.model_copy(update={"port": port})) as client:
        await client.append_log(job_id, 1, 7, b"after", provider)
        await client.close_log(job_id, 1, 12, provider)
        await end(grid, job_id)
        assert await rest == [LogChunk(1, 7, b"after")]
        await patient.close()


async def test_a_request_that_is_not_over_when_the_gateway_stops_is_told_to_come_again(
    grid: FreshGrid, settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "GOODBYE_SECONDS", 0)
    head = b"POST /v1/workflows HTTP/1.1\r\nHost: gateway\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    async with serving(grid, settings) as client:
        url = httpx.URL(client.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"code":"stopping"' in answer
    assert not [record for record in caplog.records if record.exc_info]


async def collected(log: AsyncIterator[LogChunk]) -> list[LogChunk]:
    return [chunk async for chunk in log]


async def test_a_database_of_another_grid_is_refused(grid: FreshGrid, settings: GatewaySettings) -> None:
    async with serving(grid, settings):
        pass
    async with fresh_grid() as other:
        other.ledger.grid = replace(grid.address, chain_id=grid.address.chain_id + 1)
        with pytest.raises(WrongStore, match="another grid"):
            async with serving(other, settings):
                pass


async def test_a_gateway_that_is_not_there_is_for_later(grid: FreshGrid, settings: GatewaySettings) -> None:
    async with serving(grid, settings) as client:
        url = client.url
    async with GatewayClient(url, SigningDomain.of(grid.address)) as client:
        with pytest.raises(GatewayUnreachable) as unreachable:
            await client.submit(WORKFLOW)
    assert unreachable.value.transient


async def test_a_gateway_that_is_away_is_told_of_once_by_whoever_follows_and_once_that_it_is_back(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "RECONNECT_SECONDS", 0)
    challenge = {"nonce": "n", "expires_at": 1893456000, "chain_id": CHAIN_ID, "contract": CONTRACT}
    absences = 5

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal absences
        if absences:
            absences -= 1
            raise httpx.ConnectError("nobody there")
        if request.method == "POST":
            return httpx.Response(200, json=challenge)
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, text="event: end\ndata: {}\n\n")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        client = GatewayClient("http://127.0.0.1:1", SigningDomain(CHAIN_ID, CONTRACT), http=http)
        assert await collected(client.follow_log(JobId(1), signer("customer"))) == []
    assert [message.partition(":")[0] for message in caplog.messages] == ["following logs", "following logs"]
    assert "nobody there" in caplog.messages[0]
    assert caplog.messages[0].endswith("; trying again every 0 s")
    assert caplog.messages[1].endswith("all is well again")


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (200, "<html>", UnexpectedAnswer),
        (200, "[]", UnexpectedAnswer),
        (200, '{"hash": 1}', UnexpectedAnswer),
        (404, "<html>", UnexpectedAnswer),
        (502, "<html>", GatewayUnreachable),
        (418, '{"error": {}}', UnexpectedAnswer),
    ],
)
async def test_what_is_no_gateway_is_recognised(status: int, text: str, kind: type[Exception]) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text=text)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(kind):
            await GatewayClient("http://127.0.0.1:1", SigningDomain(CHAIN_ID, CONTRACT), http=http).submit(WORKFLOW)


async def test_a_request_whose_connection_the_gateway_had_closed_is_made_again() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) == 1:
            raise httpx.ReadError("closed")
        return httpx.Response(200, json={"hash": "ab" * 32, "salt": "cd" * 32, "warnings": [], "modules": {}})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        client = GatewayClient("http://127.0.0.1:1", SigningDomain(CHAIN_ID, CONTRACT), http=http)
        assert (await client.submit(WORKFLOW)).script_hash == "ab" * 32
    assert asked == ["/v1/workflows", "/v1/workflows"]
