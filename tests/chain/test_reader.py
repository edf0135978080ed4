"""Promises of the event reader, on a chain with a known history."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepsquare.chain import ChainUnreachable, EventReader, GridEvent, Ledger, RpcError
from deepsquare.chain.reader import EventPage
from deepsquare.model import WEI_PER_CREDIT, Hardware, JobDefinition, Node, Prices
from tests.chain.wrapped_rpc import Call, WrappedRpc
from tests.support.chain import FreshGrid, fresh_grid

DEFINITION = JobDefinition(tasks=1, cpus_per_task=1, memory_per_cpu_mb=1, gpus=0, script_hash="ab" * 32)
JOBS = 3


@dataclass(frozen=True)
class History:
    """A grid on which some jobs were requested, assigned and cancelled."""

    grid: FreshGrid
    rpc: WrappedRpc
    ledger: Ledger


async def _live(grid: FreshGrid) -> None:
    provider = await grid.join(grid.providers[0], Hardware((Node(4, 1000),)), Prices(0, 1, 0))
    await grid.customer_account.allow(JOBS * WEI_PER_CREDIT)
    for number in range(JOBS):
        job_id = (await grid.customer_account.request_job(DEFINITION, WEI_PER_CREDIT, str(number))).job_id
        await grid.scheduler_account.assign([(job_id, provider)])
        await grid.customer_account.cancel(job_id)


@pytest.fixture
async def history() -> AsyncIterator[History]:
    async with fresh_grid(_live) as grid:
        rpc = WrappedRpc(grid.rpc)
        yield History(grid, rpc, await Ledger.connect(rpc, grid.address))


async def read_on(ledger: Ledger, cursor: int, reads: int = 100) -> tuple[list[GridEvent], int]:
    """What a reader finds from a cursor on, in so many reads at most, and the cursor it leaves."""
    found: list[GridEvent] = []
    async with EventReader(ledger) as reader:
        for _ in range(reads):
            page = await reader.read(cursor)
            found += page.events
            cursor = page.next_block
            if page.reached_head:
                break
    return found, cursor


def refusing_more_than(blocks: int) -> Callable[[Call], None]:
    def refuse(call: Call) -> None:
        method, params = call
        if method == "eth_getLogs":
            bounds = params[0]
            if int(bounds["toBlock"], 16) - int(bounds["fromBlock"], 16) >= blocks:
                raise RpcError(method, -32005, "query returned more than 10000 results")

    return refuse


async def test_events_come_in_the_order_in_which_they_happened(history: History) -> None:
    found, _ = await read_on(history.ledger, 0)
    places = [(event.block, event.index) for event in found]
    assert places == sorted(set(places))
    assert len(places) > 4 * JOBS


class Telling(WrappedRpc):
    """A node that tells which block is the newest."""

    head = 0

    async def new_heads(self) -> AsyncIterator[int | None]:
        while True:
            yield self.head


async def test_a_reader_asks_only_for_the_newest_block_that_it_was_not_told_of(history: History) -> None:
    asked: list[str] = []
    rpc = Telling(history.grid.rpc, lambda call: asked.append(call[0]))
    ledger = await Ledger.connect(rpc, history.grid.address)
    _, head = await read_on(history.ledger, 0)
    rpc.head = head - 3
    async with EventReader(ledger) as reader:
        await reader.wake(60)
        asked.clear()
        told = await reader.read(0)
        assert asked == ["eth_getLogs"]
        rest = await reader.read(told.next_block)
        assert asked == ["eth_getLogs", "eth_blockNumber", "eth_getLogs"]
    found, _ = await read_on(history.ledger, 0)
    assert [*told.events, *rest.events] == found
    assert (told.next_block, rest.next_block) == (head - 2, head)


async def test_an_up_to_date_reader_finds_nothing_and_keeps_its_cursor(history: History) -> None:
    _, cursor = await read_on(history.ledger, 0)
    async with EventReader(history.ledger) as reader:
        assert await reader.read(cursor) == EventPage((), cursor, reached_head=True)
        assert await reader.read(cursor + 50) == EventPage((), cursor + 50, reached_head=True)


@pytest.mark.parametrize("blocks", [1, 2, 3, 7])
async def test_a_node_that_answers_small_ranges_alone_is_read_to_the_end(history: History, blocks: int) -> None:
    everything, end = await read_on(history.ledger, 0)
    history.rpc.before_each = refusing_more_than(blocks)
    assert await read_on(history.ledger, 0) == (everything, end)


async def test_a_node_that_refuses_even_one_block_is_an_error(history: History) -> None:
    history.rpc.before_each = refusing_more_than(0)
    with pytest.raises(RpcError, match="more than 10000"):
        await read_on(history.ledger, 0)


async def test_a_range_that_was_refused_grows_again(history: History) -> None:
    history.rpc.before_each = refusing_more_than(2)
    async with EventReader(history.ledger) as reader:
        first = await reader.read(0)
        history.rpc.before_each = lambda _: None
        cursor, reads = first.next_block, 0
        while not (page := await reader.read(cursor)).reached_head:
            cursor, reads = page.next_block, reads + 1
    assert reads < 5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), max_size=8))
async def test_readers_that_are_killed_anywhere_miss_nothing_and_repeat_nothing(
    history: History, plan: list[tuple[int, int]]
) -> None:
    everything, _ = await read_on(history.ledger, 0)
    found: list[GridEvent] = []
    cursor = 0
    for blocks, reads in plan:
        history.rpc.before_each = refusing_more_than(blocks)
        part, cursor = await read_on(history.ledger, cursor, reads)
        found += part
    history.rpc.before_each = lambda _: None
    rest, _ = await read_on(history.ledger, cursor)
    assert found + rest == everything


async def test_a_range_that_is_read_again_gives_equal_events(history: History) -> None:
    everything, end = await read_on(history.ledger, 0)
    again, _ = await read_on(history.ledger, end // 2)
    assert again == [event for event in everything if event.block >= end // 2]


async def test_events_that_are_not_confirmed_wait(history: History) -> None:
    head = (await history.ledger.head()).number
    async with EventReader(history.ledger, confirmations=3) as reader:
        page = await reader.read(0)
    assert page.next_block == head - 3 + 1
    assert max(event.block for event in page.events) <= head - 3


async def test_a_reader_that_is_behind_does_not_sleep(history: History) -> None:
    history.rpc.before_each = refusing_more_than(2)
    async with EventReader(history.ledger, clock=history.grid.clock) as reader:
        assert not (await reader.read(0)).reached_head
        await reader.wake(3600)


async def test_a_reader_that_is_up_to_date_wakes_when_the_time_is_up(history: History) -> None:
    async with EventReader(history.ledger, clock=history.grid.clock) as reader:
        await reader.read(0)
        waking = asyncio.create_task(reader.wake(60))
        await asyncio.sleep(0)
        assert not waking.done()
        while not waking.done():
            history.grid.clock.advance(10)
            await asyncio.sleep(0)


async def test_a_reader_with_a_pause_wakes_for_the_first_block_and_then_for_all_of_a_pause_together(
    history: History,
) -> None:
    clock = history.grid.clock
    async with EventReader(history.ledger, pause_seconds=5, clock=clock) as reader:
        await reader.wake(3600)
        await history.grid.customer_account.allow(WEI_PER_CREDIT)

        waking = asyncio.create_task(reader.wake(3600))
        for seconds in (0, 4):
            clock.advance(seconds)
            for _ in range(20):
                await asyncio.sleep(0)
            assert not waking.done()
        await history.grid.customer_account.allow(2 * WEI_PER_CREDIT)
        clock.advance(1)
        await waking

        clock.advance(5)
        await history.grid.customer_account.allow(WEI_PER_CREDIT)
        await reader.wake(3600)


@pytest.mark.parametrize("timeout_seconds", [3, 5, 8])
async def test_a_reader_with_a_pause_of_five_seconds_wakes_when_the_time_is_up(
    history: History, timeout_seconds: float
) -> None:
    clock = history.grid.clock
    async with EventReader(history.ledger, pause_seconds=5, clock=clock) as reader:
        await reader.wake(3600)
        begun = clock.now()
        waking = asyncio.create_task(reader.wake(timeout_seconds))
        for _ in range(20):
            await asyncio.sleep(0)
        while not waking.done():
            clock.advance(0.5)
            for _ in range(20):
                await asyncio.sleep(0)
        assert (clock.now() - begun).total_seconds() == timeout_seconds


async def test_a_node_that_is_away_is_told_and_nothing_is_lost(history: History) -> None:
    def away(_: Call) -> None:
        raise ChainUnreachable("away")

    everything, _ = await read_on(history.ledger, 0)
    history.rpc.before_each = away
    with pytest.raises(ChainUnreachable):
        await read_on(history.ledger, 0)
    history.rpc.before_each = lambda _: None
    assert (await read_on(history.ledger, 0))[0] == everything
