"""A script is kept from submission to the end of its job, for the provider that the chain names, for nobody else."""

import hashlib
import sqlite3
from pathlib import Path

import pytest

from deepsquare.gateway.errors import RefusedByGateway
from deepsquare.gateway.scripts import _UNNAMED_BYTES
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.model import Address, JobStatus
from tests.gateway.conftest import WORKFLOW, Accounts, Gateway, running

HOLDING = (JobStatus.META_SCHEDULED, JobStatus.SCHEDULED, JobStatus.RUNNING)


@pytest.mark.parametrize("status", HOLDING)
async def test_the_provider_of_a_job_fetches_the_script_whose_hash_the_customer_got(
    gateway: Gateway, status: JobStatus
) -> None:
    submission = await gateway.client.submit(WORKFLOW)
    job_id = gateway.chain.request(gateway.accounts.customer.address, submission.script_hash)
    gateway.chain.assign(job_id, gateway.accounts.provider.address)
    gateway.chain.put(job_id, status)
    script = await gateway.client.fetch_script(job_id, gateway.accounts.provider)
    assert hashlib.sha256(script.encode()).hexdigest() == submission.script_hash
    assert "echo hello" in script


async def test_a_provider_may_fetch_again_with_a_new_challenge(gateway: Gateway) -> None:
    job_id = await gateway.job()
    first = await gateway.client.fetch_script(job_id, gateway.accounts.provider)
    assert await gateway.client.fetch_script(job_id, gateway.accounts.provider) == first


@pytest.mark.parametrize("status", [status for status in JobStatus if status not in HOLDING])
async def test_nobody_fetches_a_script_before_or_after_the_provider_holds_the_job(
    gateway: Gateway, status: JobStatus
) -> None:
    job_id = await gateway.job(JobStatus.SCHEDULED)
    gateway.chain.put(job_id, status)
    with pytest.raises(RefusedByGateway, match=status.name) as refused:
        await gateway.client.fetch_script(job_id, gateway.accounts.provider)
    assert refused.value.code == "access_denied"


async def test_strangers_other_providers_and_the_customer_are_told_whose_job_it_is(gateway: Gateway) -> None:
    job_id = await gateway.job()
    for signer in (gateway.accounts.stranger, gateway.accounts.other_provider, gateway.accounts.customer):
        with pytest.raises(RefusedByGateway, match=gateway.accounts.provider.address) as refused:
            await gateway.client.fetch_script(job_id, signer)
        assert refused.value.status == 403


async def test_a_provider_that_lost_the_job_loses_the_script(gateway: Gateway) -> None:
    job_id = await gateway.job()
    gateway.chain.put(job_id, JobStatus.PENDING)
    gateway.chain.assign(job_id, gateway.accounts.other_provider.address)
    with pytest.raises(RefusedByGateway, match="is with"):
        await gateway.client.fetch_script(job_id, gateway.accounts.provider)
    assert await gateway.client.fetch_script(job_id, gateway.accounts.other_provider)


async def test_naming_the_hash_of_somebody_elses_script_does_not_open_it(gateway: Gateway) -> None:
    job_id = await gateway.job()
    hash_on_chain = (await gateway.chain.job(job_id)).definition.script_hash
    copy = gateway.chain.request(gateway.accounts.stranger.address, hash_on_chain)
    gateway.chain.assign(copy, gateway.accounts.other_provider.address)
    with pytest.raises(RefusedByGateway, match="belongs to another customer"):
        await gateway.client.fetch_script(copy, gateway.accounts.other_provider)
    assert await gateway.client.fetch_script(job_id, gateway.accounts.provider)


async def test_a_script_that_was_submitted_for_a_customer_is_not_opened_by_whoever_overtakes_them(
    gateway: Gateway,
) -> None:
    accounts = gateway.accounts
    submission = await gateway.client.submit(WORKFLOW, accounts.customer.address)
    overtaker = gateway.chain.request(accounts.stranger.address, submission.script_hash)
    gateway.chain.assign(overtaker, accounts.other_provider.address)
    with pytest.raises(RefusedByGateway, match="belongs to another customer"):
        await gateway.client.fetch_script(overtaker, accounts.other_provider)
    job_id = gateway.chain.request(accounts.customer.address, submission.script_hash)
    gateway.chain.assign(job_id, accounts.provider.address)
    assert await gateway.client.fetch_script(job_id, accounts.provider)
    gateway.chain.put(overtaker, JobStatus.CANCELLED)
    await tidy(gateway, after_seconds=10_000)
    assert await gateway.client.fetch_script(job_id, accounts.provider)


async def test_a_script_that_was_submitted_for_a_customer_whose_job_never_comes_is_deleted(gateway: Gateway) -> None:
    submission = await gateway.client.submit(WORKFLOW, gateway.accounts.customer.address)
    gateway.chain.request(gateway.accounts.stranger.address, submission.script_hash)
    await tidy(gateway, after_seconds=gateway.parts.settings.unnamed_script_seconds + 1)
    assert await gateway.parts.scripts.get(submission.script_hash) is None


async def test_a_customer_that_is_no_address_is_refused(gateway: Gateway) -> None:
    with pytest.raises(RefusedByGateway, match="customer must be an address") as refused:
        await gateway.client.submit(WORKFLOW, Address("bob"))
    assert refused.value.code == "invalid_request"


async def test_a_database_of_the_earlier_version_is_brought_up_to_date_with_its_scripts(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    async with running(settings, accounts) as before:
        job_id = await before.job()
    with sqlite3.connect(settings.database_url.removeprefix("sqlite:///")) as file:
        file.execute("ALTER TABLE gateway_scripts DROP COLUMN customer")
        file.execute("UPDATE gateway_facts SET value = ? WHERE name = 'schema_version'", (b"1",))
    file.close()
    async with running(settings, accounts, before.chain) as after:
        assert await after.client.fetch_script(job_id, accounts.provider)
        assert (await after.client.submit(WORKFLOW, accounts.customer.address)).script_hash


async def test_how_full_the_store_is_is_known_without_reading_the_scripts(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    path = settings.database_url.removeprefix("sqlite:///")
    async with running(settings, accounts) as before:
        await before.job()
    with sqlite3.connect(path) as file:
        file.execute("DROP INDEX ix_gateway_scripts_owner_size")
        file.execute("CREATE INDEX ix_gateway_scripts_owner ON gateway_scripts (owner)")
        file.execute("UPDATE gateway_facts SET value = ? WHERE name = 'schema_version'", (b"2",))
    file.close()
    async with running(settings, accounts, before.chain):
        pass
    with sqlite3.connect(path) as file:
        (plan,) = file.execute(f"EXPLAIN QUERY PLAN {_UNNAMED_BYTES.compile(compile_kwargs={'literal_binds': True})}")
        old = file.execute("SELECT name FROM sqlite_master WHERE name = 'ix_gateway_scripts_owner'").fetchall()
    file.close()
    assert "COVERING INDEX ix_gateway_scripts_owner_size" in plan[-1]
    assert old == []


async def test_ending_a_job_that_names_somebody_elses_script_does_not_delete_it(gateway: Gateway) -> None:
    job_id = await gateway.job()
    hash_on_chain = (await gateway.chain.job(job_id)).definition.script_hash
    copy = gateway.chain.request(gateway.accounts.stranger.address, hash_on_chain)
    gateway.chain.put(copy, JobStatus.CANCELLED)
    await tidy(gateway, after_seconds=10_000)
    assert await gateway.client.fetch_script(job_id, gateway.accounts.provider)


async def test_a_script_that_this_gateway_does_not_hold_is_a_clear_answer(gateway: Gateway) -> None:
    job_id = gateway.chain.request(gateway.accounts.customer.address, "ab" * 32)
    gateway.chain.assign(job_id, gateway.accounts.provider.address)
    with pytest.raises(RefusedByGateway, match="does not hold the script") as refused:
        await gateway.client.fetch_script(job_id, gateway.accounts.provider)
    assert (refused.value.status, refused.value.code) == (404, "script_unknown")


async def test_a_script_is_deleted_once_its_job_is_over_and_the_grace_has_passed(gateway: Gateway) -> None:
    job_id = await gateway.job(JobStatus.RUNNING)
    script_hash = (await gateway.chain.job(job_id)).definition.script_hash
    gateway.chain.put(job_id, JobStatus.FINISHED)
    await tidy(gateway)
    assert await gateway.parts.scripts.get(script_hash) is not None
    await tidy(gateway, after_seconds=gateway.parts.settings.script_grace_seconds)
    assert await gateway.parts.scripts.get(script_hash) is None


async def test_a_script_is_kept_while_any_job_of_its_owner_needs_it(gateway: Gateway) -> None:
    job_id = await gateway.job(JobStatus.RUNNING)
    script_hash = (await gateway.chain.job(job_id)).definition.script_hash
    second = gateway.chain.request(gateway.accounts.customer.address, script_hash)
    gateway.chain.put(job_id, JobStatus.FINISHED)
    await tidy(gateway)
    await tidy(gateway, after_seconds=100_000)
    assert await gateway.parts.scripts.get(script_hash) is not None
    gateway.chain.put(second, JobStatus.CANCELLED)
    await tidy(gateway)
    await tidy(gateway, after_seconds=gateway.parts.settings.script_grace_seconds)
    assert await gateway.parts.scripts.get(script_hash) is None


async def test_a_script_outlives_the_refusal_of_its_job(gateway: Gateway) -> None:
    job_id = await gateway.job()
    await tidy(gateway)
    gateway.chain.put(job_id, JobStatus.PENDING)
    await tidy(gateway, after_seconds=1_000_000)
    gateway.chain.assign(job_id, gateway.accounts.other_provider.address)
    assert await gateway.client.fetch_script(job_id, gateway.accounts.other_provider)


async def test_a_script_that_no_job_ever_names_is_deleted_after_a_day(gateway: Gateway) -> None:
    submission = await gateway.client.submit(WORKFLOW)
    await tidy(gateway, after_seconds=gateway.parts.settings.unnamed_script_seconds)
    assert await gateway.parts.scripts.get(submission.script_hash) is not None
    await tidy(gateway, after_seconds=1)
    assert await gateway.parts.scripts.get(submission.script_hash) is None


async def test_seeing_the_same_events_again_changes_nothing(gateway: Gateway) -> None:
    job_id = await gateway.job(JobStatus.RUNNING)
    gateway.chain.put(job_id, JobStatus.FINISHED)
    await tidy(gateway)
    jobs = [await gateway.chain.job(job_id)]
    gateway.clock.advance(gateway.parts.settings.script_grace_seconds)
    await gateway.parts.scripts.record(jobs, gateway.clock.now())
    await gateway.parts.janitor.sweep()
    assert await gateway.parts.scripts.get(jobs[0].definition.script_hash) is None
    await gateway.parts.scripts.record(jobs, gateway.clock.now())


async def test_a_restart_loses_no_script_and_goes_on_where_the_events_stood(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    async with running(settings, accounts) as before:
        job_id = await before.job()
        await tidy(before)
        cursor = await before.parts.database.cursor()
    async with running(settings, accounts, before.chain) as after:
        assert await after.parts.database.cursor() == cursor
        assert await after.client.fetch_script(job_id, accounts.provider)


async def test_what_ended_while_the_gateway_was_down_is_deleted_when_it_is_back(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    async with running(settings, accounts) as before:
        job_id = await before.job()
        await tidy(before)
    before.chain.put(job_id, JobStatus.FAILED)
    async with running(settings, accounts, before.chain) as after:
        await tidy(after)
        await tidy(after, after_seconds=settings.script_grace_seconds)
        script_hash = (await after.chain.job(job_id)).definition.script_hash
        assert await after.parts.scripts.get(script_hash) is None


async def test_two_processes_on_one_database_serve_the_same_scripts(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    async with running(settings, accounts) as one, running(settings, accounts, one.chain) as two:
        job_id = await one.job()
        assert await two.client.fetch_script(job_id, accounts.provider)


async def test_the_room_for_scripts_that_nobody_names_is_bounded(settings: GatewaySettings, accounts: Accounts) -> None:
    large = WORKFLOW.replace("echo hello", "echo " + "x" * 100_000)
    async with running(settings.model_copy(update={"unnamed_scripts_mb": 1}), accounts) as gateway:
        answers = [await gateway.http.post("/v1/workflows", content=large) for _ in range(12)]
    assert answers[0].status_code == 200
    assert answers[-1].json()["error"]["code"] == "store_full"
    assert answers[-1].headers["retry-after"]


async def test_who_fills_the_room_for_scripts_with_large_ones_keeps_nobody_else_out(
    settings: GatewaySettings, accounts: Accounts
) -> None:
    large = WORKFLOW.replace("echo hello", "echo " + "x" * 100_000)
    async with running(settings.model_copy(update={"unnamed_scripts_mb": 1}), accounts) as gateway:
        named = await gateway.client.submit(large)
        gateway.chain.request(accounts.customer.address, named.script_hash)
        await tidy(gateway)
        for _ in range(12):
            await gateway.http.post("/v1/workflows", content=large)
        submissions = [await gateway.client.submit(WORKFLOW) for _ in range(12)]
        for submission in [named, *submissions]:
            assert await gateway.parts.scripts.get(submission.script_hash) is not None


async def test_nobody_else_on_the_machine_reads_scripts_from_the_disk(gateway: Gateway, tmp_path: Path) -> None:
    await gateway.client.submit(WORKFLOW)
    for suffix in ("", "-shm", "-wal"):
        assert (tmp_path / f"gateway.sqlite{suffix}").stat().st_mode & 0o777 == 0o600


async def tidy(gateway: Gateway, after_seconds: float = 0) -> None:
    """Let time pass, then let the janitor do one round."""
    gateway.clock.advance(after_seconds)
    await gateway.parts.janitor.catch_up()
    await gateway.parts.janitor.sweep()
