from typing import Any

import pytest

from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.state import STATES_KEPT
from deepsquare.chain.errors import RpcError
from tests.chain.embedded.programs import (
    COUNT,
    INVALID,
    REVERT_WITH_ARGUMENTS,
    SPEND_ALL_GAS,
    STORE_ARGUMENT,
    TELL_BASE_FEE,
    TELL_NUMBER,
    TELL_SLOT_0,
    TELL_TIME,
    assemble,
    creation_of,
)
from tests.chain.embedded.wallet import RICH, Wallet, word, words
from tests.support.clock import ManualClock

NOBODY = "0x" + "00" * 19 + "ee"


async def call(chain: EmbeddedChain, *params: Any) -> int:
    return int(await chain.request("eth_call", params), 16)


async def failure(chain: EmbeddedChain, method: str, *params: Any) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await chain.request(method, params)
    return caught.value


@pytest.mark.parametrize("tag", ["latest", "pending", "safe", "finalized"])
async def test_a_call_on_the_present_sees_the_present_time(
    chain: EmbeddedChain, wallet: Wallet, clock: ManualClock, tag: str
) -> None:
    contract = await wallet.deploy(chain, TELL_TIME)
    clock.advance(7200)
    assert await call(chain, {"to": contract}, tag) == int(clock.now().timestamp())


async def test_a_call_without_a_block_is_on_the_present(
    chain: EmbeddedChain, wallet: Wallet, clock: ManualClock
) -> None:
    contract = await wallet.deploy(chain, TELL_TIME)
    clock.advance(10)
    assert await call(chain, {"to": contract}) == int(clock.now().timestamp())


async def test_the_pending_block_carries_the_present_time(chain: EmbeddedChain, clock: ManualClock) -> None:
    clock.advance(10)
    pending = await chain.request("eth_getBlockByNumber", ["pending", False])
    assert (pending["number"], int(pending["timestamp"], 16)) == ("0x1", int(clock.now().timestamp()))
    assert pending["hash"] is None


async def test_a_call_on_a_past_block_sees_that_block_and_the_state_after_it(
    chain: EmbeddedChain, wallet: Wallet, clock: ManualClock
) -> None:
    counter = await wallet.deploy(chain, COUNT)
    teller = await wallet.deploy(chain, TELL_NUMBER)
    clock_then = int(clock.now().timestamp())
    time_teller = await wallet.deploy(chain, TELL_TIME)
    for _ in range(3):
        clock.advance(10)
        await wallet.send(chain, to=counter)
    assert [await call(chain, {"to": counter}, hex(block)) for block in (3, 4, 5, 6)] == [1, 2, 3, 4]
    assert await call(chain, {"to": teller}, "0x4") == 4
    assert await call(chain, {"to": time_teller}, "0x3") == clock_then
    by_hash = (await chain.request("eth_getBlockByNumber", ["0x4", False]))["hash"]
    assert await call(chain, {"to": counter}, {"blockHash": by_hash}) == 2
    assert await call(chain, {"to": counter}, {"blockNumber": "0x5"}) == 3


async def test_states_are_kept_for_the_promised_number_of_blocks(chain: EmbeddedChain, wallet: Wallet) -> None:
    counter = await wallet.deploy(chain, COUNT)
    for _ in range(STATES_KEPT + 1):
        await wallet.send(chain, to=counter)
    head = STATES_KEPT + 2
    assert await call(chain, {"to": counter}, hex(head - STATES_KEPT)) == 2
    pruned = await failure(chain, "eth_call", {"to": counter}, hex(head - STATES_KEPT - 1))
    assert "is not available" in pruned.node_message


async def test_a_block_that_does_not_exist_is_said_to_be_unknown(chain: EmbeddedChain) -> None:
    for tag in ("0x5", {"blockHash": word(1)}):
        assert (await failure(chain, "eth_call", {"to": NOBODY}, tag)).node_message == "header not found"
    assert await chain.request("eth_getBlockByNumber", ["0x5", False]) is None


async def test_blocks_far_ahead_do_not_exist_yet(chain: EmbeddedChain) -> None:
    far = hex(2**200)
    assert await chain.request("eth_getBlockByNumber", [far, False]) is None
    assert await chain.request("eth_getLogs", [{"fromBlock": "0x0", "toBlock": far}]) == []
    assert await chain.request("eth_getLogs", [{"fromBlock": far, "toBlock": far}]) == []
    assert (await failure(chain, "eth_call", {"to": NOBODY}, far)).node_message == "header not found"
    assert "request beyond head block" in (await failure(chain, "eth_feeHistory", "0x1", far)).node_message


async def test_a_call_changes_nothing(chain: EmbeddedChain, wallet: Wallet) -> None:
    counter = await wallet.deploy(chain, COUNT)
    assert [await call(chain, {"to": counter}) for _ in range(2)] == [1, 1]


async def test_an_address_without_code_returns_nothing(chain: EmbeddedChain) -> None:
    assert await chain.request("eth_call", [{"to": NOBODY, "data": "0x1234"}, "latest"]) == "0x"


async def test_revert_data_is_handed_out_as_a_hex_string(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, REVERT_WITH_ARGUMENTS)
    for method in ("eth_call", "eth_estimateGas"):
        error = await failure(chain, method, {"to": contract, "data": "0xdeadbeef01"}, "latest")
        assert (error.code, error.node_message, error.data) == (3, "execution reverted", "0xdeadbeef01")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("0x08c379a0" + words([32, 3])[2:] + b"no!".hex().ljust(64, "0"), "no!"),
        ("0x4e487b71" + word(0x11)[2:], "arithmetic underflow or overflow"),
        ("0x4e487b71" + word(0x99)[2:], "unknown panic code: 0x99"),
    ],
)
async def test_reasons_of_solidity_are_put_in_words(
    chain: EmbeddedChain, wallet: Wallet, data: str, reason: str
) -> None:
    contract = await wallet.deploy(chain, REVERT_WITH_ARGUMENTS)
    error = await failure(chain, "eth_call", {"to": contract, "data": data}, "latest")
    assert (error.node_message, error.data) == (f"execution reverted: {reason}", data)


async def test_a_call_that_runs_out_of_gas_says_so(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, SPEND_ALL_GAS)
    assert (await failure(chain, "eth_call", {"to": contract, "gas": hex(50_000)})).node_message == "out of gas"
    allowance = await failure(chain, "eth_estimateGas", {"to": contract, "gas": hex(50_000)})
    assert allowance.node_message == "gas required exceeds allowance (50000)"


async def test_other_failures_have_the_words_of_geth(chain: EmbeddedChain, wallet: Wallet) -> None:
    words_of = {
        INVALID: "invalid opcode",
        assemble("POP"): "stack underflow",
        assemble("7 JUMP"): "invalid jump destination",
    }
    for program, said in words_of.items():
        contract = await wallet.deploy(chain, program)
        assert (await failure(chain, "eth_call", {"to": contract, "gas": hex(50_000)})).node_message == said


async def test_a_call_needs_no_gas_money_but_its_value(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, TELL_BASE_FEE)
    assert await call(chain, {"from": NOBODY, "to": contract, "gasPrice": "0x0"}) == 0
    error = await failure(chain, "eth_call", {"from": NOBODY, "to": contract, "value": "0x1"})
    assert error.node_message.startswith("insufficient funds for gas * price + value")
    assert await call(chain, {"from": wallet.address, "to": contract, "value": hex(RICH)}) == 0


@pytest.mark.parametrize("program", [COUNT, STORE_ARGUMENT, TELL_SLOT_0])
async def test_an_estimate_is_enough_and_at_most_a_quarter_more(
    chain: EmbeddedChain, wallet: Wallet, program: bytes
) -> None:
    contract = await wallet.deploy(chain, program)
    request = {"from": wallet.address, "to": contract, "data": word(3)}
    estimate = int(await chain.request("eth_estimateGas", [request]), 16)
    mined = await wallet.send(chain, to=contract, data=word(3), gas=estimate)
    assert mined["status"] == "0x1"
    assert estimate <= int(mined["gasUsed"], 16) * 1.25


async def test_the_estimate_of_a_creation_is_enough(chain: EmbeddedChain, wallet: Wallet) -> None:
    initcode = creation_of(COUNT * 200)
    estimate = int(await chain.request("eth_estimateGas", [{"data": "0x" + initcode.hex()}]), 16)
    assert (await wallet.send(chain, data=initcode, gas=estimate))["status"] == "0x1"


async def test_the_estimate_of_clearing_a_slot_counts_gas_that_is_only_lent(
    chain: EmbeddedChain, wallet: Wallet
) -> None:
    contract = await wallet.deploy(chain, STORE_ARGUMENT)
    await wallet.send(chain, to=contract, data=word(9))
    estimate = int(await chain.request("eth_estimateGas", [{"to": contract, "data": word(0)}]), 16)
    assert (await wallet.send(chain, to=contract, data=word(0), gas=estimate))["status"] == "0x1"


async def test_a_transfer_costs_what_it_always_does(chain: EmbeddedChain, wallet: Wallet) -> None:
    request = {"from": wallet.address, "to": NOBODY, "value": "0x1"}
    assert await chain.request("eth_estimateGas", [request]) == hex(21_000)


async def test_accounts_can_be_read_now_and_then(chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, STORE_ARGUMENT)
    await wallet.send(chain, to=contract, data=word(5))
    await wallet.send(chain, to=contract, data=word(6))
    answers = await chain.batch(
        [
            ("eth_getStorageAt", [contract, "0x0", "latest"]),
            ("eth_getStorageAt", [contract, word(0), "0x2"]),
            ("eth_getCode", [contract, "latest"]),
            ("eth_getCode", [contract, "0x0"]),
            ("eth_getTransactionCount", [wallet.address, "0x1"]),
            ("eth_getBalance", [wallet.address, "earliest"]),
        ]
    )
    assert answers == [word(6), word(5), "0x" + STORE_ARGUMENT.hex(), "0x", "0x1", hex(RICH)]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", ["0x12", "latest"]),
        ("eth_getBalance", []),
        ("eth_getBalance", [NOBODY, "newest"]),
        ("eth_getBalance", [5, "latest"]),
        ("eth_call", ["0x", "latest"]),
        ("eth_call", [{"to": NOBODY, "data": "0x123"}, "latest"]),
        ("eth_call", [{"to": NOBODY, "value": "0x1" + "0" * 64}, "latest"]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", [{"blockHash": word(1), "fromBlock": "0x1"}]),
        ("eth_getTransactionReceipt", ["0x1234"]),
        ("eth_sendRawTransaction", ["nonsense"]),
        ("eth_feeHistory", ["many", "latest"]),
    ],
)
async def test_parameters_that_make_no_sense_are_named(chain: EmbeddedChain, method: str, params: list[Any]) -> None:
    error = await failure(chain, method, *params)
    assert error.code == -32602
    assert len(error.node_message) > len("invalid argument: ")


async def test_an_unknown_method_is_named(chain: EmbeddedChain) -> None:
    error = await failure(chain, "eth_coinbase")
    assert (error.code, error.node_message) == (-32601, "the method eth_coinbase does not exist/is not available")


async def test_facts_about_the_node(chain: EmbeddedChain, wallet: Wallet) -> None:
    await wallet.send(chain, to=NOBODY)
    facts = {
        "eth_chainId": "0x2bbf4",
        "net_version": "179188",
        "eth_accounts": [],
        "eth_syncing": False,
        "net_listening": True,
        "net_peerCount": "0x0",
        "eth_gasPrice": "0x0",
        "eth_maxPriorityFeePerGas": "0x0",
        "eth_blobBaseFee": "0x1",
    }
    assert {method: await chain.request(method) for method in facts} == facts
    assert (await chain.request("web3_clientVersion")).startswith("deepsquare/")
    assert (await chain.request("web3_sha3", ["0x"])).startswith("0xc5d24601")
    history = await chain.request("eth_feeHistory", ["0x2", "latest", [50]])
    assert (history["oldestBlock"], history["baseFeePerGas"], history["reward"]) == (
        "0x0",
        ["0x0"] * 3,
        [["0x0"], ["0x0"]],
    )
