"""What every request meets first: one shape for every error, bounds on rates and bodies, a log without secrets."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.gateway.doors import Doors
from deepsquare.gateway.errors import StoreUnavailable
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.model import JobId
from deepsquare.web.ratelimit import RateLimit, client_key
from tests.gateway.conftest import URL, WORKFLOW, Accounts, Gateway, running
from tests.gateway.knocking import challenged, code
from tests.support.clock import ManualClock


async def test_every_kind_of_error_has_the_one_shape(gateway: Gateway) -> None:
    http, challenges = gateway.http, "/v1/jobs/1/challenges"
    answers = {
        "not_found": await http.get("/nothing/here"),
        "method_not_allowed": await http.delete("/v1/about"),
        "invalid_request": await http.post(challenges, json={"account": "nobody", "purpose": "fetch-script"}),
        "invalid_json": await http.post("/graphql", content=b"{"),
        "invalid_workflow": await http.post("/v1/workflows", content=b"steps: ["),
        "body_too_large": await http.post(challenges, content=b"x" * 100_000),
        "credentials_missing": await http.get("/v1/jobs/1/script"),
    }
    assert {name: code(answer) for name, answer in answers.items()} == {name: name for name in answers}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/jobs/zero/challenges"),
        ("POST", "/v1/jobs/0/challenges"),
        ("POST", f"/v1/jobs/{2**256}/challenges"),
        ("POST", "/v1/jobs/" + "9" * 5000 + "/challenges"),
    ],
)
async def test_a_number_that_is_no_job_is_refused(gateway: Gateway, method: str, path: str) -> None:
    wanted = {"account": gateway.accounts.customer.address, "purpose": "read-log"}
    assert code(await gateway.http.request(method, path, json=wanted)) == "invalid_request"


@pytest.mark.parametrize(
    "path",
    [
        "/log/0?offset=0",
        "/log/x?offset=0",
        "/log/1",
        "/log/1?offset=-1",
        "/log/1?offset=1e3",
        "/log/1?offset=" + "9" * 40,
        "/log/1/close",
        "/log/1/close?length=x",
        f"/log/{2**63}?offset=0",
    ],
)
async def test_numbers_out_of_bounds_are_refused_before_anything_is_stored(gateway: Gateway, path: str) -> None:
    job_id = await gateway.job()
    await gateway.client.append_log(job_id, 1, 0, b"x", gateway.accounts.provider)
    header = (await challenged(gateway, job_id, gateway.accounts.provider)).header()
    answer = await gateway.http.post(f"/v1/jobs/{job_id}{path}", headers=header)
    assert code(answer) == "invalid_request"


async def test_values_of_a_request_are_not_repeated_in_errors(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/jobs/1/challenges", json={"account": "hunter2", "purpose": "hunter2"})
    assert "hunter2" not in answer.text


async def test_what_nobody_foresaw_is_a_number_for_the_operator_and_nothing_else(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_self: object) -> None:
        raise ZeroDivisionError("the inside")

    monkeypatch.setattr(type(gateway.parts.database), "cursor", fail)
    answer = await gateway.http.get("/healthz")
    assert (answer.status_code, code(answer)) == (500, "internal_error")
    assert "inside" not in answer.text
    assert answer.json()["error"]["request_id"] in caplog.text


async def test_a_store_that_does_not_answer_is_for_later_and_its_reason_stays_inside(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: object) -> None:
        raise StoreUnavailable("disk /dev/sda1 is full")

    monkeypatch.setattr(type(gateway.parts.database), "cursor", fail)
    answer = await gateway.http.get("/healthz")
    assert (answer.status_code, code(answer)) == (503, "store_unavailable")
    assert answer.headers["retry-after"]
    assert "sda1" not in answer.text


async def test_a_client_that_asks_too_often_waits_as_long_as_it_is_told(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    slow = settings.model_copy(update={"requests_per_second": 0.5, "requests_burst": 3})
    async with running(slow, accounts) as gateway:
        answers = [await gateway.http.get("/v1/about") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert code(answers[-1]) == "too_many_requests"
        gateway.clock.advance(float(answers[-1].headers["retry-after"]))
        assert (await gateway.http.get("/v1/about")).status_code == 200
        other = httpx.ASGITransport(gateway.app, client=("198.51.100.7", 1))
        async with httpx.AsyncClient(transport=other, base_url=URL) as neighbour:
            assert (await neighbour.get("/v1/about")).status_code == 200


@given(hosts=st.lists(st.ip_addresses().map(str), max_size=200))
def test_memory_for_rates_is_bounded_whoever_comes(hosts: list[str]) -> None:
    limit = RateLimit(ManualClock(), per_second=1, burst=1, tracked=10)
    for host in hosts:
        limit.take(client_key(host))
    assert len(limit) <= 10


def test_an_ipv6_customer_is_one_client_however_many_addresses_they_use() -> None:
    assert client_key("2001:db8::1") == client_key("2001:db8::ffff:1:2:3")
    assert client_key("2001:db8::1") != client_key("2001:db8:0:1::1")
    assert client_key("::ffff:192.0.2.1") == client_key("192.0.2.1")


async def test_a_body_is_bounded_also_where_its_length_is_not_declared(gateway: Gateway) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"#" * 10_000

    answer = await gateway.http.post("/v1/workflows", content=endless())
    assert (answer.status_code, code(answer)) == (413, "body_too_large")


async def test_the_bound_of_a_body_is_that_of_its_door(gateway: Gateway) -> None:
    settings = gateway.parts.settings
    for path, bound in (
        ("/v1/workflows", settings.workflow_bytes),
        ("/graphql", settings.workflow_bytes),
        ("/v1/jobs/1/log/1", settings.append_bytes),
        ("/v1/jobs/1/challenges", settings.other_body_bytes),
        ("/v1/jobs/1/log/1/close", settings.other_body_bytes),
    ):
        assert (await gateway.http.post(path, content=b" " * (bound + 1))).status_code == 413
        assert (await gateway.http.post(path, content=b" " * bound)).status_code != 413


async def test_nothing_secret_is_logged(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    job_id = await gateway.job()
    await gateway.client.fetch_script(job_id, gateway.accounts.provider)
    await gateway.client.append_log(job_id, 1, 0, b"my output", gateway.accounts.provider)
    await gateway.http.post("/v1/workflows", content=WORKFLOW.replace("echo hello", "'").encode())
    await gateway.http.get("/v1/about?token=hunter2")
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("deepsquare"))
    assert f"GET /v1/jobs/{job_id}/script 200" in ours
    for secret in ("hunter2", "my output", "echo hello", "signature", "nonce"):
        assert secret not in ours


async def test_a_path_cannot_write_lines_into_the_log(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await gateway.http.get("/v1/%0aFAKE")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("deepsquare.gateway.access")]
    assert ours
    assert all("\n" not in line for line in ours)


async def test_pages_of_other_origins_may_not_call_unless_configured(
    settings: GatewaySettings, accounts: Accounts, gateway: Gateway
) -> None:
    origin = {"Origin": "https://app.example.org"}
    assert "access-control-allow-origin" not in (await gateway.http.get("/v1/about", headers=origin)).headers
    async with running(settings.model_copy(update={"cors_origins": (origin["Origin"],)}), accounts) as opened:
        answer = await opened.http.get("/v1/about", headers=origin)
        refused = await opened.http.get("/v1/jobs/1/script", headers=origin)
    assert answer.headers["access-control-allow-origin"] == origin["Origin"]
    assert refused.headers["access-control-allow-origin"] == origin["Origin"]


async def test_answers_are_neither_cached_nor_guessed_at(gateway: Gateway) -> None:
    headers = (await gateway.http.get("/v1/about")).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


async def test_there_is_no_way_in_beside_http(settings: GatewaySettings) -> None:
    async def inner(*_: object) -> None:
        raise AssertionError("nothing but HTTP may reach the application")

    async def nothing() -> dict[str, str]:
        return {}

    doors = Doors(inner, settings, ManualClock())
    await doors({"type": "websocket", "path": "/graphql"}, nothing, inner)


async def test_a_follower_too_many_is_told_so(settings: GatewaySettings, accounts: Accounts) -> None:
    async with running(settings.model_copy(update={"followers": 1}), accounts) as gateway:
        job_id = await gateway.job()
        with gateway.parts.wakeups.listen(JobId(99)):
            knock = await challenged(gateway, job_id, accounts.customer, "read-log")
            answer = await gateway.http.get(f"/v1/jobs/{job_id}/log/follow", headers=knock.header())
    assert (answer.status_code, code(answer)) == (503, "too_many_followers")
