"""An answer that used up a challenge carries the next one: good once, for one account and purpose, and not for long."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from deepsquare.gateway.client import GatewayClient
from deepsquare.gateway.credentials import CHALLENGE_HEADER, handed_on
from deepsquare.gateway.errors import RefusedByGateway, UnexpectedAnswer
from deepsquare.gateway.held_challenges import HELD_CHALLENGES, HeldChallenges
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.gateway.signing import Challenge, SigningDomain
from deepsquare.model import Address, JobStatus
from tests.gateway.conftest import URL, Accounts, Gateway, running
from tests.gateway.knocking import Knock, challenged, code
from tests.gateway.test_access import fetch
from tests.support.clock import ManualClock


async def next_knock(gateway: Gateway, purpose: str = "fetch-script") -> Knock:
    """The challenge that was handed on to the provider with a script, ready to be answered for another job."""
    answer = await fetch(gateway, await challenged(gateway, await gateway.job(), gateway.accounts.provider))
    challenge = handed_on(answer.headers[CHALLENGE_HEADER])
    return Knock(await gateway.job(), gateway.accounts.provider, challenge, purpose)


@contextmanager
def counted(gateway: Gateway) -> Iterator[list[str]]:
    """The last word of each path that is asked for: `challenges`, `script`, `log`."""
    asked: list[str] = []

    async def count(request: httpx.Request) -> None:
        asked.append(request.url.path.rpartition("/")[2])

    gateway.http.event_hooks = {**gateway.http.event_hooks, "request": [count]}
    yield asked
    gateway.http.event_hooks = {}


async def test_a_challenge_that_was_handed_on_serves_one_request_about_any_job(gateway: Gateway) -> None:
    knock = await next_knock(gateway)
    assert (await fetch(gateway, knock)).status_code == 200
    assert code(await fetch(gateway, knock)) == "challenge_used"
    assert code(await fetch(gateway, knock.but(job_id=await gateway.job()))) == "challenge_used"


async def test_its_answer_is_good_for_the_job_that_was_signed_alone(gateway: Gateway) -> None:
    knock = await next_knock(gateway)
    assert code(await fetch(gateway, knock, await gateway.job())) == "credentials_invalid"


async def test_it_is_good_for_no_other_purpose(gateway: Gateway) -> None:
    knock = await next_knock(gateway, "read-log")
    answer = await gateway.http.get(f"/v1/jobs/{knock.job_id}/log", headers=knock.header())
    assert code(answer) == "challenge_invalid"


async def test_it_is_good_for_no_other_account(gateway: Gateway) -> None:
    knock = await next_knock(gateway)
    assert code(await fetch(gateway, knock.but(signer=gateway.accounts.other_provider))) == "challenge_invalid"


async def test_it_is_late_as_soon_as_any_other(gateway: Gateway) -> None:
    knock = await next_knock(gateway)
    gateway.clock.advance(gateway.parts.settings.challenge_seconds)
    assert code(await fetch(gateway, knock)) == "challenge_expired"


async def test_it_is_used_for_every_process_of_the_gateway_and_good_after_a_restart(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    async with running(settings, accounts) as one:
        knock = await next_knock(one)
    async with running(settings, accounts, one.chain) as two, running(settings, accounts, one.chain) as three:
        assert (await fetch(two, knock)).status_code == 200
        assert code(await fetch(three, knock)) == "challenge_used"


async def test_every_door_that_asks_for_a_challenge_hands_the_next_one_on(gateway: Gateway) -> None:
    job_id, who = await gateway.job(JobStatus.RUNNING), gateway.accounts
    await gateway.client.append_log(job_id, 1, 0, b"all", who.provider)
    await gateway.client.close_log(job_id, 1, 3, who.provider)
    fetching = await challenged(gateway, job_id, who.provider)
    nonces = {handed_on((await fetch(gateway, fetching)).headers[CHALLENGE_HEADER]).nonce}
    gateway.chain.put(job_id, JobStatus.FINISHED)
    for path in ("log", "log/follow", "logging"):
        reading = await challenged(gateway, job_id, who.customer, "read-log")
        answer = await gateway.http.get(f"/v1/jobs/{job_id}/{path}", headers=reading.header())
        nonces.add(handed_on(answer.headers[CHALLENGE_HEADER]).nonce)
    assert len(nonces) == 4


async def test_who_is_not_let_in_gets_none(gateway: Gateway) -> None:
    job_id = await gateway.job()
    answers = [
        await fetch(gateway, await challenged(gateway, job_id, gateway.accounts.stranger)),
        await gateway.http.get(f"/v1/jobs/{job_id}/script"),
    ]
    assert [answer.status_code for answer in answers] == [403, 401]
    assert not any(CHALLENGE_HEADER in answer.headers for answer in answers)


async def test_openapi_tells_where_the_next_challenge_is(gateway: Gateway) -> None:
    paths = (await gateway.http.get("/openapi.json")).json()["paths"]
    told = {path for path in paths if CHALLENGE_HEADER in str(paths[path].get("get", {}).get("responses"))}
    assert told == {f"/v1/jobs/{{job_id}}/{path}" for path in ("script", "log", "log/follow", "logging")}


async def test_a_client_asks_for_a_challenge_only_at_first(gateway: Gateway) -> None:
    jobs = [await gateway.job() for _ in range(3)]
    with counted(gateway) as asked:
        for job_id in jobs:
            await gateway.client.fetch_script(job_id, gateway.accounts.provider)
    assert asked == ["challenges", "script", "script", "script"]


async def test_requests_at_the_same_time_have_a_challenge_each(gateway: Gateway) -> None:
    jobs = [await gateway.job() for _ in range(4)]

    async def fetch_all() -> None:
        await asyncio.gather(*(gateway.client.fetch_script(job_id, gateway.accounts.provider) for job_id in jobs))

    with counted(gateway) as asked:
        await fetch_all()
        await fetch_all()
    assert asked.count("challenges") == 4
    assert asked.count("script") == 8


async def test_a_client_keeps_challenges_of_accounts_and_purposes_apart(gateway: Gateway) -> None:
    job_id, who = await gateway.job(JobStatus.RUNNING), gateway.accounts
    await gateway.client.append_log(job_id, 1, 0, b"hello", who.provider)
    with counted(gateway) as asked:
        for _ in range(2):
            await gateway.client.fetch_script(job_id, who.provider)
            assert await gateway.client.read_log(job_id, who.customer) == b"hello"
    assert asked == ["challenges", "script", "challenges", "log", "script", "log"]


async def test_a_client_asks_again_where_the_one_it_holds_is_late(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(), gateway.accounts.provider
    await gateway.client.fetch_script(job_id, provider)
    gateway.clock.advance(gateway.parts.settings.challenge_seconds)
    with counted(gateway) as asked:
        await gateway.client.fetch_script(job_id, provider)
    assert asked == ["challenges", "script"]


async def test_a_client_whose_clock_is_behind_asks_again_where_the_gateway_calls_it_late(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(), gateway.accounts.provider
    slow = GatewayClient(URL, SigningDomain.of(gateway.chain.grid), http=gateway.http, clock=ManualClock())
    await slow.fetch_script(job_id, provider)
    gateway.clock.advance(gateway.parts.settings.challenge_seconds)
    with counted(gateway) as asked:
        assert "echo hello" in await slow.fetch_script(job_id, provider)
    assert asked == ["script", "challenges", "script"]


async def test_a_client_of_a_gateway_with_a_new_database_asks_again_once(
    settings: GatewaySettings, accounts: Accounts, tmp_path: object
) -> None:
    async with running(settings, accounts) as before:
        jobs = [await before.job() for _ in range(2)]
        await asyncio.gather(*(before.client.fetch_script(job_id, accounts.provider) for job_id in jobs))
    elsewhere = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/elsewhere.sqlite"})
    async with running(elsewhere, accounts, before.chain) as after:
        before.client._http = after.http
        job_id = await after.job()
        with counted(after) as asked:
            await before.client.fetch_script(job_id, accounts.provider)
            await before.client.fetch_script(job_id, accounts.provider)
    assert asked == ["script", "challenges", "script", "script"], "all that it held were of the old one"


async def test_a_refusal_for_another_reason_is_told_at_once(gateway: Gateway) -> None:
    job_id = await gateway.job()
    await gateway.client.fetch_script(job_id, gateway.accounts.provider)
    gateway.chain.put(job_id, JobStatus.FINISHED)
    with counted(gateway) as asked, pytest.raises(RefusedByGateway, match="is FINISHED"):
        await gateway.client.fetch_script(job_id, gateway.accounts.provider)
    assert asked == ["script"]


async def test_a_gateway_that_takes_no_challenge_at_all_is_asked_twice_and_no_more(gateway: Gateway) -> None:
    async def be_late(response: httpx.Response) -> None:
        if response.url.path.endswith("/challenges"):
            gateway.clock.advance(gateway.parts.settings.challenge_seconds)

    job_id = await gateway.job()
    gateway.http.event_hooks = {"response": [be_late]}
    with counted(gateway) as asked, pytest.raises(RefusedByGateway) as refused:
        await gateway.client.fetch_script(job_id, gateway.accounts.provider)
    assert (refused.value.code, asked) == ("challenge_expired", ["challenges", "script"] * 2)


@pytest.mark.parametrize(
    "header", ["", "next", 'nonce="", expires_at="1"', 'nonce="x"', 'nonce="x", expires_at="soon"']
)
async def test_a_challenge_that_cannot_be_read_is_no_gateway_of_ours(gateway: Gateway, header: str) -> None:
    async def spoil(response: httpx.Response) -> None:
        if CHALLENGE_HEADER in response.headers:
            response.headers[CHALLENGE_HEADER] = header

    job_id = await gateway.job()
    gateway.http.event_hooks = {"response": [spoil]}
    with pytest.raises(UnexpectedAnswer, match="that cannot be read"):
        await gateway.client.fetch_script(job_id, gateway.accounts.provider)


def test_the_stock_is_bounded_and_gives_the_newest_once() -> None:
    clock, stock = ManualClock(), HeldChallenges()
    expires_at = clock.now().replace(year=2100)
    account = Address("0x" + "1" * 40)
    for number in range(HELD_CHALLENGES + 10):
        stock.keep(account, "fetch-script", Challenge(str(number), expires_at))
    taken = [stock.take(account, "fetch-script", clock.now()) for _ in range(HELD_CHALLENGES + 1)]
    newest_first = [str(number) for number in range(HELD_CHALLENGES + 9, 9, -1)]
    assert [challenge.nonce for challenge in taken if challenge is not None] == newest_first
