"""What to offer for gas: EIP-1559 where the chain has a base fee, one gas price where it has none."""

from deepsquare.chain.errors import RpcError
from deepsquare.chain.rpc import Rpc
from deepsquare.chain.transaction import Fees

_METHOD_NOT_FOUND = -32601
_DEFAULT_TIP = 10**9
"""One gwei, for nodes that suggest none."""


async def suggested_fees(rpc: Rpc) -> Fees:
    """Fees that a transaction sent now is taken in for, even if the base fee doubles before it is."""
    block = await rpc.request("eth_getBlockByNumber", ["latest", False])
    if block.get("baseFeePerGas") is None:
        return Fees(max_fee=int(await rpc.request("eth_gasPrice"), 16), priority_fee=None)
    tip = await _tip(rpc)
    return Fees(max_fee=2 * int(block["baseFeePerGas"], 16) + tip, priority_fee=tip)


def raised(fees: Fees) -> Fees:
    """A quarter more: enough for every node to take it as a replacement (they ask for a tenth or an eighth)."""
    return Fees(
        max_fee=_quarter_more(fees.max_fee),
        priority_fee=None if fees.priority_fee is None else _quarter_more(fees.priority_fee),
    )


def highest(one: Fees, other: Fees) -> Fees:
    """The higher of two offers, part by part."""
    tips = [fees.priority_fee for fees in (one, other) if fees.priority_fee is not None]
    return Fees(max_fee=max(one.max_fee, other.max_fee), priority_fee=max(tips, default=None))


async def _tip(rpc: Rpc) -> int:
    try:
        return int(await rpc.request("eth_maxPriorityFeePerGas"), 16)
    except RpcError as error:
        if error.code != _METHOD_NOT_FOUND:
            raise
        return _DEFAULT_TIP


def _quarter_more(wei: int) -> int:
    return wei + wei // 4 + 1
