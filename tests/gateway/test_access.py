"""Default deny: who knocks proves who they are, once, here, for one purpose, for one job; the chain decides."""

from datetime import timedelta

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from deepsquare.gateway.access import DOORS, Door
from deepsquare.gateway.client import GatewayClient
from deepsquare.gateway.errors import WrongGrid
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.gateway.signing import SigningDomain
from deepsquare.model import Address, JobId, JobStatus
from tests.gateway.chain_double import CHAIN_ID, CONTRACT
from tests.gateway.conftest import URL, Accounts, Gateway, running
from tests.gateway.knocking import Knock, challenged, code

PUBLIC = {
    "/graphql",
    "/healthz",
    "/openapi.json",
    "/v1/about",
    "/v1/jobs/{job_id}/challenges",
    "/v1/workflows",
    "/v1/workflows/validate",
}


async def fetch(gateway: Gateway, knock: Knock, job_id: JobId | None = None) -> httpx.Response:
    return await gateway.http.get(f"/v1/jobs/{job_id or knock.job_id}/script", headers=knock.header())


def routes(gateway: Gateway) -> list[tuple[str, str]]:
    """Every method and path that the application serves."""
    contexts = list(iter_route_contexts(gateway.app.router.routes))
    # Plain routes, mounts and WebSockets know no dependencies, so no gatekeeper: there must be none.
    assert {type(context.original_route) for context in contexts} == {APIRoute}
    return sorted((method, str(context.path)) for context in contexts for method in context.methods or ())


async def test_every_route_but_the_documented_public_ones_refuses_whoever_brings_no_credentials(
    gateway: Gateway,
) -> None:
    for method, path in routes(gateway):
        answer = await gateway.http.request(method, path.format(job_id=1, attempt=1), params={"offset": 0, "length": 0})
        assert (answer.status_code == 401) == (path not in PUBLIC), (method, path, answer.text)
        if path not in PUBLIC:
            assert code(answer) == "credentials_missing"


async def test_every_route_has_a_rule_and_every_rule_a_route(gateway: Gateway) -> None:
    assert set(routes(gateway)) == set(DOORS)
    assert {path for (_, path), door in DOORS.items() if door is Door.PUBLIC} == PUBLIC


async def test_a_route_that_somebody_forgets_to_give_a_rule_is_closed_to_everybody(gateway: Gateway) -> None:
    async def secret() -> str:
        return "secret"

    gateway.app.add_api_route("/v1/new", secret)
    answer = await gateway.http.get("/v1/new")
    assert (answer.status_code, code(answer)) == (403, "access_denied")


async def test_a_challenge_serves_one_request(gateway: Gateway) -> None:
    knock = await challenged(gateway, await gateway.job(), gateway.accounts.provider)
    assert (await fetch(gateway, knock)).status_code == 200
    assert code(await fetch(gateway, knock)) == "challenge_used"


async def test_a_used_challenge_is_used_for_every_process_of_the_gateway_and_after_a_restart(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    async with running(settings, accounts) as one:
        knock = await challenged(one, await one.job(), accounts.provider)
        assert (await fetch(one, knock)).status_code == 200
    async with running(settings, accounts, one.chain) as two:
        assert code(await fetch(two, knock)) == "challenge_used"


async def test_an_expired_challenge_is_refused(gateway: Gateway) -> None:
    knock = await challenged(gateway, await gateway.job(), gateway.accounts.provider)
    gateway.clock.advance(gateway.parts.settings.challenge_seconds)
    assert code(await fetch(gateway, knock)) == "challenge_expired"


async def test_nobody_can_prolong_a_challenge(gateway: Gateway) -> None:
    knock = await challenged(gateway, await gateway.job(), gateway.accounts.provider)
    later = type(knock.challenge)(knock.challenge.nonce, knock.challenge.expires_at + timedelta(hours=1))
    assert code(await fetch(gateway, knock.but(challenge=later))) == "challenge_invalid"


async def test_a_signature_for_another_gateway_is_refused(gateway: Gateway) -> None:
    knock = await challenged(gateway, await gateway.job(), gateway.accounts.provider)
    assert code(await fetch(gateway, knock.but(gateway="https://evil.example.org"))) == "wrong_gateway"


async def test_a_challenge_of_another_gateway_is_refused(
    gateway: Gateway, accounts: Accounts, tmp_path: object
) -> None:
    job_id = await gateway.job()
    elsewhere = gateway.parts.settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/elsewhere.sqlite"})
    async with running(elsewhere, accounts, gateway.chain) as other:
        knock = await challenged(other, job_id, accounts.provider)
    assert code(await fetch(gateway, knock)) == "challenge_invalid"


async def test_a_challenge_for_another_purpose_is_refused(gateway: Gateway) -> None:
    knock = await challenged(gateway, await gateway.job(), gateway.accounts.provider, "read-log")
    assert code(await fetch(gateway, knock)) == "challenge_invalid"
    assert code(await fetch(gateway, knock.but(purpose="fetch-script"))) == "challenge_invalid"


async def test_a_challenge_for_another_job_is_refused(gateway: Gateway) -> None:
    first, second = await gateway.job(), await gateway.job()
    knock = await challenged(gateway, first, gateway.accounts.provider)
    assert code(await fetch(gateway, knock, second)) == "challenge_invalid"
    assert code(await fetch(gateway, knock.but(job_id=second))) == "challenge_invalid"


async def test_a_challenge_of_another_account_is_refused(gateway: Gateway) -> None:
    knock = await challenged(gateway, await gateway.job(), gateway.accounts.stranger)
    assert code(await fetch(gateway, knock.but(signer=gateway.accounts.provider))) == "challenge_invalid"


async def test_naming_somebody_elses_account_takes_their_signature(gateway: Gateway) -> None:
    knock = await challenged(gateway, await gateway.job(), gateway.accounts.provider)
    forged = knock.but(signer=gateway.accounts.stranger).header()["Authorization"]
    header = forged.replace(gateway.accounts.stranger.address, gateway.accounts.provider.address)
    answer = await gateway.http.get(f"/v1/jobs/{knock.job_id}/script", headers={"Authorization": header})
    assert code(answer) == "credentials_invalid"


@pytest.mark.parametrize(
    "domain",
    [SigningDomain(CHAIN_ID + 1, CONTRACT), SigningDomain(CHAIN_ID, Address("0x" + "1" * 40))],
    ids=["chain", "contract"],
)
async def test_a_signature_for_another_grid_is_refused(gateway: Gateway, domain: SigningDomain) -> None:
    knock = await challenged(gateway, await gateway.job(), gateway.accounts.provider)
    assert code(await fetch(gateway, knock.but(domain=domain))) == "credentials_invalid"


async def test_a_job_that_does_not_exist_is_refused_like_any_other(gateway: Gateway) -> None:
    knock = await challenged(gateway, JobId(77), gateway.accounts.provider)
    before = gateway.chain.reads
    assert code(await fetch(gateway, knock)) == "access_denied"
    assert gateway.chain.reads == before + 1


async def test_asking_for_challenges_leaves_nothing_behind_and_asks_no_chain(gateway: Gateway) -> None:
    before = gateway.chain.reads
    for number in range(1, 50):
        await challenged(gateway, JobId(number), gateway.accounts.stranger)
    assert gateway.chain.reads == before


async def test_a_refused_answer_is_not_kept_so_strangers_cannot_fill_the_store(gateway: Gateway) -> None:
    knock = await challenged(gateway, await gateway.job(), gateway.accounts.stranger)
    assert code(await fetch(gateway, knock)) == "access_denied"
    assert code(await fetch(gateway, knock)) == "access_denied"


async def test_while_the_chain_is_away_nobody_is_let_in(gateway: Gateway) -> None:
    knock = await challenged(gateway, await gateway.job(), gateway.accounts.provider)
    gateway.chain.is_reachable = False
    answer = await fetch(gateway, knock)
    assert (answer.status_code, code(answer)) == (503, "chain_unreachable")
    gateway.chain.is_reachable = True
    assert (await fetch(gateway, knock)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer abc",
        "DeepSquare",
        'DeepSquare account="0x12", signature="0x34"',
        'DeepSquare account="' + "0x" + "1" * 40 + '"',
        'DeepSquare account="0x' + "1" * 40 + '", account="0x' + "1" * 40 + '"',
        'DeepSquare account="0x' + "1" * 40 + '", signature="0x' + "0" * 130 + '", nonce="x"',
        'DeepSquare account="0x' + "1" * 40 + '", signature="0x' + "f" * 130 + '"',
        "DeepSquare " + "x" * 5000,
        'DeepSquare a="\x7f"',
    ],
)
async def test_credentials_that_cannot_be_read_are_refused(gateway: Gateway, header: str) -> None:
    answer = await gateway.http.get("/v1/jobs/1/script", headers={"Authorization": header})
    assert (answer.status_code, code(answer)) == (401, "credentials_invalid")
    assert "1" * 40 not in answer.json()["error"]["hint"]


async def test_a_cold_job_opens_no_script_but_keeps_its_log_readable(gateway: Gateway) -> None:
    job_id = await gateway.job(JobStatus.RUNNING)
    await gateway.client.append_log(job_id, 1, 0, b"bye", gateway.accounts.provider)
    gateway.chain.put(job_id, JobStatus.FINISHED)
    assert await gateway.client.read_log(job_id, gateway.accounts.customer) == b"bye"


async def test_a_client_signs_nothing_for_another_grid(gateway: Gateway) -> None:
    job_id, accounts = await gateway.job(JobStatus.RUNNING), gateway.accounts
    for domain, is_ours in (
        (SigningDomain(CHAIN_ID, CONTRACT), True),
        (SigningDomain(CHAIN_ID + 1, CONTRACT), False),
        (SigningDomain(CHAIN_ID, Address("0x" + "1" * 40)), False),
    ):
        client = GatewayClient(URL, domain, http=gateway.http, clock=gateway.clock)
        if is_ours:
            assert await client.fetch_script(job_id, accounts.provider)
            assert await client.append_log(job_id, 1, 0, b"mine", accounts.provider) == 4
            continue
        with pytest.raises(WrongGrid, match="nothing was signed"):
            await client.about()
        with pytest.raises(WrongGrid, match="nothing was signed"):
            await client.fetch_script(job_id, accounts.provider)
        with pytest.raises(WrongGrid, match="nothing was signed"):
            await client.append_log(job_id, 1, 0, b"mine", accounts.provider)
