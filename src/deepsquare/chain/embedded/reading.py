"""The JSON-RPC methods that read blocks, transactions, receipts, logs and accounts."""

from collections.abc import Sequence
from typing import Any

from deepsquare.chain.embedded.archive import LogQuery, Mined
from deepsquare.chain.embedded.blocks import Block
from deepsquare.chain.embedded.engine import Account
from deepsquare.chain.embedded.errors import LIMIT_EXCEEDED, SERVER_ERROR, JsonRpcError
from deepsquare.chain.embedded.parameters import (
    LogFilter,
    address,
    argument,
    block_id,
    log_filter,
    optional,
    quantity,
    word,
)
from deepsquare.chain.embedded.presentation import (
    block_json,
    hex_data,
    log_json,
    pending_block_json,
    receipt_json,
    transaction_json,
)
from deepsquare.chain.embedded.view import View

MOST_LOGS = 20_000
NO_LIMIT = -1


def block_number(view: View, _params: Sequence[Any]) -> str:
    return hex(view.head.number)


def block_by_number(view: View, params: Sequence[Any]) -> dict[str, Any] | None:
    wanted = block_id(argument(params, 0))
    if wanted.is_pending:
        return pending_block_json(view.head, view.present)
    return _block(view, view.block(wanted), with_transactions=bool(optional(params, 1, default=False)))


def block_by_hash(view: View, params: Sequence[Any]) -> dict[str, Any] | None:
    block = view.archive.block_by_hash(word(argument(params, 0)))
    return _block(view, block, with_transactions=bool(optional(params, 1, default=False)))


def block_receipts(view: View, params: Sequence[Any]) -> list[dict[str, Any]] | None:
    block = view.block(block_id(argument(params, 0)))
    if block is None:
        return None
    return [receipt_json(Mined(block, receipt)) for receipt in view.archive.receipts(block.number)]


def transaction_count_of_block_by_number(view: View, params: Sequence[Any]) -> str | None:
    block = view.block(block_id(argument(params, 0)))
    return None if block is None else hex(len(view.transactions(block.number)))


def transaction_count_of_block_by_hash(view: View, params: Sequence[Any]) -> str | None:
    block = view.archive.block_by_hash(word(argument(params, 0)))
    return None if block is None else hex(len(view.transactions(block.number)))


def transaction_by_hash(view: View, params: Sequence[Any]) -> dict[str, Any] | None:
    transaction_hash = word(argument(params, 0))
    mined = view.mined(transaction_hash)
    if mined is not None:
        return transaction_json(mined.receipt.transaction, mined.block, mined.receipt.position)
    waiting = view.queue.find(transaction_hash)
    return None if waiting is None else transaction_json(waiting, None, None)


def transaction_receipt(view: View, params: Sequence[Any]) -> dict[str, Any] | None:
    mined = view.mined(word(argument(params, 0)))
    return None if mined is None else receipt_json(mined)


def logs(view: View, params: Sequence[Any]) -> list[dict[str, Any]]:
    return find_logs(view, log_filter(argument(params, 0)))


def find_logs(view: View, wanted: LogFilter) -> list[dict[str, Any]]:
    """The logs of a filter. Raises `JsonRpcError` where there are more than one answer may hold."""
    first, last = _range(view, wanted)
    if last < first:
        raise JsonRpcError(SERVER_ERROR, f"invalid block range: from {first} to {last}")
    found = logs_between(view, wanted, first, last, MOST_LOGS + 1)
    if len(found) > MOST_LOGS:
        raise JsonRpcError(
            LIMIT_EXCEEDED, f"query returned more than {MOST_LOGS} results; ask for fewer blocks than {first} to {last}"
        )
    return found


def logs_between(view: View, wanted: LogFilter, first: int, last: int, most: int = NO_LIMIT) -> list[dict[str, Any]]:
    """The logs that match a filter's addresses and topics in these blocks, both included."""
    query = LogQuery(first, last, wanted.addresses, wanted.topics)
    return [log_json(log) for log in view.logs(query, most)]


def balance(view: View, params: Sequence[Any]) -> str:
    return hex(_state_account(view, params).balance)


def transaction_count(view: View, params: Sequence[Any]) -> str:
    """Also for "pending": whatever can be mined has been, so the next nonce is the same."""
    return hex(_state_account(view, params).nonce)


def code(view: View, params: Sequence[Any]) -> str:
    state = view.state(block_id(optional(params, 1, "latest")))
    return hex_data(state.code(state.account(address(argument(params, 0))).code_hash))


def storage_at(view: View, params: Sequence[Any]) -> str:
    state = view.state(block_id(optional(params, 2, "latest")))
    return f"0x{state.slot(address(argument(params, 0)), quantity(argument(params, 1))):064x}"


def _state_account(view: View, params: Sequence[Any]) -> Account:
    return view.state(block_id(optional(params, 1, "latest"))).account(address(argument(params, 0)))


def _block(view: View, block: Block | None, *, with_transactions: bool) -> dict[str, Any] | None:
    if block is None:
        return None
    transactions = view.transactions(block.number)
    if with_transactions:
        return block_json(block, [transaction_json(each, block, at) for at, each in enumerate(transactions)])
    return block_json(block, [hex_data(each.hash) for each in transactions])


def _range(view: View, wanted: LogFilter) -> tuple[int, int]:
    if wanted.block_hash is not None:
        block = view.archive.block_by_hash(wanted.block_hash)
        if block is None:
            raise JsonRpcError(SERVER_ERROR, "unknown block")
        return block.number, block.number
    return view.number(wanted.from_block), view.number(wanted.to_block)
