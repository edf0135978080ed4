"""Our types in the JSON that Ethereum clients expect: quantities without leading zeros, data in hex."""

from typing import Any

from deepsquare.chain.embedded.archive import FoundLog, Mined
from deepsquare.chain.embedded.blocks import (
    BLOOM_BYTES,
    EMPTY_UNCLES_HASH,
    NO_ADDRESS,
    NO_HASH,
    NO_REQUESTS_HASH,
    Block,
    bloom_of,
)
from deepsquare.chain.embedded.engine import BlockEnvironment
from deepsquare.chain.embedded.ordered_root import EMPTY_ROOT
from deepsquare.chain.embedded.transactions import Transaction

_EIP155_OFFSET = 35


def hex_data(data: bytes) -> str:
    return "0x" + data.hex()


def header_json(block: Block) -> dict[str, Any]:
    """A block's header, as newHeads subscribers get it."""
    return {
        "number": hex(block.number),
        "hash": hex_data(block.hash),
        "parentHash": hex_data(block.parent_hash),
        "sha3Uncles": hex_data(EMPTY_UNCLES_HASH),
        "miner": hex_data(NO_ADDRESS),
        "stateRoot": hex_data(block.state_root),
        "transactionsRoot": hex_data(block.transactions_root),
        "receiptsRoot": hex_data(block.receipts_root),
        "logsBloom": hex_data(block.bloom),
        "difficulty": "0x0",
        "gasLimit": hex(block.gas_limit),
        "gasUsed": hex(block.gas_used),
        "timestamp": hex(block.time),
        "extraData": "0x",
        "mixHash": hex_data(NO_HASH),
        "nonce": "0x0000000000000000",
        "baseFeePerGas": hex(block.base_fee),
        "withdrawalsRoot": hex_data(EMPTY_ROOT),
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": hex_data(NO_HASH),
        "requestsHash": hex_data(NO_REQUESTS_HASH),
    }


def block_json(block: Block, transactions: list[Any]) -> dict[str, Any]:
    return {
        **header_json(block),
        "size": hex(block.size),
        "totalDifficulty": "0x0",
        "uncles": [],
        "withdrawals": [],
        "transactions": transactions,
    }


def pending_block_json(parent: Block, environment: BlockEnvironment) -> dict[str, Any]:
    """The block that would be made now: what has no value yet is null, as with geth."""
    empty = Block(
        number=environment.number,
        hash=NO_HASH,
        parent_hash=parent.hash,
        time=environment.time,
        state_root=parent.state_root,
        transactions_root=EMPTY_ROOT,
        receipts_root=EMPTY_ROOT,
        bloom=bytes(BLOOM_BYTES),
        gas_used=0,
        gas_limit=environment.gas_limit,
        base_fee=environment.base_fee,
        size=0,
    )
    return {**block_json(empty, []), "hash": None, "nonce": None, "miner": None}


def transaction_json(transaction: Transaction, block: Block | None, position: int | None) -> dict[str, Any]:
    """A transaction; without a block, one that waits."""
    y_parity = transaction.y_parity
    shown: dict[str, Any] = {
        "hash": hex_data(transaction.hash),
        "type": hex(transaction.kind),
        "chainId": hex(transaction.chain_id),
        "nonce": hex(transaction.nonce),
        "from": hex_data(transaction.sender),
        "to": hex_data(transaction.to) if transaction.to else None,
        "value": hex(transaction.value),
        "input": hex_data(transaction.data),
        "gas": hex(transaction.gas),
        "gasPrice": hex(transaction.price_at(block.base_fee) if block else transaction.max_fee),
        "blockHash": hex_data(block.hash) if block else None,
        "blockNumber": hex(block.number) if block else None,
        "transactionIndex": hex(position) if position is not None else None,
        "r": hex(transaction.r),
        "s": hex(transaction.s),
        "v": hex(y_parity + _EIP155_OFFSET + 2 * transaction.chain_id if transaction.kind == 0 else y_parity),
    }
    if transaction.kind != 0:
        shown["yParity"] = hex(y_parity)
        shown["accessList"] = [
            {"address": hex_data(address), "storageKeys": [f"0x{slot:064x}" for slot in slots]}
            for address, slots in transaction.access_list
        ]
    if transaction.kind == 2:  # noqa: PLR2004 - EIP-1559's transaction type
        shown["maxFeePerGas"] = hex(transaction.max_fee)
        shown["maxPriorityFeePerGas"] = hex(transaction.max_priority_fee)
    return shown


def receipt_json(mined: Mined) -> dict[str, Any]:
    block, receipt = mined.block, mined.receipt
    transaction = receipt.transaction
    return {
        "transactionHash": hex_data(transaction.hash),
        "transactionIndex": hex(receipt.position),
        "blockHash": hex_data(block.hash),
        "blockNumber": hex(block.number),
        "from": hex_data(transaction.sender),
        "to": hex_data(transaction.to) if transaction.to else None,
        "contractAddress": hex_data(transaction.created) if transaction.created else None,
        "type": hex(transaction.kind),
        "status": hex(receipt.succeeded),
        "gasUsed": hex(receipt.gas_used),
        "cumulativeGasUsed": hex(receipt.cumulative_gas_used),
        "effectiveGasPrice": hex(receipt.gas_price),
        "logsBloom": hex_data(bloom_of(receipt.logs)),
        "logs": [
            log_json(
                FoundLog(
                    log=log,
                    position=receipt.first_log + offset,
                    transaction_position=receipt.position,
                    transaction_hash=transaction.hash,
                    block=block.number,
                    block_hash=block.hash,
                    block_time=block.time,
                )
            )
            for offset, log in enumerate(receipt.logs)
        ],
    }


def log_json(found: FoundLog) -> dict[str, Any]:
    return {
        "address": hex_data(found.log.address),
        "topics": [hex_data(topic) for topic in found.log.topics],
        "data": hex_data(found.log.data),
        "blockNumber": hex(found.block),
        "blockHash": hex_data(found.block_hash),
        "blockTimestamp": hex(found.block_time),
        "transactionHash": hex_data(found.transaction_hash),
        "transactionIndex": hex(found.transaction_position),
        "logIndex": hex(found.position),
        "removed": False,
    }
