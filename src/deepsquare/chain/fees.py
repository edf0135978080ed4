"""What to offer for gas: EIP-1559 where the chain has a base fee, one gas price where it has none.

Some chains charge nothing. There a transaction may be given plenty of gas unasked.
"""

from datetime import datetime, timedelta

from deepsquare.chain.errors import RpcError
from deepsquare.chain.rpc import Rpc
from deepsquare.chain.transaction import Fees
from deepsquare.clock import Clock

_METHOD_NOT_FOUND = -32601
_DEFAULT_TIP = 10**9
"""One gwei, for nodes that suggest none."""
_MOST_GAS = 2**24
"""Of one transaction, by EIP-7825: nodes that go by it take none with more."""
_FRESH_FOR = timedelta(seconds=3)
"""A base fee rises by at most an eighth per block, and the offer covers twice as much."""


class FeeMarket:
    """What a chain asks for gas now; asked for again when it may have changed."""

    def __init__(self, rpc: Rpc, clock: Clock) -> None:
        self._rpc = rpc
        self._clock = clock
        self._read_at: datetime | None = None
        self._fees = Fees(max_fee=0, priority_fee=None)
        self._block_gas = 0
        self._suggests_tips = True

    @property
    def free_gas(self) -> int | None:
        """Plenty for a transaction, where gas cost nothing when fees were last asked for; else None."""
        if self._read_at is None or not self._fees.are_nothing:
            return None
        return min(self._block_gas // 2, _MOST_GAS)

    async def fees(self, *, fresh: bool = False) -> Fees:
        """Fees that a transaction sent now is taken in for, even if the base fee doubles before it is."""
        now = self._clock.now()
        if fresh or self._read_at is None or now - self._read_at > _FRESH_FOR:
            self._fees, self._read_at = await self._ask(), now
        return self._fees

    async def _ask(self) -> Fees:
        block, tip = await self._block_and_tip()
        self._block_gas = int(block["gasLimit"], 16)
        if block.get("baseFeePerGas") is None:
            return Fees(max_fee=int(await self._rpc.request("eth_gasPrice"), 16), priority_fee=None)
        return Fees(max_fee=2 * int(block["baseFeePerGas"], 16) + tip, priority_fee=tip)

    async def _block_and_tip(self) -> tuple[dict[str, str], int]:
        if self._suggests_tips:
            try:
                block, tip = await self._rpc.batch(
                    [("eth_getBlockByNumber", ["latest", False]), ("eth_maxPriorityFeePerGas", [])]
                )
            except RpcError as error:
                if error.code != _METHOD_NOT_FOUND:
                    raise
                self._suggests_tips = False
            else:
                return block, int(tip, 16)
        return await self._rpc.request("eth_getBlockByNumber", ["latest", False]), _DEFAULT_TIP


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


def _quarter_more(wei: int) -> int:
    return wei + wei // 4 + 1
