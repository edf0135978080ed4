from typing import Any

from eth.db.trie import make_trie_root_and_nodes
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth_bloom.bloom import BloomFilter
from hypothesis import given
from hypothesis import strategies as st

from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.blocks import bloom_of
from deepsquare.chain.embedded.engine import Log
from tests.chain.embedded.programs import LOG_ARGUMENTS
from tests.chain.embedded.wallet import RICH, Wallet, words
from tests.support.clock import ManualClock


def raw(value: str) -> bytes:
    return bytes.fromhex(value[2:])


def number(value: str) -> int:
    return int(value, 16)


async def a_full_block(chain: EmbeddedChain, wallet: Wallet) -> tuple[dict[str, Any], list[str]]:
    """A block with all types of transaction and with logs; and the transactions as they were sent."""
    contract = await wallet.deploy(chain, LOG_ARGUMENTS)
    sent = [
        wallet.sign(to=contract, data=words([1, 2])),
        wallet.sign(to=contract, type=1, accessList=[]),
        *(wallet.sign(to=contract, maxFeePerGas=5, maxPriorityFeePerGas=2) for _ in range(20)),
    ]
    await chain.batch([("eth_sendRawTransaction", [each]) for each in sent])
    return await chain.request("eth_getBlockByNumber", ["latest", True]), sent


async def test_a_blocks_hash_is_that_of_its_header(chain: EmbeddedChain, wallet: Wallet) -> None:
    block, _ = await a_full_block(chain, wallet)
    fields: dict[str, Any] = {
        "parent_hash": raw(block["parentHash"]),
        "uncles_hash": raw(block["sha3Uncles"]),
        "coinbase": raw(block["miner"]),
        "state_root": raw(block["stateRoot"]),
        "transaction_root": raw(block["transactionsRoot"]),
        "receipt_root": raw(block["receiptsRoot"]),
        "bloom": number(block["logsBloom"]),
        "difficulty": number(block["difficulty"]),
        "block_number": number(block["number"]),
        "gas_limit": number(block["gasLimit"]),
        "gas_used": number(block["gasUsed"]),
        "timestamp": number(block["timestamp"]),
        "extra_data": raw(block["extraData"]),
        "mix_hash": raw(block["mixHash"]),
        "nonce": raw(block["nonce"]),
        "base_fee_per_gas": number(block["baseFeePerGas"]),
        "withdrawals_root": raw(block["withdrawalsRoot"]),
        "blob_gas_used": number(block["blobGasUsed"]),
        "excess_blob_gas": number(block["excessBlobGas"]),
        "parent_beacon_block_root": raw(block["parentBeaconBlockRoot"]),
        "requests_hash": raw(block["requestsHash"]),
    }
    assert PragueBlockHeader(**fields).hash == raw(block["hash"])


async def test_a_block_names_the_one_before_it(chain: EmbeddedChain, wallet: Wallet) -> None:
    block, _ = await a_full_block(chain, wallet)
    before = await chain.request("eth_getBlockByNumber", [hex(number(block["number"]) - 1), False])
    assert block["parentHash"] == before["hash"]
    assert await chain.request("eth_getBlockByHash", [block["hash"], True]) == block


async def test_the_roots_are_those_that_py_evm_computes(chain: EmbeddedChain, wallet: Wallet) -> None:
    block, sent = await a_full_block(chain, wallet)
    transactions = [PragueTransactionBuilder.decode(raw(each)) for each in sent]
    receipts = [
        transaction.make_receipt(
            b"\1" if mined["status"] == "0x1" else b"",
            number(mined["cumulativeGasUsed"]),
            tuple(
                (raw(log["address"]), tuple(number(topic) for topic in log["topics"]), raw(log["data"]))
                for log in mined["logs"]
            ),
        )
        for transaction, mined in zip(
            transactions, await chain.request("eth_getBlockReceipts", [block["number"]]), strict=True
        )
    ]
    assert raw(block["transactionsRoot"]) == make_trie_root_and_nodes(transactions)[0]
    assert raw(block["receiptsRoot"]) == make_trie_root_and_nodes(receipts)[0]


async def test_transactions_are_shown_as_they_were_sent(chain: EmbeddedChain, wallet: Wallet) -> None:
    block, sent = await a_full_block(chain, wallet)
    for position, (shown, each) in enumerate(zip(block["transactions"], sent, strict=True)):
        expected = PragueTransactionBuilder.decode(raw(each))
        assert raw(shown["hash"]) == expected.hash
        assert (number(shown["r"]), number(shown["s"])) == (expected.r, expected.s)
        assert (raw(shown["from"]), number(shown["transactionIndex"])) == (expected.sender, position)
        assert await chain.request("eth_getTransactionByHash", [shown["hash"]]) == shown
    assert number(await chain.request("eth_getBlockTransactionCountByNumber", ["latest"])) == len(sent)
    assert number(await chain.request("eth_getBlockTransactionCountByHash", [block["hash"]])) == len(sent)


async def test_two_chains_that_did_the_same_have_the_same_blocks(clock: ManualClock) -> None:
    hashes = set()
    for _ in range(2):
        wallet = Wallet(seed=5)
        chain = EmbeddedChain(clock=clock, funded={wallet.address: RICH})
        block, _ = await a_full_block(chain, wallet)
        hashes.add(block["hash"])
        await chain.close()
    assert len(hashes) == 1


@given(
    st.lists(
        st.builds(
            Log,
            st.binary(min_size=20, max_size=20),
            st.lists(st.binary(min_size=32, max_size=32), max_size=4).map(tuple),
            st.just(b""),
        ),
        max_size=5,
    )
)
def test_the_bloom_filter_is_the_one_that_eth_bloom_computes(logs: list[Log]) -> None:
    expected = BloomFilter.from_iterable(item for log in logs for item in (log.address, *log.topics))
    assert int.from_bytes(bloom_of(logs), "big") == int(expected)
