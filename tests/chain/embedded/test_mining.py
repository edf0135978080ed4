import asyncio
from typing import Any

import pytest

from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.queue import MOST_PER_SENDER
from deepsquare.chain.errors import RpcError
from tests.chain.embedded.programs import (
    CALL_ITSELF,
    COUNT,
    INVALID,
    KEEP_TEMPORARILY,
    SPEND_ALL_GAS,
    STORE_ARGUMENT,
    STORE_TIME,
    creation_of,
)
from tests.chain.embedded.wallet import RICH, Wallet, receipt, word
from tests.support.clock import ManualClock

STRANGER = "0x00000000000000000000000000000000000000aa"


async def send(chain: EmbeddedChain, raw: str) -> str:
    return str(await chain.request("eth_sendRawTransaction", [raw]))


async def refusal(chain: EmbeddedChain, raw: str) -> str:
    with pytest.raises(RpcError) as caught:
        await send(chain, raw)
    assert caught.value.code == -32000
    return caught.value.node_message


async def number(chain: EmbeddedChain, method: str, *params: Any) -> int:
    return int(await chain.request(method, params), 16)


async def test_a_transaction_is_mined_before_it_is_acknowledged(chain: EmbeddedChain, wallet: Wallet) -> None:
    mined = await wallet.send(chain, to=STRANGER, value=5, gas=21_000)
    assert (mined["status"], mined["blockNumber"], mined["gasUsed"]) == ("0x1", "0x1", hex(21_000))
    assert await number(chain, "eth_getBalance", STRANGER, "latest") == 5


async def test_both_kinds_of_fee_work(chain: EmbeddedChain, wallet: Wallet) -> None:
    legacy = await wallet.send(chain, to=STRANGER, gas=20_000_000, gasPrice=7)
    modern = await wallet.send(chain, to=STRANGER, gas=21_000, maxFeePerGas=9, maxPriorityFeePerGas=2)
    listed = await wallet.send(chain, to=STRANGER, gas=30_000, gasPrice=3, accessList=[], type=1)
    assert [(each["type"], each["effectiveGasPrice"]) for each in (legacy, modern, listed)] == [
        ("0x0", "0x7"),
        ("0x2", "0x2"),
        ("0x1", "0x3"),
    ]
    assert await number(chain, "eth_getBalance", wallet.address, "latest") == RICH - 21_000 * (7 + 2 + 3)


async def test_an_account_without_coins_can_use_the_chain(chain: EmbeddedChain) -> None:
    assert (await Wallet(seed=99).send(chain, data=creation_of(COUNT)))["status"] == "0x1"


async def test_transactions_sent_together_share_a_block_in_the_order_they_came(
    chain: EmbeddedChain, wallet: Wallet
) -> None:
    other = Wallet(seed=2)
    raws = [wallet.sign(to=STRANGER), other.sign(to=STRANGER), wallet.sign(to=STRANGER)]
    hashes = await chain.batch([("eth_sendRawTransaction", [raw]) for raw in raws])
    receipts = [await receipt(chain, each) for each in hashes]
    assert {each["blockNumber"] for each in receipts} == {"0x1"}
    assert [each["transactionIndex"] for each in receipts] == ["0x0", "0x1", "0x2"]


async def test_a_block_is_closed_when_the_next_transaction_may_not_fit(chain: EmbeddedChain, wallet: Wallet) -> None:
    calls = [("eth_sendRawTransaction", [wallet.sign(to=STRANGER, gas=20_000_000)]) for _ in range(2)]
    full = ("eth_sendRawTransaction", [wallet.sign(to=STRANGER, gas=50_000_000)])
    receipts = [await receipt(chain, each) for each in await chain.batch([*calls, full])]
    assert [each["blockNumber"] for each in receipts] == ["0x1", "0x1", "0x2"]
    assert [each["cumulativeGasUsed"] for each in receipts] == [hex(21_000), hex(42_000), hex(21_000)]


async def test_a_used_nonce_is_refused(chain: EmbeddedChain, wallet: Wallet) -> None:
    await wallet.send(chain, to=STRANGER)
    assert await refusal(chain, wallet.sign(nonce=0, to=STRANGER)) == "nonce too low: next nonce 1, tx nonce 0"


async def test_a_nonce_ahead_waits_for_the_ones_before_it(chain: EmbeddedChain, wallet: Wallet) -> None:
    later = await send(chain, wallet.sign(nonce=1, to=STRANGER))
    assert await receipt(chain, later) is None
    assert (await chain.request("eth_getTransactionByHash", [later]))["blockNumber"] is None
    assert await number(chain, "eth_getTransactionCount", wallet.address, "pending") == 0
    await wallet.send(chain, to=STRANGER)
    assert (await receipt(chain, later))["transactionIndex"] == "0x1"
    assert await number(chain, "eth_getTransactionCount", wallet.address, "pending") == 2


async def test_a_waiting_transaction_is_known(chain: EmbeddedChain, wallet: Wallet) -> None:
    raw = wallet.sign(nonce=3, to=STRANGER)
    await send(chain, raw)
    assert await refusal(chain, raw) == "already known"


async def test_a_waiting_transaction_is_replaced_by_one_that_offers_a_tenth_more(
    chain: EmbeddedChain, wallet: Wallet
) -> None:
    cheap = await send(chain, wallet.sign(nonce=1, to=STRANGER, gasPrice=100))
    too_little = wallet.sign(nonce=1, to=STRANGER, gasPrice=109)
    assert await refusal(chain, too_little) == "replacement transaction underpriced"
    dear = await send(chain, wallet.sign(nonce=1, to=STRANGER, gasPrice=110))
    await wallet.send(chain, to=STRANGER)
    assert (await receipt(chain, dear))["status"] == "0x1"
    assert await chain.request("eth_getTransactionByHash", [cheap]) is None


async def test_the_waiting_transactions_of_an_account_are_bounded(chain: EmbeddedChain, wallet: Wallet) -> None:
    calls = [("eth_sendRawTransaction", [wallet.sign(nonce=1 + at, to=STRANGER)]) for at in range(MOST_PER_SENDER)]
    await chain.batch(calls)
    assert "account limit exceeded" in await refusal(chain, wallet.sign(nonce=1000, to=STRANGER))


async def test_a_waiting_transaction_that_cannot_be_paid_any_more_is_dropped(
    chain: EmbeddedChain, wallet: Wallet
) -> None:
    late = await send(chain, wallet.sign(nonce=1, to=STRANGER, value=RICH))
    await wallet.send(chain, to=STRANGER, value=1)
    assert await chain.request("eth_getTransactionByHash", [late]) is None
    assert await number(chain, "eth_getBalance", STRANGER, "latest") == 1


async def test_value_and_gas_must_be_covered(chain: EmbeddedChain, wallet: Wallet) -> None:
    said = await refusal(chain, wallet.sign(to=STRANGER, value=RICH, gas=21_000, gasPrice=1))
    assert said.startswith("insufficient funds for gas * price + value")
    assert "overshot 21000" in said


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"gas": 20_999, "to": STRANGER}, "intrinsic gas too low"),
        ({"gas": 50_000_001, "to": STRANGER}, "exceeds block gas limit"),
        ({"gas": 25_000, "to": STRANGER, "data": b"\1" * 300}, "intrinsic gas too low"),
        ({"data": b"\0" * 49_153}, "max initcode size exceeded"),
        ({"to": STRANGER, "data": b"\0" * 131_000}, "oversized data"),
        (
            {"to": STRANGER, "maxFeePerGas": 1, "maxPriorityFeePerGas": 2},
            "max priority fee per gas higher than max fee per gas",
        ),
    ],
)
async def test_a_transaction_that_can_never_be_valid_is_refused(
    chain: EmbeddedChain, wallet: Wallet, fields: dict[str, Any], words: str
) -> None:
    assert words in await refusal(chain, wallet.sign(**fields))


async def test_another_chains_transaction_is_refused(chain: EmbeddedChain) -> None:
    said = await refusal(chain, Wallet(chain_id=5).sign(to=STRANGER))
    assert said == "invalid chain id for signer: have 5 want 179188"


async def test_a_refused_transaction_does_not_disturb_the_others_sent_with_it(
    chain: EmbeddedChain, wallet: Wallet
) -> None:
    good = wallet.sign(to=STRANGER)
    answers = await chain.answer([("eth_sendRawTransaction", [raw]) for raw in ("0xc0", good, "0x01", "nonsense")])
    assert [isinstance(answer, str) for answer in answers] == [False, True, False, False]


async def test_a_sender_that_no_longer_waits_disturbs_nobody(chain: EmbeddedChain, wallet: Wallet) -> None:
    impatient = asyncio.ensure_future(send(chain, wallet.sign(to=STRANGER)))
    patient = asyncio.ensure_future(send(chain, wallet.sign(to=STRANGER)))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await receipt(chain, await patient) is not None
    assert await number(chain, "eth_getTransactionCount", wallet.address, "latest") == 2


@pytest.mark.parametrize("program", [SPEND_ALL_GAS, INVALID])
async def test_a_transaction_that_fails_is_mined_and_paid(chain: EmbeddedChain, wallet: Wallet, program: bytes) -> None:
    contract = await wallet.deploy(chain, program)
    mined = await wallet.send(chain, to=contract, gas=100_000)
    assert (mined["status"], mined["gasUsed"], mined["logs"]) == ("0x0", hex(100_000), [])


async def test_contracts_may_call_as_deep_as_their_gas_carries(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, CALL_ITSELF)
    assert (await wallet.send(chain, to=contract, gas=50_000_000))["status"] == "0x1"


async def test_transient_storage_ends_with_its_transaction(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, KEEP_TEMPORARILY)
    calls = [("eth_sendRawTransaction", [wallet.sign(to=contract)]) for _ in range(2)]
    await chain.batch(calls)
    assert await number(chain, "eth_getStorageAt", contract, "0x0", "latest") == 0


async def test_clearing_a_slot_gives_gas_back(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, STORE_ARGUMENT)
    set_it = await wallet.send(chain, to=contract, data=word(7))
    clear_it = await wallet.send(chain, to=contract, data=word(0))
    # 21,000 + calldata 31 zeros and a 7 + the program; a cleared slot refunds 4,800 but at most a fifth.
    assert int(set_it["gasUsed"], 16) - int(clear_it["gasUsed"], 16) == 17_100 + 4_800 + 12


async def test_blocks_carry_the_present_time(chain: EmbeddedChain, wallet: Wallet, clock: ManualClock) -> None:
    contract = await wallet.deploy(chain, STORE_TIME)
    clock.advance(3600)
    mined = await wallet.send(chain, to=contract)
    block = await chain.request("eth_getBlockByHash", [mined["blockHash"], False])
    assert int(block["timestamp"], 16) == int(clock.now().timestamp())
    assert await number(chain, "eth_getStorageAt", contract, "0x0", "latest") == int(clock.now().timestamp())


async def test_fast_blocks_do_not_run_ahead_of_the_clock(
    chain: EmbeddedChain, wallet: Wallet, clock: ManualClock
) -> None:
    for _ in range(3):
        await wallet.send(chain, to=STRANGER)
    head = await chain.request("eth_getBlockByNumber", ["latest", False])
    assert (int(head["number"], 16), int(head["timestamp"], 16)) == (3, int(clock.now().timestamp()))


async def test_time_never_goes_back_even_if_the_clock_does(
    chain: EmbeddedChain, wallet: Wallet, clock: ManualClock
) -> None:
    clock.advance(100)
    await wallet.send(chain, to=STRANGER)
    clock.advance(-50)
    await wallet.send(chain, to=STRANGER)
    blocks = [await chain.request("eth_getBlockByNumber", [hex(at), False]) for at in (1, 2)]
    assert blocks[0]["timestamp"] == blocks[1]["timestamp"]


async def test_an_idle_chain_makes_no_blocks(chain: EmbeddedChain, clock: ManualClock) -> None:
    clock.advance(1000)
    assert await chain.request("eth_blockNumber") == "0x0"


async def test_a_listener_is_woken_at_once_and_by_each_new_block(chain: EmbeddedChain, wallet: Wallet) -> None:
    heads = chain.new_heads()
    await anext(heads)
    waiting = asyncio.ensure_future(anext(heads))
    await asyncio.sleep(0)
    assert not waiting.done()
    await wallet.send(chain, to=STRANGER)
    await waiting


async def test_listening_ends_when_the_chain_is_closed(chain: EmbeddedChain) -> None:
    heads = chain.new_heads()
    await anext(heads)
    waiting = asyncio.ensure_future(anext(heads))
    await asyncio.sleep(0)
    await chain.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
