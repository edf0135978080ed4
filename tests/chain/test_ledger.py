"""Promises of the read side: how often it asks, and that what it answers belongs together."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from deepsquare.chain import InvalidValue, Ledger, Report, Role, Setting, codec, has_role
from deepsquare.model import WEI_PER_CREDIT, Hardware, JobDefinition, JobId, JobStatus, Node, Prices
from tests.chain.wrapped_rpc import WrappedRpc
from tests.support.chain import FreshGrid, fresh_grid

DEFINITION = JobDefinition(tasks=1, cpus_per_task=1, memory_per_cpu_mb=1, gpus=0, script_hash="ab" * 32)
HARDWARE, PRICES = Hardware((Node(4, 1000),)), Prices(0, 1, 0)


@dataclass(frozen=True)
class Watched:
    """A grid, and a ledger whose round trips are counted."""

    grid: FreshGrid
    rpc: WrappedRpc
    ledger: Ledger


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    async with fresh_grid() as grid:
        await grid.customer_account.allow(100 * WEI_PER_CREDIT)
        rpc = WrappedRpc(grid.rpc)
        ledger = await Ledger.connect(rpc, grid.address)
        rpc.round_trips = 0
        yield Watched(grid, rpc, ledger)


async def request(grid: FreshGrid, count: int) -> list[JobId]:
    return [
        (await grid.customer_account.request_job(DEFINITION, WEI_PER_CREDIT, f"job {n}")).job_id for n in range(count)
    ]


async def test_connecting_takes_two_round_trips(watched: Watched) -> None:
    await Ledger.connect(watched.rpc, watched.grid.address)
    assert watched.rpc.round_trips == 2


async def test_many_jobs_and_their_terms_are_one_round_trip(watched: Watched) -> None:
    ids = await request(watched.grid, 5)
    jobs = await watched.ledger.jobs(reversed(ids))
    assert [job.name for job in jobs] == ["job 4", "job 3", "job 2", "job 1", "job 0"]
    assert watched.rpc.round_trips == 1


async def test_no_jobs_are_no_round_trip(watched: Watched) -> None:
    assert await watched.ledger.jobs([]) == []
    assert watched.rpc.round_trips == 0


async def test_all_settings_are_one_round_trip(watched: Watched) -> None:
    await watched.grid.admin_account.change(Setting.LEASE_SECONDS, 120)
    await watched.grid.admin_account.accept_requests(accept=False)
    settings = await watched.ledger.settings()
    assert (settings.lease_seconds, settings.accepts_requests) == (120, False)
    assert watched.rpc.round_trips == 1


async def test_values_that_a_block_came_in_between_are_read_again_at_one_block(watched: Watched) -> None:
    ids = await request(watched.grid, 2)
    tags: list[str] = []
    watched.rpc.before_each = lambda call: tags.append(str(call[1][-1])) if call[0] == "eth_call" else None
    head = hex((await watched.grid.ledger.head()).number)
    heights = iter(["0x1", head])
    watched.rpc.change_answer = lambda method, answer: next(heights) if method == "eth_blockNumber" else answer
    assert [job.id for job in await watched.ledger.jobs(ids)] == ids
    assert tags == ["latest"] * 4 + [head] * 4


async def test_a_lot_of_jobs_is_read_at_one_block(watched: Watched) -> None:
    ids = await request(watched.grid, 1)
    tags: set[str] = set()
    watched.rpc.before_each = lambda call: tags.add(str(call[1][-1])) if call[0] == "eth_call" else None
    jobs = await watched.ledger.jobs(ids * 100)
    assert len(jobs) == 100
    assert len(tags) == 1
    assert "latest" not in tags


async def test_moments_and_prices_read_back(watched: Watched) -> None:
    grid = watched.grid
    latest = grid.clock.now() + timedelta(hours=1)
    job_id = (
        await grid.customer_account.request_job(
            DEFINITION, 60, "terms", delegate=True, max_attempts=3, max_price_per_minute=5, latest_start=latest
        )
    ).job_id
    job = await watched.ledger.job(job_id)
    assert job.time.submitted_at == grid.clock.now()
    assert job.time.started_at is None
    assert job.cost.delegate_spending_authority
    assert (job.terms.max_attempts, job.terms.max_price_per_minute, job.terms.latest_start) == (3, 5, latest)


def test_a_moment_beyond_the_calendar_is_its_last_second() -> None:
    assert codec.moment(2**64 - 1) == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


async def test_text_that_is_no_utf_8_is_read_all_the_same(watched: Watched) -> None:
    grid = watched.grid
    contract = grid.ledger.meta_scheduler_contract
    request_job = contract.abi.functions["requestJob"]
    data = request_job.encode((0, 1, 1, 1, "ab" * 32, 4, [("key!", "value")], []), 1, b"\xff" * 32, (False, 1, 0, 0))
    await grid.customer.send(contract.address, data.replace(b"key!", b"\xff\xfe\xfd!"))
    job = await watched.ledger.job(JobId(1))
    assert job.definition.uses[0].key == "\ufffd\ufffd\ufffd!"
    assert job.name == "\ufffd" * 32


async def test_values_that_do_not_fit_are_refused_before_anything_is_sent(watched: Watched) -> None:
    account = watched.grid.customer_account
    with pytest.raises(InvalidValue, match="at most 32"):
        await account.request_job(DEFINITION, 1, "a name of more than thirty-two bytes")
    with pytest.raises(InvalidValue, match="does not fit"):
        await account.request_job(DEFINITION, -1, "owes us")
    with pytest.raises(InvalidValue, match="numbered from 1"):
        await account.cancel(JobId(-1))


async def test_lists_of_providers_tell_who_waits_who_is_approved_and_who_is_banned(watched: Watched) -> None:
    grid = watched.grid
    one, two = (sender.address for sender in grid.providers)
    await grid.join(grid.providers[0], HARDWARE, PRICES)
    await grid.provider_account(1).register(HARDWARE, PRICES, [])
    await grid.admin_account.ban(one)
    assert [(p.address, p.is_approved, p.is_banned) for p in await watched.ledger.providers()] == [(one, True, True)]
    assert [(p.address, p.is_approved) for p in await watched.ledger.waiting_providers()] == [(two, False)]
    await grid.admin_account.unban(one)
    await grid.admin_account.remove(one)
    assert await watched.ledger.providers() == []


async def test_a_role_can_be_given_and_taken(watched: Watched) -> None:
    grid = watched.grid
    assert await has_role(watched.ledger, Role.SCHEDULER, grid.scheduler.address)
    await grid.admin_account.revoke(Role.SCHEDULER, grid.scheduler.address)
    assert not await has_role(watched.ledger, Role.SCHEDULER, grid.scheduler.address)


async def test_fees_are_collected_and_withdrawn(watched: Watched) -> None:
    grid = watched.grid
    provider = await grid.join(grid.providers[0], HARDWARE, Prices(0, WEI_PER_CREDIT, 0))
    (job_id,) = await request(grid, 1)
    await grid.scheduler_account.assign([(job_id, provider)])
    await grid.provider_account().claim([job_id])
    await grid.provider_account().report([Report(job_id, JobStatus.RUNNING, grid.clock.now())])
    grid.clock.advance(30)
    await grid.provider_account().report([Report(job_id, JobStatus.FINISHED, grid.clock.now())])
    fees = await watched.ledger.collected_fees()
    assert fees == WEI_PER_CREDIT // 2 * 250 // 10_000
    before = await watched.ledger.balance(grid.scheduler.address)
    await grid.admin_account.withdraw_fees(grid.scheduler.address, fees)
    assert await watched.ledger.balance(grid.scheduler.address) == before + fees


async def test_credits_are_minted_and_allowed_as_absolute_values(watched: Watched) -> None:
    grid = watched.grid
    await grid.admin_account.mint(grid.scheduler.address, 7)
    assert await watched.ledger.balance(grid.scheduler.address) == 7
    await grid.customer_account.allow(5)
    await grid.customer_account.allow(5)
    assert await watched.ledger.allowance(grid.customer.address) == 5
