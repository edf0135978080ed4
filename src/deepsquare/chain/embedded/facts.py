"""The JSON-RPC methods about the node and its fees."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from deepsquare.chain.embedded.errors import SERVER_ERROR, JsonRpcError
from deepsquare.chain.embedded.parameters import argument, block_id, data, optional, quantity
from deepsquare.chain.embedded.presentation import hex_data
from deepsquare.chain.embedded.view import View
from deepsquare.chain.keccak import keccak256

_MOST_FEE_BLOCKS = 1024


def chain_id(view: View, _params: Sequence[Any]) -> str:
    return hex(view.genesis.chain_id)


def network_id(view: View, _params: Sequence[Any]) -> str:
    return str(view.genesis.chain_id)


def client_version(_view: View, _params: Sequence[Any]) -> str:
    return f"deepsquare/{version('deepsquare')}"


def keccak_of(_view: View, params: Sequence[Any]) -> str:
    return hex_data(keccak256(data(argument(params, 0))))


def is_listening(_view: View, _params: Sequence[Any]) -> bool:
    return True


def peer_count(_view: View, _params: Sequence[Any]) -> str:
    return "0x0"


def syncing(_view: View, _params: Sequence[Any]) -> bool:
    return False


def accounts(_view: View, _params: Sequence[Any]) -> list[str]:
    """None: the node holds no keys."""
    return []


def gas_price(view: View, _params: Sequence[Any]) -> str:
    return hex(view.genesis.base_fee)


def max_priority_fee(_view: View, _params: Sequence[Any]) -> str:
    """None is needed: transactions are mined in the order they come, whatever they offer."""
    return "0x0"


def blob_base_fee(_view: View, _params: Sequence[Any]) -> str:
    return "0x1"


def fee_history(view: View, params: Sequence[Any]) -> dict[str, Any]:
    count = min(_count(argument(params, 0)), _MOST_FEE_BLOCKS)
    newest = view.number(block_id(argument(params, 1)))
    percentiles = optional(params, 2, [])
    if newest > view.head.number:
        raise JsonRpcError(SERVER_ERROR, f"request beyond head block: requested {newest}, head {view.head.number}")
    oldest = max(0, newest - count + 1)
    found = [view.archive.block_by_number(number) for number in range(oldest, newest + 1)]
    blocks = [block for block in found if block is not None]
    history: dict[str, Any] = {
        "oldestBlock": hex(oldest),
        "baseFeePerGas": [hex(view.genesis.base_fee)] * (len(blocks) + 1),
        "gasUsedRatio": [block.gas_used / block.gas_limit for block in blocks],
        "baseFeePerBlobGas": ["0x1"] * (len(blocks) + 1),
        "blobGasUsedRatio": [0.0] * len(blocks),
    }
    if percentiles:
        history["reward"] = [["0x0"] * len(percentiles) for _ in blocks]
    return history


def _count(value: Any) -> int:
    """A number of blocks; old clients send it as a plain integer."""
    return value if isinstance(value, int) and value >= 0 else quantity(value)
