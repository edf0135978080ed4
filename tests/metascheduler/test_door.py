"""The meta-scheduler's door: reasons for anybody, status from providers alone."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from deepsquare.chain import EventReader
from deepsquare.metascheduler.client import MetaSchedulerClient, StatusSender, survey
from deepsquare.metascheduler.door import ROUTES, create_app
from deepsquare.metascheduler.service import MetaScheduler
from deepsquare.metascheduler.settings import MetaSchedulerSettings
from deepsquare.metascheduler.status import ProviderStatus, StatusDomain
from deepsquare.model import WEI_PER_CREDIT, Address, Hardware, JobDefinition, JobId, Node, Prices
from deepsquare.scheduling import Offer, Rejection
from deepsquare.web.errors import RefusedByService, ServiceUnreachable
from tests.support.chain import FreshGrid, fresh_grid, signer

SMALL = JobDefinition(tasks=1, cpus_per_task=1, memory_per_cpu_mb=100, gpus=0, script_hash="ab" * 32)
NODE = Node(4, 8_000)
SETTINGS = MetaSchedulerSettings(status_seconds=60)
ONE = signer("provider one")


async def _populate(grid: FreshGrid) -> None:
    for number in (0, 1):
        prices = Prices(0, (number + 1) * WEI_PER_CREDIT, 0)
        await grid.join(grid.providers[number], Hardware((NODE, NODE)), prices)
        await grid.provider_account(number).heartbeat()
    await grid.customer_account.allow(500 * WEI_PER_CREDIT)


class Door:
    """A meta-scheduler, and its door without a network in between."""

    def __init__(self, grid: FreshGrid) -> None:
        self.grid = grid
        self.domain = StatusDomain.of(grid.address)
        reader = EventReader(grid.ledger, clock=grid.clock)
        self.scheduler = MetaScheduler(grid.ledger, grid.scheduler_account, reader, grid.clock, settings=SETTINGS)
        self.app = create_app(self.scheduler, SETTINGS, self.domain, grid.clock)
        transport = httpx.ASGITransport(self.app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://door")
        self.client = MetaSchedulerClient("http://door", http=self.http)

    async def say(self, *nodes: Node, later_ms: int = 0) -> None:
        """The first provider says which of its machines may be used."""
        await self.client.tell(self.status(*nodes, later_ms=later_ms), self.domain, ONE)

    def status(self, *nodes: Node, later_ms: int = 0) -> ProviderStatus:
        now_ms = int(self.grid.clock.now().timestamp() * 1000)
        return ProviderStatus(ONE.address, now_ms + later_ms, bool(nodes), 0, 0, nodes)

    async def request(self, cpus: int = 1, tasks: int = 1) -> JobId:
        definition = replace(SMALL, cpus_per_task=cpus, tasks=tasks)
        return (await self.grid.customer_account.request_job(definition, 20 * WEI_PER_CREDIT, "job")).job_id

    async def place(self, job: JobId) -> Address | None:
        await self.scheduler.round()
        return (await self.grid.ledger.job(job)).provider


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with fresh_grid(_populate) as grid:
        made = Door(grid)
        await made.scheduler.round()
        yield made
        await made.http.aclose()


async def answer(door: Door, method: str, path: str, **arguments: Any) -> tuple[int, Any]:
    response = await door.http.request(method, path, **arguments)
    return response.status_code, response.json() if response.content else None


async def test_a_provider_that_says_that_it_is_drained_gets_nothing_from_the_next_round_on(door: Door) -> None:
    await door.say()
    job = await door.request()
    assert await door.place(job) == door.grid.providers[1].address


async def test_a_drained_cluster_says_so_to_those_who_ask_why(door: Door) -> None:
    await door.say()
    job = await door.request(cpus=4, tasks=2)
    await door.request(cpus=4, tasks=2)
    await door.scheduler.round()
    await door.scheduler.round()
    assert (await door.grid.ledger.job(job)).provider is not None
    _, found = await answer(door, "GET", f"/v1/jobs/{job + 1}/reasons")
    assert {row["provider"]: row["rule"] for row in found["answers"]} == {
        door.grid.providers[0].address: "drained",
        door.grid.providers[1].address: "free-resources",
    }


async def test_machines_that_are_down_are_not_counted_on(door: Door) -> None:
    await door.say(NODE)
    wide = await door.request(cpus=4, tasks=2)
    assert await door.place(wide) == door.grid.providers[1].address


async def test_machines_that_come_back_are_used_again(door: Door) -> None:
    await door.say(NODE)
    await door.scheduler.round()
    await door.say(NODE, NODE, later_ms=1)
    wide = await door.request(cpus=4, tasks=2)
    assert await door.place(wide) == door.grid.providers[0].address


async def test_a_provider_cannot_say_that_it_is_larger_than_it_is_registered(door: Door) -> None:
    await door.say(*(NODE,) * 5, Node(64, 64_000))
    wide = await door.request(cpus=4, tasks=3)
    assert await door.place(wide) is None


async def test_what_a_provider_said_is_forgotten_after_a_while(door: Door) -> None:
    await door.say()
    door.grid.clock.advance(SETTINGS.status_seconds)
    for number in (0, 1):
        await door.grid.provider_account(number).heartbeat()
    job = await door.request()
    assert await door.place(job) == door.grid.providers[0].address


async def test_a_status_counts_once(door: Door) -> None:
    body = door.status(NODE).body(door.domain.sign(door.status(NODE).message(), ONE))
    assert (await answer(door, "POST", "/v1/status", json=body))[0] == 204
    status, error = await answer(door, "POST", "/v1/status", json=body)
    assert (status, error["error"]["code"]) == (409, "status_outdated")


@pytest.mark.parametrize("seconds", [-60, 60, 2**42])
async def test_a_status_of_another_time_does_not_count(door: Door, seconds: int) -> None:
    with pytest.raises(RefusedByService, match="not of now"):
        await door.say(NODE, later_ms=seconds * 1000)


async def test_nobody_speaks_for_a_provider(door: Door) -> None:
    with pytest.raises(RefusedByService, match="the signature of this status is not"):
        await door.client.tell(door.status(), door.domain, signer("provider two"))


@pytest.mark.parametrize("change", [{"chain_id": 1}, {"contract": "0x" + "1" * 40}])
async def test_a_status_for_another_grid_does_not_count(door: Door, change: dict[str, Any]) -> None:
    with pytest.raises(RefusedByService, match="the signature of this status is not"):
        await door.client.tell(door.status(), replace(door.domain, **change), ONE)


@pytest.mark.parametrize(
    "change", [{"takes_jobs": False}, {"running": 7}, {"queued": 7}, {"nodes": []}, {"sent_at_ms": 1}]
)
async def test_everything_in_a_status_is_signed(door: Door, change: dict[str, Any]) -> None:
    body = door.status(NODE).body(door.domain.sign(door.status(NODE).message(), ONE)) | change
    status, error = await answer(door, "POST", "/v1/status", json=body)
    assert (status, error["error"]["code"]) == (401, "credentials_invalid")


async def test_who_is_no_provider_is_not_heard(door: Door) -> None:
    stranger = signer("customer")
    with pytest.raises(RefusedByService, match="no approved provider"):
        await door.client.tell(replace(door.status(NODE), provider=stranger.address), door.domain, stranger)


async def test_a_sender_tells_what_it_is_told(door: Door) -> None:
    sender = StatusSender(door.client, door.domain, ONE, door.grid.clock)
    await sender.tell(running=1, queued=2, nodes=())
    assert await door.place(await door.request()) == door.grid.providers[1].address


async def test_a_job_that_waits_says_what_each_provider_answers(door: Door) -> None:
    job = await door.request(cpus=64)
    await door.scheduler.round()
    status, found = await answer(door, "GET", f"/v1/jobs/{job}/reasons")
    assert status == 200
    assert (found["job"], found["status"], found["provider"], found["before"]) == (job, "PENDING", None, 0)
    assert {row["rule"] for row in found["answers"]} == {"size"}
    assert all("64 CPUs" in row["message"] and row["help"] for row in found["answers"])


async def test_a_job_that_is_held_says_who_has_it(door: Door) -> None:
    job = await door.request()
    await door.scheduler.round()
    await door.scheduler.round()
    _, found = await answer(door, "GET", f"/v1/jobs/{job}/reasons")
    assert found == {
        "job": job,
        "status": "META_SCHEDULED",
        "provider": door.grid.providers[0].address,
        "before": None,
        "answers": [],
    }


async def test_only_jobs_that_go_before_it_are_told_to_be_before_a_job(door: Door) -> None:
    first, second, third = [await door.request(cpus=4, tasks=2) for _ in range(3)]
    last = await door.request(cpus=4, tasks=2)
    await door.scheduler.round()
    assert [(await door.grid.ledger.job(job)).provider is None for job in (first, second, third)] == [
        False,
        False,
        True,
    ]
    told = {
        job: {reason.message for reason in door.scheduler.why(job) if isinstance(reason, Rejection)}
        for job in (third, last)
    }
    assert told == {third: {"busy with 1 job"}, last: {"busy with 1 job, and 1 job of the queue before it"}}


async def test_a_client_reads_the_same_reasons(door: Door) -> None:
    job = await door.request(cpus=64)
    await door.scheduler.round()
    view = await survey(door.grid.ledger, door.grid.clock)
    answers = await door.client.reasons(job, view.sites(door.grid.clock.now()))
    assert [given for _, given, _ in answers] == door.scheduler.why(job)


async def test_a_client_reads_offers(door: Door) -> None:
    job = await door.request()
    # What is asked for between two rounds: the job waits, and both could take it.
    await door.scheduler._view.refresh()
    door.scheduler._board.follow(door.scheduler._view, {}, door.grid.clock.now())
    view = await survey(door.grid.ledger, door.grid.clock)
    answers = await door.client.reasons(job, view.sites(door.grid.clock.now()))
    assert [is_chosen for _, _, is_chosen in answers] == [True, False]
    assert all(isinstance(given, Offer) for _, given, _ in answers)
    assert [given for _, given, _ in answers] == door.scheduler.why(job)


async def test_a_job_that_nobody_knows_is_refused(door: Door) -> None:
    status, error = await answer(door, "GET", "/v1/jobs/99/reasons")
    assert (status, error["error"]["code"]) == (404, "job_unknown")


async def test_before_the_chain_is_read_nothing_is_said(door: Door) -> None:
    door.scheduler._is_ready = False
    status, error = await answer(door, "GET", "/v1/jobs/1/reasons")
    assert (status, error["error"]["code"]) == (503, "starting")
    assert await answer(door, "GET", "/healthz") == (200, {"ready": False})


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/docs", "not_found"),
        ("GET", "/v1/status", "method_not_allowed"),
        ("GET", "/v1/jobs/seven/reasons", "invalid_request"),
        ("POST", "/v1/status", "invalid_request"),
    ],
)
async def test_what_is_not_offered_is_refused_in_one_shape(door: Door, method: str, path: str, code: str) -> None:
    status, error = await answer(door, method, path)
    assert status in (404, 405, 422)
    assert error["error"].keys() == {"code", "message", "hint", "request_id"}
    assert error["error"]["code"] == code


async def test_a_body_that_is_too_long_is_refused(door: Door) -> None:
    status, error = await answer(door, "POST", "/v1/status", content=b" " * (SETTINGS.body_bytes + 1))
    assert (status, error["error"]["code"]) == (413, "body_too_large")


async def test_who_asks_too_often_waits(door: Door) -> None:
    for _ in range(SETTINGS.requests_burst):
        assert (await door.http.get("/healthz")).status_code == 200
    assert (await door.http.get("/healthz")).status_code == 429


def routes(door: Door) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, of in door.app.openapi()["paths"].items() for method in of}


async def test_every_route_is_listed_and_described(door: Door) -> None:
    assert routes(door) | {("GET", "/openapi.json")} == ROUTES
    _, found = await answer(door, "GET", "/openapi.json")
    assert "Reasons" in found["components"]["schemas"]


async def test_a_door_that_is_not_there_is_unreachable() -> None:
    def nobody(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with httpx.AsyncClient(transport=httpx.MockTransport(nobody)) as http:
        with pytest.raises(ServiceUnreachable):
            await MetaSchedulerClient("http://door", http=http).reasons(JobId(1), [])


async def test_something_else_at_the_address_is_no_meta_scheduler() -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="hello"))) as http:
        with pytest.raises(ServiceUnreachable, match="no meta-scheduler"):
            await MetaSchedulerClient("http://door", http=http).reasons(JobId(1), [])
