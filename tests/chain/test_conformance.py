"""The same promises on every kind of node: a grid does not care whose chain it lives on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deepsquare.chain import (
    ContractRefused,
    EventReader,
    GridEvent,
    HttpRpc,
    JobAssigned,
    JobChanged,
    JobRequested,
    JobSettled,
    JobToppedUp,
    Ledger,
    NoContract,
    ProviderAccount,
    Report,
    Rpc,
    Sender,
    UnknownJob,
    WrongChain,
)
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.server import listening
from deepsquare.chain.waiting import HeadWait
from deepsquare.clock import SystemClock
from deepsquare.model import (
    WEI_PER_CREDIT,
    Affinity,
    AffinityOperator,
    Hardware,
    JobDefinition,
    JobId,
    JobStatus,
    Label,
    Node,
    Prices,
)
from tests.support.chain import CHAIN_ID, CUSTOMER_CREDITS, Grid, deploy_grid, fresh_grid, funded, signer
from tests.support.nodes import anvil, geth

HARDWARE = Hardware((Node(cpus=4, memory_mb=8_000, gpus=1), Node(cpus=2, memory_mb=4_000)))
PRICES = Prices(gpu_per_minute=10**17, cpu_per_minute=10**15, memory_mb_per_minute=10**12)
LABELS = (Label("os", "debian"), Label("note", "grün"))
DEFINITION = JobDefinition(
    tasks=2,
    cpus_per_task=1,
    memory_per_cpu_mb=100,
    gpus=1,
    script_hash="0f" * 32,
    uses=(Label("network", "none"),),
    affinities=(
        Affinity(Label("os", "debian"), AffinityOperator.EQUAL),
        Affinity(Label("x", "1"), AffinityOperator.LESS),
    ),
)
GETH_CHAIN_ID = 1337


@contextlib.asynccontextmanager
async def embedded_over_http() -> AsyncIterator[Grid]:
    chain = EmbeddedChain(":memory:", chain_id=CHAIN_ID, funded=funded())
    try:
        async with listening(chain) as url, client(url, url.replace("http://", "ws://")) as rpc:
            yield await deploy_grid(rpc, SystemClock())
    finally:
        await chain.close()


@contextlib.asynccontextmanager
async def on_anvil(folder: Path) -> AsyncIterator[Grid]:
    async with anvil(folder, CHAIN_ID) as node, client(node.url, node.websocket_url) as rpc:
        await rpc.batch([("anvil_setBalance", [account, hex(wei)]) for account, wei in funded().items()])
        yield await deploy_grid(rpc, SystemClock())


@contextlib.asynccontextmanager
async def on_geth(folder: Path) -> AsyncIterator[Grid]:
    async with geth(folder) as node, client(node.url, node.websocket_url) as rpc:
        (rich, *_) = await rpc.request("eth_accounts")
        gifts = [
            {"from": rich, "to": account, "value": hex(wei), "nonce": hex(nonce)}
            for nonce, (account, wei) in enumerate(funded().items())
        ]
        await rpc.batch([("eth_sendTransaction", [gift]) for gift in gifts])
        blocks = HeadWait(rpc, SystemClock())
        while "0x0" in await rpc.batch([("eth_getBalance", [account, "latest"]) for account in funded()]):
            await blocks.wait(0.1)
        await blocks.close()
        yield await deploy_grid(rpc, SystemClock(), GETH_CHAIN_ID)


@contextlib.asynccontextmanager
async def client(url: str, websocket_url: str) -> AsyncIterator[Rpc]:
    rpc = HttpRpc(url, websocket_url)
    try:
        yield rpc
    finally:
        await rpc.close()


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("embedded over HTTP", marks=pytest.mark.system),
        pytest.param("anvil", marks=pytest.mark.system),
        pytest.param("geth", marks=pytest.mark.conformance),
    ]
)
async def grid(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Grid]:
    nodes: dict[str, Callable[[], contextlib.AbstractAsyncContextManager[Grid]]] = {
        "embedded": fresh_grid,
        "embedded over HTTP": embedded_over_http,
        "anvil": lambda: on_anvil(tmp_path),
        "geth": lambda: on_geth(tmp_path),
    }
    async with nodes[request.param]() as running:
        yield running


async def scheduled_job(grid: Grid, locked: int = WEI_PER_CREDIT, *, delegate: bool = False) -> JobId:
    """A job that provider one has claimed."""
    provider = await grid.join(grid.providers[0], HARDWARE, PRICES, LABELS)
    await grid.customer_account.allow(10 * WEI_PER_CREDIT)
    job_id = (await grid.customer_account.request_job(DEFINITION, locked, "hello", delegate=delegate)).job_id
    assert await grid.scheduler_account.assign([(job_id, provider)]) == {}
    assert await grid.provider_account().claim([job_id]) == {job_id}
    return job_id


async def events_of(grid: Grid) -> list[GridEvent]:
    async with EventReader(grid.ledger) as reader:
        page = await reader.read(grid.address.deployed_at_block)
    assert page.reached_head
    return list(page.events)


async def test_a_provider_reads_back_as_it_registered(grid: Grid) -> None:
    address = grid.providers[0].address
    account = grid.provider_account()
    assert await account.register(HARDWARE, PRICES, LABELS)
    assert await grid.ledger.provider(address) is None
    (waiting,) = await grid.ledger.waiting_providers()
    assert (waiting.hardware, waiting.prices, waiting.labels, waiting.is_approved) == (HARDWARE, PRICES, LABELS, False)

    await grid.admin_account.approve(address)
    assert await grid.ledger.providers() == [replace(waiting, is_approved=True)]
    assert await grid.ledger.waiting_providers() == []
    assert not await account.register(HARDWARE, PRICES, LABELS)


async def test_a_job_lives_from_the_request_to_the_bill(grid: Grid) -> None:
    job_id = await scheduled_job(grid)
    job = await grid.ledger.job(job_id)
    assert (job.id, job.status, job.definition, job.name) == (1, JobStatus.SCHEDULED, DEFINITION, "hello")
    assert job.provider == grid.providers[0].address
    assert job.customer == grid.customer.address
    assert job.cost.max_cost == WEI_PER_CREDIT
    assert job.terms.attempt == 1
    assert await grid.ledger.jobs_of(grid.customer.address) == [job_id]

    now = (await grid.ledger.head()).time
    reports = [
        Report(job_id, JobStatus.RUNNING, now),
        Report(job_id, JobStatus.FINISHED, now, exit_code=0, last_error="ümlaut"),
    ]
    assert await grid.provider_account().report(reports) == {}

    job = await grid.ledger.job(job_id)
    (settled,) = [event for event in await events_of(grid) if isinstance(event, JobSettled)]
    assert (job.status, job.last_error) == (JobStatus.FINISHED, "ümlaut")
    assert settled.paid + settled.fee + settled.refunded == WEI_PER_CREDIT
    assert await grid.ledger.balance(grid.customer.address) == CUSTOMER_CREDITS - WEI_PER_CREDIT + settled.refunded
    assert await grid.ledger.balance(grid.providers[0].address) == settled.paid


async def test_the_events_tell_the_life_of_a_job_in_order(grid: Grid) -> None:
    job_id = await scheduled_job(grid)
    told = [event for event in await events_of(grid) if isinstance(event, JobRequested | JobAssigned | JobChanged)]
    requested, assigned, *_ = (told[0], *[event for event in told if isinstance(event, JobAssigned)])
    assert isinstance(requested, JobRequested)
    assert (requested.job_id, requested.customer) == (job_id, grid.customer.address)
    assert isinstance(assigned, JobAssigned)
    assert (assigned.provider, assigned.price_per_minute) == (grid.providers[0].address, 2 * (10**15 + 10**14) + 10**17)
    states = [(event.before, event.after) for event in told if isinstance(event, JobChanged)]
    assert states == [
        (JobStatus.PENDING, JobStatus.META_SCHEDULED),
        (JobStatus.META_SCHEDULED, JobStatus.SCHEDULED),
    ]


async def test_one_signature_and_one_transaction_allow_and_request(grid: Grid) -> None:
    async def sent() -> int:
        return int(await grid.rpc.request("eth_getTransactionCount", [grid.customer.address, "latest"]), 16)

    before = await sent()
    for number in (1, 2):
        assert (await grid.customer_account.request_job(DEFINITION, 5, "signed", allowing=7)).job_id == number
        assert await grid.ledger.allowance(grid.customer.address) == 2
    assert await sent() == before + 2


async def test_a_request_that_is_refused_leaves_the_allowance_as_it_was(grid: Grid) -> None:
    await grid.customer_account.allow(3)
    with pytest.raises(ContractRefused) as caught:
        await grid.customer_account.request_job(DEFINITION, 5, "too dear", allowing=4)
    assert caught.value.name == "ERC20InsufficientAllowance"
    assert await grid.ledger.allowance(grid.customer.address) == 3


async def test_only_the_offer_that_the_admin_saw_is_approved(grid: Grid) -> None:
    account = grid.provider_account()
    await account.register(HARDWARE, PRICES, LABELS)
    (seen,) = await grid.ledger.waiting_providers()
    await account.register(HARDWARE, replace(PRICES, cpu_per_minute=10**18), LABELS)
    with pytest.raises(ContractRefused) as caught:
        await grid.admin_account.approve_offer(seen)
    assert caught.value.name == "OfferChanged"
    await account.register(HARDWARE, PRICES, LABELS)
    await grid.admin_account.approve_offer(seen)
    assert await grid.ledger.provider(seen.address) is not None


async def test_cancelling_before_the_start_gives_everything_back(grid: Grid) -> None:
    job_id = await scheduled_job(grid)
    await grid.customer_account.cancel(job_id)
    assert (await grid.ledger.job(job_id)).status is JobStatus.CANCELLED
    assert await grid.ledger.balance(grid.customer.address) == CUSTOMER_CREDITS


async def test_a_top_up_raises_what_is_locked(grid: Grid) -> None:
    job_id = await scheduled_job(grid)
    await grid.customer_account.top_up(job_id, 5)
    assert (await grid.ledger.job(job_id)).cost.max_cost == WEI_PER_CREDIT + 5
    (event,) = [event for event in await events_of(grid) if isinstance(event, JobToppedUp)]
    assert (event.by, event.amount, event.max_cost) == (grid.customer.address, 5, WEI_PER_CREDIT + 5)


async def test_a_provider_tops_up_for_a_customer_who_delegated_that(grid: Grid) -> None:
    job_id = await scheduled_job(grid, locked=3 * 10**17, delegate=True)
    now = (await grid.ledger.head()).time
    await grid.provider_account().report([Report(job_id, JobStatus.RUNNING, now)])
    await grid.provider_account().top_up_delegate(job_id)
    assert (await grid.ledger.job(job_id)).cost.max_cost > 3 * 10**17


async def test_a_refused_job_goes_back_to_the_queue_and_avoids_the_provider(grid: Grid) -> None:
    job_id = await scheduled_job(grid)
    await grid.provider_account().refuse(job_id, "the disk is full")
    job = await grid.ledger.job(job_id)
    assert (job.status, job.provider) == (JobStatus.PENDING, None)
    assert job.terms.avoided == frozenset({grid.providers[0].address})
    refused = await grid.scheduler_account.assign([(job_id, grid.providers[0].address)])
    assert refused[job_id].name == "ProviderAvoided"


async def test_a_refusal_carries_the_error_its_arguments_and_what_to_do(grid: Grid) -> None:
    with pytest.raises(ContractRefused, match="raise the allowance") as caught:
        await grid.customer_account.request_job(DEFINITION, WEI_PER_CREDIT, "hello")
    assert caught.value.name == "ERC20InsufficientAllowance"
    assert caught.value.arguments["needed"] == WEI_PER_CREDIT
    providers, stranger = grid.ledger.provider_manager_contract, grid.providers[0]
    with pytest.raises(ContractRefused, match="only the grid's admin"):
        await providers.send(stranger, "approve", stranger.address)


async def test_a_bad_entry_of_a_batch_is_named_and_leaves_the_others_alone(grid: Grid) -> None:
    provider = await grid.join(grid.providers[0], HARDWARE, PRICES, LABELS)
    await grid.customer_account.allow(10 * WEI_PER_CREDIT)
    ids = [(await grid.customer_account.request_job(DEFINITION, WEI_PER_CREDIT, str(n))).job_id for n in range(3)]
    ghost = JobId(99)
    refused = await grid.scheduler_account.assign([(ids[0], provider), (ghost, provider), (ids[2], provider)])
    assert {job_id: reason.name for job_id, reason in refused.items()} == {ghost: "InvalidJob"}
    assert await grid.provider_account().claim(ids) == {ids[0], ids[2]}
    assert [job.status for job in await grid.ledger.jobs(ids)] == [
        JobStatus.SCHEDULED,
        JobStatus.PENDING,
        JobStatus.SCHEDULED,
    ]


async def test_two_hundred_parallel_sends_of_one_account_all_count(grid: Grid) -> None:
    other = signer("provider two").address
    await asyncio.gather(*(grid.customer_account.transfer(other, 1) for _ in range(200)))
    assert await grid.ledger.balance(other) == 200


async def test_two_senders_of_one_account_do_not_lose_each_others_transactions(grid: Grid) -> None:
    other = signer("provider two").address
    twin = Sender(grid.rpc, grid.customer.signer, grid.address.chain_id, clock=grid.clock)
    contract = grid.ledger.credit_contract
    for _ in range(3):
        await contract.send(grid.customer, "transfer", other, 1)
        await contract.send(twin, "transfer", other, 1)
    assert await grid.ledger.balance(other) == 6


async def test_a_reader_that_starts_again_from_its_cursor_sees_every_event_once(grid: Grid) -> None:
    cursor, seen = grid.address.deployed_at_block, []
    for _ in range(3):
        await grid.customer_account.allow(10 * WEI_PER_CREDIT)
        await grid.customer_account.request_job(DEFINITION, WEI_PER_CREDIT, "again")
        async with EventReader(grid.ledger, clock=grid.clock) as reader:
            page = await reader.read(cursor)
        seen += [event.job_id for event in page.events if isinstance(event, JobRequested)]
        cursor = page.next_block
    assert seen == [1, 2, 3]


async def test_a_provider_reads_its_own_jobs_alone(grid: Grid) -> None:
    job_id = await scheduled_job(grid)
    await grid.customer_account.request_job(DEFINITION, WEI_PER_CREDIT, "of nobody yet")
    async with EventReader(grid.ledger, provider=grid.providers[0].address, clock=grid.clock) as reader:
        mine = await reader.read(0)
    async with EventReader(grid.ledger, provider=grid.providers[1].address, clock=grid.clock) as reader:
        others = await reader.read(0)
    assert {event.job_id for event in mine.events if isinstance(event, JobAssigned | JobChanged)} == {job_id}
    assert others.events == ()


async def test_a_block_wakes_a_waiting_reader(grid: Grid) -> None:
    async with EventReader(grid.ledger, clock=grid.clock) as reader:
        waiting = asyncio.create_task(reader.wake(3600))
        while not waiting.done():
            await grid.customer_account.allow(1)
            await asyncio.wait({waiting}, timeout=0)
        await waiting


async def test_a_wrong_chain_or_address_is_told_at_once(grid: Grid) -> None:
    with pytest.raises(WrongChain, match="chain id"):
        await Ledger.connect(grid.rpc, replace(grid.address, chain_id=5))
    with pytest.raises(NoContract, match="meta_scheduler"):
        await Ledger.connect(grid.rpc, replace(grid.address, meta_scheduler=grid.customer.address))
    with pytest.raises(NoContract):
        await Ledger.connect(grid.rpc, replace(grid.address, meta_scheduler=grid.ledger.credit))


async def test_an_unknown_job_is_named(grid: Grid) -> None:
    await grid.customer_account.allow(WEI_PER_CREDIT)
    job_id = (await grid.customer_account.request_job(DEFINITION, 1, "the only one")).job_id
    with pytest.raises(UnknownJob, match="no job 7"):
        await grid.ledger.jobs([job_id, JobId(7)])


async def test_a_heartbeat_renews_the_lease(grid: Grid) -> None:
    await grid.join(grid.providers[0], HARDWARE, PRICES)
    await ProviderAccount(grid.ledger, grid.providers[0]).heartbeat()
    head, settings = await grid.ledger.head(), await grid.ledger.settings()
    lease_end = await grid.ledger.lease_end(grid.providers[0].address)
    assert 0 < (lease_end - head.time).total_seconds() <= settings.lease_seconds
