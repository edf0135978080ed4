"""Promises of the transaction sender, on a node whose blocks and failures the test decides."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from deepsquare.chain.errors import (
    ChainError,
    ContractRefused,
    InsufficientGasFunds,
    NonceUsed,
    NotIndexed,
    OutcomeUnknown,
    RpcError,
)
from deepsquare.chain.sender import Sender, SenderSettings
from deepsquare.chain.signer import Signer
from tests.chain.pool_node import BLOCK_GAS, CHAIN_ID, PoolNode
from tests.support.clock import ManualClock

T = TypeVar("T")

KEY = "11" * 32
TARGET = Signer.from_key("22" * 32).address
LATE = RpcError(
    "eth_call",
    3,
    "execution reverted",
    "0x08c379a0" + "20".rjust(64, "0") + "04".rjust(64, "0") + b"late".hex().ljust(64, "0"),
)
"""A refusal with the word "late"."""


def sender_for(node: PoolNode, clock: ManualClock | None = None) -> Sender:
    return Sender(node, Signer.from_key(KEY), CHAIN_ID, clock=clock or ManualClock(), settings=SenderSettings())


async def settle(condition: Callable[[], bool]) -> None:
    """Let the other tasks run until the condition holds."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")


async def pass_time(clock: ManualClock, seconds: float, condition: Callable[[], bool]) -> None:
    """Move the clock by steps, letting the other tasks run in between, until the condition holds."""
    for _ in range(100):
        if condition():
            return
        clock.advance(seconds)
        for _ in range(50):
            await asyncio.sleep(0)
    raise AssertionError("it never came true")


async def mined(node: PoolNode, sending: Awaitable[T]) -> T:
    """Send while a block is made whenever something waits for one."""
    task = asyncio.ensure_future(sending)
    while not task.done():
        if node.pool:
            node.mine()
        await asyncio.sleep(0)
    return await task


async def test_a_sent_transaction_comes_back_as_its_receipt() -> None:
    node = PoolNode()
    receipt = await mined(node, sender_for(node).send(TARGET, b"\x01"))
    assert receipt.succeeded
    assert receipt.transaction_hash in node.mined


async def test_a_transaction_that_is_in_a_block_at_once_brings_its_receipt_and_is_not_asked_for_again() -> None:
    node = PoolNode()
    node.mines_at_once = True
    receipt = await sender_for(node).send(TARGET, b"")
    assert receipt.transaction_hash in node.mined
    assert node.receipts_asked == 1


@pytest.mark.parametrize(
    "said", [RpcError("eth_getTransactionReceipt", -32000, "unknown transaction"), NotIndexed("not yet")]
)
async def test_a_transaction_is_sent_once_to_a_node_that_took_it_and_has_no_word_for_its_receipt_yet(
    said: ChainError,
) -> None:
    node, clock = PoolNode(), ManualClock()
    node.refuse_early_receipts = said
    sending = asyncio.create_task(sender_for(node, clock).send(TARGET, b""))
    await settle(lambda: node.receipts_asked == 2)
    node.mine()
    await pass_time(clock, 1, sending.done)
    assert (await sending).succeeded
    assert len(node.received) == 1


async def test_two_hundred_parallel_sends_all_arrive_each_with_its_own_nonce() -> None:
    node = PoolNode()
    sender = sender_for(node)
    receipts = await mined(node, asyncio.gather(*(sender.send(TARGET, bytes([n])) for n in range(200))))
    assert len({receipt.transaction_hash for receipt in receipts}) == 200
    assert node.counts[sender.address] == 200


async def test_sends_do_not_wait_for_the_receipts_of_earlier_ones() -> None:
    node = PoolNode()
    sender = sender_for(node)
    sends = [asyncio.create_task(sender.send(TARGET, bytes([n]))) for n in range(20)]
    await settle(lambda: len(node.pool) == 20)
    node.mines_at_once = True
    for _ in range(20):
        node.mine()
    await asyncio.gather(*sends)


async def test_receipts_of_many_sends_are_asked_for_in_one_round_trip() -> None:
    node = PoolNode()
    sender = sender_for(node)
    sends = [asyncio.create_task(sender.send(TARGET, bytes([n]))) for n in range(20)]
    await settle(lambda: len(node.pool) == 20)
    await settle(lambda: 20 in node.batch_sizes)
    while node.pool:
        node.mine()
    await asyncio.gather(*sends)


async def test_a_chain_with_a_base_fee_gets_type_2_and_any_other_the_legacy_form() -> None:
    modern, plain = PoolNode(), PoolNode(base_fee=None)
    first = await mined(modern, sender_for(modern).send(TARGET, b""))
    second = await mined(plain, sender_for(plain).send(TARGET, b""))
    assert modern.transaction(first.transaction_hash)["type"] == 2
    assert plain.transaction(second.transaction_hash)["type"] == 0


async def test_a_refused_call_is_told_before_anything_is_sent() -> None:
    node = PoolNode()
    node.refuse_estimates = RpcError("eth_estimateGas", 3, "execution reverted", "0x")
    with pytest.raises(ContractRefused):
        await sender_for(node).send(TARGET, b"")
    assert node.received == []


@pytest.mark.parametrize("base_fee", [0, None])
async def test_where_gas_is_known_to_cost_nothing_a_call_is_sent_with_plenty_of_it_and_not_tried_before(
    base_fee: int | None,
) -> None:
    node = PoolNode(base_fee, tip=0)
    sender = sender_for(node)
    receipts = [await mined(node, sender.send(TARGET, bytes([number]))) for number in range(4)]
    assert node.estimates == 1
    assert node.transaction(receipts[-1].transaction_hash)["gas"] == BLOCK_GAS // 2


async def test_a_refusal_where_gas_costs_nothing_is_told_with_its_reason_too() -> None:
    node = PoolNode(0, tip=0)
    sender = sender_for(node)
    await mined(node, sender.send(TARGET, b""))
    node.succeeds = False
    node.refuse_estimates = LATE
    with pytest.raises(ContractRefused, match="late"):
        await mined(node, sender.send(TARGET, b"\x01"))
    assert len(node.received) == 2


async def test_no_transaction_is_given_more_gas_than_any_may_have_however_much_a_block_holds() -> None:
    node = PoolNode(0, tip=0)
    node.block_gas = 10**9
    sender = sender_for(node)
    receipts = [await mined(node, sender.send(TARGET, bytes([number]))) for number in range(2)]
    assert node.transaction(receipts[-1].transaction_hash)["gas"] == 2**24


@pytest.mark.parametrize("gas_used", [BLOCK_GAS // 2, BLOCK_GAS // 3])
async def test_a_call_for_which_free_gas_was_too_little_is_estimated_and_sent_once_more(gas_used: int) -> None:
    # A contract may notice it by itself, as a batch does, and hand back what is left.
    node = PoolNode(0, tip=0)
    sender = sender_for(node)
    await mined(node, sender.send(TARGET, b""))
    node.succeeds, node.gas_used = False, gas_used

    def succeed_once_it_was_estimated(_: str) -> None:
        node.succeeds = node.estimates == 2

    node.on_send = succeed_once_it_was_estimated
    receipt = await mined(node, sender.send(TARGET, b"\x01"))
    assert receipt.succeeded
    assert len(node.received) == 3


async def test_a_call_that_no_block_can_hold_is_refused_by_its_estimate_however_free_gas_is() -> None:
    node = PoolNode(0, tip=0)
    sender = sender_for(node)
    await mined(node, sender.send(TARGET, b""))
    node.succeeds, node.gas_used = False, BLOCK_GAS // 2
    node.refuse_estimates = RpcError("eth_estimateGas", -32000, "gas required exceeds allowance")
    with pytest.raises(RpcError, match="gas required exceeds allowance"):
        await mined(node, sender.send(TARGET, b"\x02"))


async def test_a_call_with_a_nonce_of_its_callers_is_tried_first_whatever_gas_costs() -> None:
    node = PoolNode(0, tip=0)
    sender = sender_for(node)
    await mined(node, sender.send(TARGET, b""))
    node.refuse_estimates = RpcError("eth_estimateGas", 3, "execution reverted", "0x")
    with pytest.raises(ContractRefused):
        await sender.send(TARGET, b"", nonce=1)
    assert len(node.received) == 1


async def test_calls_are_tried_first_again_once_gas_costs_something() -> None:
    node, clock = PoolNode(0, tip=0), ManualClock()
    sender = sender_for(node, clock)
    await mined(node, sender.send(TARGET, b""))
    node.base_fee = 10**9
    clock.advance(60)
    receipt = await mined(node, sender.send(TARGET, b"\x01"))
    assert node.estimates == 2
    assert node.transaction(receipt.transaction_hash)["max_fee"] >= node.base_fee


async def test_a_call_that_is_refused_in_its_block_is_told_with_the_reason() -> None:
    node = PoolNode()
    node.succeeds = False
    node.replay_error = LATE
    with pytest.raises(ContractRefused, match="late"):
        await mined(node, sender_for(node).send(TARGET, b""))


async def test_a_lost_answer_leads_to_the_same_bytes_again_and_to_one_transaction() -> None:
    node, clock = PoolNode(), ManualClock()
    node.lose_answers = 1
    sending = asyncio.create_task(sender_for(node, clock).send(TARGET, b""))
    await settle(lambda: len(node.received) == 1)
    await pass_time(clock, 1, lambda: len(node.received) == 2)
    await mined(node, sending)
    assert len(set(node.received)) == 1
    assert len(node.mined) == 1


async def test_a_lost_answer_to_a_transaction_that_was_mined_meanwhile_is_a_success() -> None:
    node, clock = PoolNode(), ManualClock()
    node.lose_answers, node.mines_at_once = 1, True
    sending = asyncio.create_task(sender_for(node, clock).send(TARGET, b""))
    await settle(lambda: len(node.received) == 1)
    await pass_time(clock, 1, sending.done)
    assert (await sending).transaction_hash == node.received[0]
    assert len(node.mined) == 1


async def test_a_node_that_stays_away_makes_the_outcome_unknown_and_names_the_transaction() -> None:
    node, clock = PoolNode(), ManualClock()
    node.on_send = lambda _: setattr(node, "is_up", False)
    node.lose_answers = 1
    sending = asyncio.create_task(sender_for(node, clock).send(TARGET, b""))
    await settle(lambda: not node.is_up)
    await pass_time(clock, 5, sending.done)
    with pytest.raises(OutcomeUnknown) as caught:
        await sending
    assert caught.value.transaction_hash == node.received[0]
    assert caught.value.transient


async def test_a_nonce_that_another_process_used_is_read_again() -> None:
    node = PoolNode()
    sender = sender_for(node)
    await mined(node, sender.send(TARGET, b"\x01"))
    node.use_nonce(sender.address)
    receipt = await mined(node, sender.send(TARGET, b"\x02"))
    assert node.transaction(receipt.transaction_hash)["nonce"] == 2


async def test_a_fee_below_a_base_fee_that_just_rose_is_corrected() -> None:
    node = PoolNode()
    node.refuse_once = [RpcError("eth_sendRawTransaction", -32000, "max fee per gas less than block base fee")]
    receipt = await mined(node, sender_for(node).send(TARGET, b""))
    assert receipt.transaction_hash != node.received[0]


async def test_a_transaction_that_waits_too_long_is_replaced_at_its_own_nonce_with_a_higher_fee() -> None:
    node, clock = PoolNode(), ManualClock()
    sending = asyncio.create_task(sender_for(node, clock).send(TARGET, b""))
    await settle(lambda: len(node.received) == 1)
    await pass_time(clock, 10, lambda: len(node.received) == 2)
    first, second = (node.transaction(hash_) for hash_ in node.received)
    assert second["nonce"] == first["nonce"]
    assert second["max_fee"] > first["max_fee"] * 1.2
    await mined(node, sending)
    assert len(node.mined) == 1


async def test_a_transaction_that_the_node_forgot_is_offered_again() -> None:
    node, clock = PoolNode(), ManualClock()
    sending = asyncio.create_task(sender_for(node, clock).send(TARGET, b""))
    await settle(lambda: len(node.received) == 1)
    node.drop(node.received[0])
    await pass_time(clock, 10, lambda: bool(node.pool))
    assert (await mined(node, sending)).succeeded


async def test_an_intent_gets_a_new_nonce_only_once_its_first_one_is_gone() -> None:
    node, clock = PoolNode(), ManualClock()
    sender = sender_for(node, clock)
    sending = asyncio.create_task(sender.send(TARGET, b""))
    await settle(lambda: len(node.received) == 1)
    node.use_nonce(sender.address)
    await pass_time(clock, 10, lambda: bool(node.pool))
    receipt = await mined(node, sending)
    assert node.transaction(receipt.transaction_hash)["nonce"] == 1


async def test_a_cancelled_send_leaves_no_hole_in_the_nonces() -> None:
    node = PoolNode()
    sender = sender_for(node)
    first = asyncio.create_task(sender.send(TARGET, b"\x01"))
    await settle(lambda: len(node.received) == 1)
    first.cancel()
    await asyncio.wait({first})
    await mined(node, sender.send(TARGET, b"\x02"))
    assert node.counts[sender.address] == 2


async def test_an_account_without_coin_is_told_that_gas_costs() -> None:
    node = PoolNode()
    node.refuse_once = [RpcError("eth_sendRawTransaction", -32000, "insufficient funds for gas * price + value")]
    with pytest.raises(InsufficientGasFunds, match="own coin"):
        await sender_for(node).send(TARGET, b"")


async def test_an_answer_that_nobody_knows_is_passed_on_as_it_came() -> None:
    node = PoolNode()
    node.refuse_once = [RpcError("eth_sendRawTransaction", -32000, "the moon is full")]
    sender = sender_for(node)
    with pytest.raises(RpcError, match="moon"):
        await sender.send(TARGET, b"")
    assert (await mined(node, sender.send(TARGET, b""))).succeeded


async def test_a_node_that_goes_away_while_a_transaction_waits_costs_time_and_nothing_else() -> None:
    node, clock = PoolNode(), ManualClock()
    sending = asyncio.create_task(sender_for(node, clock).send(TARGET, b""))
    await settle(lambda: len(node.received) == 1)
    node.is_up = False
    for _ in range(20):
        clock.advance(10)
        await asyncio.sleep(0)
    assert not sending.done()
    node.is_up = True
    node.mine()
    await pass_time(clock, 1, sending.done)
    assert (await sending).transaction_hash in node.mined
    assert len(node.mined) == 1


async def test_fees_stop_rising_and_the_last_offer_is_repeated() -> None:
    node, clock = PoolNode(), ManualClock()
    sending = asyncio.create_task(sender_for(node, clock).send(TARGET, b""))
    await pass_time(clock, 10, lambda: len(node.received) == 15)
    assert len(set(node.received)) == 9
    assert node.transaction(node.received[-1])["max_fee"] < 8 * node.transaction(node.received[0])["max_fee"]
    assert (await mined(node, sending)).transaction_hash == node.received[-1]


async def test_a_node_without_a_suggestion_for_tips_is_offered_one_gwei() -> None:
    node = PoolNode()
    node.suggests_tips = False
    sender = sender_for(node)
    for _ in range(2):
        receipt = await mined(node, sender.send(TARGET, b""))
        assert node.transaction(receipt.transaction_hash)["max_fee"] == 2 * 10**9 + 10**9


async def test_of_two_processes_that_send_with_the_same_nonce_one_counts_and_the_other_is_told() -> None:
    node = PoolNode()
    one, two = sender_for(node), sender_for(node)
    first = asyncio.create_task(one.send(TARGET, b"\x01", nonce=0))
    await settle(lambda: len(node.pool) == 1)
    second = asyncio.create_task(two.send(TARGET, b"\x02", nonce=0))
    await settle(lambda: len(node.received) > 1)
    node.mine()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert node.counts[one.address] == 1
    assert [type(outcome) for outcome in outcomes].count(NonceUsed) == 1


async def test_what_waits_with_the_same_nonce_is_outbid() -> None:
    node = PoolNode()
    stuck = asyncio.create_task(sender_for(node).send(TARGET, b"\x01", nonce=0))
    await settle(lambda: len(node.pool) == 1)
    (waiting,) = node.pool.values()
    better = asyncio.create_task(sender_for(node).send(TARGET, b"\x02", nonce=0))
    await settle(lambda: waiting not in node.pool.values())
    node.mine()
    receipt = await better
    assert node.transaction(receipt.transaction_hash)["max_fee"] > node.transaction(waiting)["max_fee"]
    stuck.cancel()


async def test_a_nonce_that_is_used_up_is_told_and_nothing_is_sent() -> None:
    node = PoolNode()
    sender = sender_for(node)
    await mined(node, sender.send(TARGET, b"\x01"))
    with pytest.raises(NonceUsed, match="nonce 0"):
        await sender.send(TARGET, b"\x02", nonce=0)
    assert not node.pool
