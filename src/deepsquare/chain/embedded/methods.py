"""The table of JSON-RPC methods that only read; `docs/embedded-chain.md` lists them for people."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deepsquare.chain.embedded import calling, facts, reading
from deepsquare.chain.embedded.filters import Filters
from deepsquare.chain.embedded.view import View

Method = Callable[[View, Sequence[Any]], Any]

SEND_RAW_TRANSACTION = "eth_sendRawTransaction"
SUBSCRIBE = "eth_subscribe"
UNSUBSCRIBE = "eth_unsubscribe"
SUBSCRIPTION_METHODS = frozenset({SUBSCRIBE, UNSUBSCRIBE})
"""Only where there is a connection to notify: a WebSocket."""

TOLD_AT_ONCE = frozenset(
    {
        "eth_blockNumber",
        "eth_chainId",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByNumber",
        "eth_getLogs",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_maxPriorityFeePerGas",
    }
)
"""What is told by whoever takes the request, without a thread, where all of it is in memory."""


def reading_methods(filters: Filters) -> Mapping[str, Method]:
    """Every method but the sending of transactions and the subscriptions, by name."""
    return {
        "eth_accounts": facts.accounts,
        "eth_blobBaseFee": facts.blob_base_fee,
        "eth_blockNumber": reading.block_number,
        "eth_call": calling.call,
        "eth_chainId": facts.chain_id,
        "eth_estimateGas": calling.estimate_gas,
        "eth_feeHistory": facts.fee_history,
        "eth_gasPrice": facts.gas_price,
        "eth_getBalance": reading.balance,
        "eth_getBlockByHash": reading.block_by_hash,
        "eth_getBlockByNumber": reading.block_by_number,
        "eth_getBlockReceipts": reading.block_receipts,
        "eth_getBlockTransactionCountByHash": reading.transaction_count_of_block_by_hash,
        "eth_getBlockTransactionCountByNumber": reading.transaction_count_of_block_by_number,
        "eth_getCode": reading.code,
        "eth_getFilterChanges": filters.changes,
        "eth_getFilterLogs": filters.all_logs,
        "eth_getLogs": reading.logs,
        "eth_getStorageAt": reading.storage_at,
        "eth_getTransactionByHash": reading.transaction_by_hash,
        "eth_getTransactionCount": reading.transaction_count,
        "eth_getTransactionReceipt": reading.transaction_receipt,
        "eth_maxPriorityFeePerGas": facts.max_priority_fee,
        "eth_newBlockFilter": filters.new_blocks,
        "eth_newFilter": filters.new_logs,
        "eth_syncing": facts.syncing,
        "eth_uninstallFilter": filters.remove,
        "net_listening": facts.is_listening,
        "net_peerCount": facts.peer_count,
        "net_version": facts.network_id,
        "web3_clientVersion": facts.client_version,
        "web3_sha3": facts.keccak_of,
    }
