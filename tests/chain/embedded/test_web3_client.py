"""web3.py as a client of the node: the library most scripts against chains are written with."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import HexStr
from web3 import AsyncHTTPProvider, AsyncWeb3, WebSocketProvider
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError

from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.server import listening
from tests.chain.embedded.programs import COUNT, LOG_ARGUMENTS, REVERT_WITH_ARGUMENTS, creation_of
from tests.chain.embedded.wallet import RICH, Wallet, word, words


@pytest.fixture
async def address(chain: EmbeddedChain) -> AsyncIterator[str]:
    async with listening(chain) as address:
        yield address


@pytest.fixture
async def web3(address: str) -> AsyncIterator[AsyncWeb3[AsyncHTTPProvider]]:
    provider = AsyncHTTPProvider(address)
    yield AsyncWeb3(provider)
    await provider.disconnect()


@pytest.fixture
def account() -> LocalAccount:
    """The key of the `wallet` fixture, as web3.py wants it."""
    signer: LocalAccount = Account.from_key((1).to_bytes(32, "big"))
    return signer


async def test_a_transaction_filled_in_by_web3_is_mined(
    web3: AsyncWeb3[AsyncHTTPProvider], account: LocalAccount
) -> None:
    filled: dict[str, Any] = {
        "from": account.address,
        "data": "0x" + creation_of(COUNT).hex(),
        "chainId": await web3.eth.chain_id,
        "nonce": await web3.eth.get_transaction_count(account.address, "pending"),
        "maxPriorityFeePerGas": await web3.eth.max_priority_fee,
        "maxFeePerGas": 2 * (await web3.eth.get_block("latest"))["baseFeePerGas"] + 1,
        "value": 0,
    }
    filled["gas"] = await web3.eth.estimate_gas({"from": account.address, "data": filled["data"]})
    sent = await web3.eth.send_raw_transaction(account.sign_transaction(filled).raw_transaction)
    mined = await web3.eth.wait_for_transaction_receipt(sent)
    assert mined["status"] == 1
    assert mined["contractAddress"] is not None
    assert await web3.eth.get_code(mined["contractAddress"]) == COUNT
    assert (await web3.eth.get_transaction(sent))["blockNumber"] == 1


async def test_blocks_and_balances_are_read(
    web3: AsyncWeb3[AsyncHTTPProvider], chain: EmbeddedChain, wallet: Wallet
) -> None:
    await wallet.deploy(chain, COUNT)
    block = await web3.eth.get_block("latest", full_transactions=True)
    assert (block["number"], len(block["transactions"])) == (1, 1)
    assert await web3.eth.get_balance(web3.to_checksum_address(wallet.address)) == RICH
    assert (await web3.eth.get_block("pending"))["number"] == 2
    history = await web3.eth.fee_history(2, "latest", [25.0, 75.0])
    assert history["baseFeePerGas"] == [0, 0, 0]


async def test_errors_arrive_as_web3_knows_them(
    web3: AsyncWeb3[AsyncHTTPProvider], chain: EmbeddedChain, wallet: Wallet
) -> None:
    contract = web3.to_checksum_address(await wallet.deploy(chain, REVERT_WITH_ARGUMENTS))
    reason = "0x08c379a0" + words([32, 4])[2:] + b"stop".hex().ljust(64, "0")
    with pytest.raises(ContractLogicError, match="stop"):
        await web3.eth.call({"to": contract, "data": HexStr(reason)})
    with pytest.raises(TransactionNotFound):
        await web3.eth.get_transaction_receipt(HexStr(word(5)))
    with pytest.raises(Web3RPCError, match="nonce too low"):
        await web3.eth.send_raw_transaction(HexStr(wallet.sign(nonce=0, to=contract)))


async def test_heads_and_logs_are_followed_over_a_websocket(address: str, chain: EmbeddedChain, wallet: Wallet) -> None:
    contract = await wallet.deploy(chain, LOG_ARGUMENTS)
    async with AsyncWeb3(WebSocketProvider(address.replace("http", "ws"))) as web3:
        await web3.eth.subscribe("newHeads")
        await web3.eth.subscribe("logs", {"address": web3.to_checksum_address(contract)})
        await wallet.send(chain, to=contract, data=words([8, 9]))
        told = []
        async for message in web3.socket.process_subscriptions():
            told.append(message["result"])
            if len(told) == 2:
                break
    assert told[0]["number"] == 2
    assert [topic.hex() for topic in told[1]["topics"]] == [word(8)[2:], word(9)[2:]]


async def test_events_are_found_by_a_polled_filter(
    web3: AsyncWeb3[AsyncHTTPProvider], chain: EmbeddedChain, wallet: Wallet
) -> None:
    contract = web3.to_checksum_address(await wallet.deploy(chain, LOG_ARGUMENTS))
    polled = await web3.eth.filter({"address": contract})
    await wallet.send(chain, to=contract, data=words([8, 9]))
    assert len(await polled.get_new_entries()) == 1
    assert len(await web3.eth.get_logs({"address": contract, "fromBlock": 0})) == 1
