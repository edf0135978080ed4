"""A log is what its job printed, byte for byte, written by the job's provider, read by its customer."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from deepsquare.gateway.client import GatewayClient
from deepsquare.gateway.credentials import Credentials
from deepsquare.gateway.database import Database
from deepsquare.gateway.errors import LogGap, LogGapFound, RefusedByGateway
from deepsquare.gateway.logs import MERGED_CHUNK_BYTES, LogState, SqlLogStore
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.gateway.signing import SigningDomain
from deepsquare.model import JobId, JobStatus
from tests.gateway.chain_double import CHAIN_ID, CONTRACT
from tests.gateway.conftest import URL, Accounts, Gateway, running
from tests.gateway.test_scripts import tidy

JOB = JobId(7)


async def test_what_the_provider_appends_is_what_the_customer_reads(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    offset = await gateway.client.append_log(job_id, 1, 0, b"hello\n", provider)
    assert await gateway.client.append_log(job_id, 1, offset, b"\xff\x00world\n", provider) == 14
    assert await gateway.client.read_log(job_id, gateway.accounts.customer) == b"hello\n\xff\x00world\n"


async def test_appending_the_same_bytes_again_does_nothing(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    for _ in range(3):
        assert await gateway.client.append_log(job_id, 1, 0, b"once", provider) == 4
    assert await gateway.client.append_log(job_id, 1, 2, b"ce and more", provider) == 13
    assert await gateway.client.read_log(job_id, gateway.accounts.customer) == b"once and more"


async def test_a_gap_is_refused_with_the_offset_that_is_expected(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    await gateway.client.append_log(job_id, 1, 0, b"abc", provider)
    with pytest.raises(LogGap) as gap:
        await gateway.client.append_log(job_id, 1, 5, b"fgh", provider)
    assert gap.value.expected_offset == 3
    assert await gateway.client.read_log(job_id, gateway.accounts.customer) == b"abc"


async def test_only_the_provider_of_the_current_attempt_writes(gateway: Gateway) -> None:
    job_id, who = await gateway.job(JobStatus.RUNNING), gateway.accounts
    for signer in (who.customer, who.other_provider, who.stranger):
        with pytest.raises(RefusedByGateway) as refused:
            await gateway.client.append_log(job_id, 1, 0, b"lies", signer)
        assert refused.value.code == "access_denied"
    with pytest.raises(RefusedByGateway, match="at attempt 1"):
        await gateway.client.append_log(job_id, 2, 0, b"too early", who.provider)


async def test_only_the_customer_reads(gateway: Gateway) -> None:
    job_id, who = await gateway.job(JobStatus.RUNNING), gateway.accounts
    await gateway.client.append_log(job_id, 1, 0, b"private", who.provider)
    for signer in (who.provider, who.other_provider, who.stranger):
        with pytest.raises(RefusedByGateway, match="belongs to"):
            await gateway.client.read_log(job_id, signer)


async def test_a_signature_is_good_for_its_bytes_and_its_place_only(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    headers: dict[str, str] = {}

    async def remember(request: object) -> None:
        headers["Authorization"] = getattr(request, "headers")["authorization"]  # noqa: B009 - httpx calls it with any

    await gateway.client.about()
    gateway.http.event_hooks = {"request": [remember]}
    await gateway.client.append_log(job_id, 1, 0, b"true", provider)
    gateway.http.event_hooks = {}
    signed = dict(headers)
    log = f"/v1/jobs/{job_id}/log/1"
    for path, data in (
        (f"{log}?offset=0", b"lies"),
        (f"{log}?offset=4", b"true"),
        (f"{log}?offset=0&closes=true", b"true"),
    ):
        answer = await gateway.http.post(path, content=data, headers=signed)
        assert answer.json()["error"]["code"] == "credentials_invalid"


async def test_each_attempt_has_a_log_of_its_own(gateway: Gateway) -> None:
    job_id, who = await gateway.job(JobStatus.RUNNING), gateway.accounts
    await gateway.client.append_log(job_id, 1, 0, b"first", who.provider)
    gateway.chain.put(job_id, JobStatus.PENDING)
    gateway.chain.assign(job_id, who.other_provider.address)
    gateway.chain.put(job_id, JobStatus.RUNNING)
    await tidy(gateway)
    await gateway.client.append_log(job_id, 2, 0, b"second", who.other_provider)
    assert await gateway.client.read_log(job_id, who.customer) == b"second"
    assert await gateway.client.read_log(job_id, who.customer, attempt=1) == b"first"
    with pytest.raises(RefusedByGateway, match="no log of attempt 3"):
        await gateway.client.read_log(job_id, who.customer, attempt=3)


async def test_a_log_that_is_too_long_ends_with_a_line_that_says_so_and_never_with_an_error(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    async with running(settings.model_copy(update={"log_bytes_per_job": 1024}), accounts) as gateway:
        job_id = await gateway.job(JobStatus.RUNNING)
        assert await gateway.client.append_log(job_id, 1, 0, b"x" * 1000, accounts.provider) == 1000
        assert await gateway.client.append_log(job_id, 1, 1000, b"y" * 1000, accounts.provider) == 2000
        assert await gateway.client.append_log(job_id, 1, 2000, b"z" * 1000, accounts.provider) == 3000
        log = await gateway.client.read_log(job_id, accounts.customer)
        # Another client does not know yet, and is told.
        another = GatewayClient(URL, SigningDomain.of(gateway.chain.grid), http=gateway.http)
        answer = await another.append_log(job_id, 1, 50_000, b"far", accounts.provider)
        await gateway.client.close_log(job_id, 1, 3000, accounts.provider)
    assert log.startswith(b"x" * 1000 + b"y" * 24 + b"\n[deepsquare] ")
    assert log.endswith(b"1024 bytes\n")
    assert answer == 50_003


async def test_the_bound_counts_all_attempts_of_a_job_together(settings: GatewaySettings, accounts: Accounts) -> None:
    async with running(settings.model_copy(update={"log_bytes_per_job": 1024}), accounts) as gateway:
        store = gateway.parts.logs
        await store.append(JOB, 1, 0, b"x" * 1000)
        state = await store.append(JOB, 2, 0, b"y" * 1000)
    assert state.is_full


async def test_a_closed_log_takes_repetitions_but_nothing_new(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    await gateway.client.append_log(job_id, 1, 0, b"all", provider)
    with pytest.raises(LogGap) as gap:
        await gateway.client.close_log(job_id, 1, 10, provider)
    assert gap.value.expected_offset == 3
    await gateway.client.close_log(job_id, 1, 3, provider)
    await gateway.client.close_log(job_id, 1, 3, provider)
    assert await gateway.client.append_log(job_id, 1, 0, b"all", provider) == 3
    with pytest.raises(RefusedByGateway) as refused:
        await gateway.client.append_log(job_id, 1, 3, b"more", provider)
    assert refused.value.code == "log_closed"


async def test_the_last_piece_closes_the_log_and_may_be_repeated(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    await gateway.client.append_log(job_id, 1, 0, b"last ", provider)
    for _ in range(2):
        assert await gateway.client.append_log(job_id, 1, 5, b"words", provider, closes=True) == 10
    await gateway.client.close_log(job_id, 1, 10, provider)
    assert await gateway.parts.logs.states(job_id) == [LogState(1, 10, 10, is_closed=True)]
    assert await gateway.client.read_log(job_id, gateway.accounts.customer) == b"last words"
    with pytest.raises(RefusedByGateway) as refused:
        await gateway.client.append_log(job_id, 1, 10, b"!", provider, closes=True)
    assert refused.value.code == "log_closed"


async def test_a_last_piece_that_came_before_closes_the_log_all_the_same(gateway: Gateway) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    await gateway.client.append_log(job_id, 1, 0, b"all", provider)
    await gateway.client.append_log(job_id, 1, 0, b"all", provider, closes=True)
    assert await gateway.parts.logs.states(job_id) == [LogState(1, 3, 3, is_closed=True)]


@pytest.mark.parametrize(("offset", "data"), [(5, b"far"), (0, b"sh")], ids=["gap", "short"])
async def test_a_last_piece_with_which_the_log_is_not_complete_changes_nothing(
    gateway: Gateway, offset: int, data: bytes
) -> None:
    job_id, provider = await gateway.job(JobStatus.RUNNING), gateway.accounts.provider
    await gateway.client.append_log(job_id, 1, 0, b"abc", provider)
    with pytest.raises(LogGap) as gap:
        await gateway.client.append_log(job_id, 1, offset, data, provider, closes=True)
    assert gap.value.expected_offset == 3
    assert await gateway.parts.logs.states(job_id) == [LogState(1, 3, 3)]


async def test_a_last_piece_closes_a_log_that_is_too_long(settings: GatewaySettings, accounts: Accounts) -> None:
    async with running(settings.model_copy(update={"log_bytes_per_job": 8}), accounts) as gateway:
        jobs = [await gateway.job(JobStatus.RUNNING) for _ in range(2)]
        for job_id in jobs:
            await gateway.client.append_log(job_id, 1, 0, b"x" * 9, accounts.provider)
        # One client knows that the log is full and another does not.
        another = GatewayClient(URL, SigningDomain.of(gateway.chain.grid), http=gateway.http)
        for client, job_id in zip((gateway.client, another), jobs, strict=True):
            assert await client.append_log(job_id, 1, 9, b"y", accounts.provider, closes=True) == 10
            (state,) = await gateway.parts.logs.states(job_id)
            assert (state.is_full, state.is_closed, state.next_offset) == (True, True, 9)


async def test_whether_an_append_closes_is_said_in_one_of_two_words(gateway: Gateway) -> None:
    provider = gateway.accounts.provider.address
    proof = Credentials(provider, bytes(65)).header()
    path = f"/v1/jobs/{await gateway.job()}/log/1?offset=0&closes=perhaps"
    answer = await gateway.http.post(path, content=b"x", headers={"Authorization": proof})
    assert answer.json()["error"]["message"] == "closes must be true or false"


async def test_a_log_is_deleted_some_time_after_its_job_is_over(gateway: Gateway) -> None:
    job_id, who = await gateway.job(JobStatus.RUNNING), gateway.accounts
    await gateway.client.append_log(job_id, 1, 0, b"output", who.provider)
    gateway.chain.put(job_id, JobStatus.FINISHED)
    await tidy(gateway)
    await tidy(gateway, after_seconds=gateway.parts.settings.log_retention_seconds)
    assert await gateway.client.read_log(job_id, who.customer) == b"output"
    await tidy(gateway, after_seconds=1)
    with pytest.raises(RefusedByGateway) as refused:
        await gateway.client.read_log(job_id, who.customer)
    assert refused.value.code == "log_unknown"


async def test_output_that_arrives_after_the_end_is_kept_and_deleted_with_the_rest(gateway: Gateway) -> None:
    job_id, who = await gateway.job(JobStatus.RUNNING), gateway.accounts
    gateway.chain.put(job_id, JobStatus.FINISHED)
    await tidy(gateway)
    await gateway.client.append_log(job_id, 1, 0, b"late", who.provider)
    assert await gateway.client.read_log(job_id, who.customer) == b"late"
    await tidy(gateway, after_seconds=gateway.parts.settings.log_retention_seconds + 1)
    assert await gateway.parts.logs.states(job_id) == []


async def test_a_restart_loses_no_log(settings: GatewaySettings, accounts: Accounts) -> None:
    async with running(settings, accounts) as before:
        job_id = await before.job(JobStatus.RUNNING)
        await before.client.append_log(job_id, 1, 0, b"kept", accounts.provider)
    async with running(settings, accounts, before.chain) as after:
        assert await after.client.append_log(job_id, 1, 4, b" too", accounts.provider) == 8
        assert await after.client.read_log(job_id, accounts.customer) == b"kept too"


async def test_a_job_that_prints_byte_by_byte_costs_few_rows(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for offset in range(200):
        await store.append(JOB, 1, offset, b"x")
    assert await store.read(JOB, 1, 0, 1000) == b"x" * 200
    assert await store.read(JOB, 1, 150, 20) == b"x" * 20


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_order_of_cuts_repetitions_and_gaps_gives_the_same_log(tmp_path: Path, data: st.DataObject) -> None:
    """The log is a prefix of the output whatever is sent, and the whole output once everything was sent."""
    output = data.draw(st.binary(min_size=1, max_size=3 * MERGED_CHUNK_BYTES))
    job_id = JobId(int.from_bytes(hashlib.sha256(output).digest(), "big") % 2**64 + 1)
    store = opened(tmp_path)
    known = (await store.states(job_id))[0].next_offset if await store.states(job_id) else 0
    for _ in range(data.draw(st.integers(0, 8))):
        start = data.draw(st.integers(0, len(output)))
        end = data.draw(st.integers(start, len(output)))
        if start > known:
            with pytest.raises(LogGapFound) as gap:
                await store.append(job_id, 1, start, output[start:end])
            assert gap.value.expected_offset == known
        else:
            known = max(known, end)
            assert (await store.append(job_id, 1, start, output[start:end])).next_offset == known
    await store.append(job_id, 1, known, output[known:])
    begin = data.draw(st.integers(0, len(output)))
    assert await store.read(job_id, 1, begin, len(output)) == output[begin:]


def opened(folder: Path) -> SqlLogStore:
    database = Database.open(f"sqlite:///{folder}/logs.sqlite", chain_id=CHAIN_ID, contract=CONTRACT)
    return SqlLogStore(database, bytes_per_job=10**9)
