"""Transactions of one account: sent once, in order, many at a time, until each has its receipt.

Only the assignment of a nonce and the first broadcast are serialised; estimates and receipts overlap, so
an account's rate is not bound by the block time. The rules that make repetition safe:

- an intent is signed once per nonce; after a lost connection the SAME bytes are sent again;
- a transaction that stays out of the blocks is replaced at its own nonce with a higher fee, so at most one
  of the two counts;
- an intent gets a new nonce only when its first one is provably gone: refused by the node, or used up by a
  transaction that is none of ours (another process with the same key).

A call that the contract would refuse is found out by the estimate and costs nothing. Where gas costs nothing
anyway, a sender that knows it does not have each call run twice: it sends at once, and asks for the estimate
where that failed in its block.
"""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import Any

from deepsquare.chain.errors import (
    ChainError,
    ChainUnreachable,
    ContractRefused,
    InsufficientGasFunds,
    NonceUsed,
    NotIndexed,
    OutcomeUnknown,
    RpcError,
)
from deepsquare.chain.fees import FeeMarket, highest, raised
from deepsquare.chain.pool_answer import PoolAnswer, classify
from deepsquare.chain.receipt import Receipt
from deepsquare.chain.receipt_watch import ReceiptWatch
from deepsquare.chain.refusals import refusal, revert_data
from deepsquare.chain.rpc import Rpc
from deepsquare.chain.signer import Signer
from deepsquare.chain.transaction import Fees, Transaction
from deepsquare.clock import Clock, SystemClock
from deepsquare.model import Address

logger = logging.getLogger(__name__)

_GET_RECEIPT = "eth_getTransactionReceipt"
_OFFERS = 10
"""How often a refused offer is corrected (nonce, fee) before the node's words are passed on."""
_REPLACEMENTS = 8
"""A fee grows by a quarter each time; eight times is sixfold. After that the last bytes are offered again."""
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 0.25, 8.0


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """How patient a sender is."""

    replace_after_seconds: float = 30.0
    """How long a transaction may wait for a block before its fee is raised."""
    unreachable_seconds: float = 60.0
    """How long a node may be away while a transaction is handed over, before the outcome is called unknown."""
    poll_seconds: float = 2.0
    """How often receipts are looked for where no wake-up comes."""


@dataclass(slots=True)
class _Sent:
    """A transaction on its way: the one in force and every hash under which it may be found."""

    transaction: Transaction
    raw: bytes
    hashes: list[str] = field(default_factory=list)
    receipt: Receipt | None = None
    """Where the node had it in a block by the time of its answer."""


class Sender:
    """The only one in a process that sends for this account."""

    def __init__(
        self,
        rpc: Rpc,
        signer: Signer,
        chain_id: int,
        *,
        clock: Clock | None = None,
        settings: SenderSettings | None = None,
    ) -> None:
        self.signer = signer
        self.chain_id = chain_id
        self._rpc = rpc
        self._clock = clock or SystemClock()
        self._settings = settings or SenderSettings()
        self._market = FeeMarket(rpc, self._clock)
        self._receipts = ReceiptWatch(rpc, self._clock, self._settings.poll_seconds)
        self._turn = asyncio.Lock()
        self._next_nonce: int | None = None
        self._handovers: set[asyncio.Task[_Sent]] = set()

    @property
    def address(self) -> Address:
        """The account that sends."""
        return self.signer.address

    async def send(self, to: Address | None, data: bytes, value: int = 0, *, nonce: int | None = None) -> Receipt:
        """Send a call (or, with `to` None, create a contract) and wait until it stands in a block.

        Bound to a `nonce`, at most one transaction counts however often it is sent, also by processes that know
        nothing of each other; `NonceUsed` is raised where another one has it.

        Raises `ContractRefused` with nothing changed, `InsufficientGasFunds`, `RpcError`, `ChainUnreachable`
        before anything was sent and `OutcomeUnknown` after. A cancelled `send` may still take effect.
        """
        may_fail = nonce is None  # a refusal in a block would use up the nonce that the caller has set
        while True:
            free_gas = self._market.free_gas if may_fail else None
            call = await self._prepare(to, data, value, free_gas)
            sent = await self._hand_over(call, nonce)
            receipt = await self._receipt(sent)
            if receipt is None and nonce is not None:
                raise NonceUsed(self.address, nonce)
            if receipt is None:
                logger.warning(
                    "another process used nonce %d of %s; sending again", sent.transaction.nonce, self.address
                )
                self._next_nonce = None
                continue
            if receipt.succeeded:
                return receipt
            if free_gas is None:
                raise await self._reason(sent.transaction, receipt)
            # Now the estimate tells why it cannot be, or how much gas it takes where that was too little.
            may_fail = False

    async def rehearse(self, to: Address, data: bytes) -> None:
        """Have the node try a call that is not sent. Raises what `send` raises before it sends."""
        await self._estimate(to, data, 0)

    async def _prepare(self, to: Address | None, data: bytes, value: int, free_gas: int | None) -> Transaction:
        """The transaction with gas and fees, and a nonce yet to be assigned. `free_gas` is enough unless gas costs."""
        if free_gas is not None and (free := await self._market.fees()).are_nothing:
            return Transaction(chain_id=self.chain_id, nonce=0, gas=free_gas, fees=free, to=to, data=data, value=value)
        # Both are awaited, also after a refusal: a request that nobody awaits would outlive its connection.
        fees, gas = await asyncio.gather(self._market.fees(), self._estimate(to, data, value), return_exceptions=True)
        if isinstance(gas, BaseException):
            raise gas
        if isinstance(fees, BaseException):
            raise fees
        return Transaction(chain_id=self.chain_id, nonce=0, gas=gas, fees=fees, to=to, data=data, value=value)

    async def _estimate(self, to: Address | None, data: bytes, value: int) -> int:
        try:
            gas = int(await self._rpc.request("eth_estimateGas", [self._call(to, data, value)]), 16)
        except RpcError as error:
            raise self._translated(error) from error
        # The state may change until the transaction's turn comes; unused gas is not paid for.
        return gas + gas // 4 + 10_000

    def _call(self, to: Address | None, data: bytes, value: int) -> dict[str, Any]:
        call = {"from": self.address, "data": "0x" + data.hex()}
        if to is not None:
            call["to"] = to
        if value:
            call["value"] = hex(value)
        return call

    def _translated(self, error: RpcError) -> ChainError:
        data = revert_data(error)
        if data is not None:
            return refusal(data)
        return InsufficientGasFunds(self.address) if classify(error) is PoolAnswer.NO_FUNDS else error

    async def _hand_over(self, call: Transaction, nonce: int | None) -> _Sent:
        """Give the call its nonce and the node its bytes; goes through even if whoever asked is cancelled.

        Otherwise a cancelled caller could leave a nonce used and not counted.
        """
        task = asyncio.create_task(self._hand_over_in_turn(call, nonce), name=f"send for {self.address}")
        self._handovers.add(task)
        task.add_done_callback(self._handed_over)
        return await asyncio.shield(task)

    def _handed_over(self, task: asyncio.Task[_Sent]) -> None:
        self._handovers.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.debug("a transaction of %s was not taken: %s", self.address, task.exception())

    async def _hand_over_in_turn(self, call: Transaction, bound: int | None) -> _Sent:
        async with self._turn:
            for _ in range(_OFFERS - 1):
                transaction = replace(call, nonce=await self._nonce() if bound is None else bound)
                try:
                    return await self._offer_and_count(transaction)
                except RpcError as error:
                    call = await self._corrected(call, error, bound)
            return await self._offer_and_count(replace(call, nonce=await self._nonce() if bound is None else bound))

    async def _nonce(self) -> int:
        if self._next_nonce is None:
            self._next_nonce = int(await self._rpc.request("eth_getTransactionCount", [self.address, "pending"]), 16)
        return self._next_nonce

    async def _offer_and_count(self, transaction: Transaction) -> _Sent:
        signed = self.signer.sign_transaction(transaction)
        try:
            receipt = await self._offer(signed.raw, signed.hash)
        except BaseException:
            self._next_nonce = None
            raise
        self._next_nonce = transaction.nonce + 1
        return _Sent(transaction, signed.raw, [signed.hash], receipt)

    async def _offer(self, raw: bytes, hash_: str) -> Receipt | None:
        """The receipt, or None once the node has these bytes; raises its `RpcError` where it never will take them.

        The receipt is asked for in the same message: a node that makes a block of each transaction has it at once.
        """
        offer = [("eth_sendRawTransaction", ["0x" + raw.hex()]), (_GET_RECEIPT, [hash_])]
        give_up_at = self._clock.now().timestamp() + self._settings.unreachable_seconds
        pause = _FIRST_RETRY_SECONDS
        may_have_arrived = False
        while True:
            try:
                _, receipt = await self._rpc.batch(offer)
            except NotIndexed:
                # Said of the receipt alone: a transaction that was not taken has its own error, which comes first.
                return None
            except ChainUnreachable as error:
                may_have_arrived = True
                if self._clock.now().timestamp() + pause > give_up_at:
                    raise OutcomeUnknown(
                        f"transaction {hash_} was sent, then the node went away ({error}); "
                        "read from the chain whether it took effect before you repeat it",
                        hash_,
                    ) from error
                logger.info("the node does not answer, sending transaction %s again: %s", hash_, error)
                await self._clock.sleep(pause)
                pause = min(2 * pause, _LONGEST_RETRY_SECONDS)
            except RpcError as error:
                is_taken = error.method == _GET_RECEIPT or classify(error) is PoolAnswer.ALREADY_KNOWN
                if is_taken or (may_have_arrived and await self._is_in_a_block(hash_)):
                    return None
                raise
            else:
                return None if receipt is None else Receipt.parse(receipt)

    async def _is_in_a_block(self, hash_: str) -> bool:
        return await self._rpc.request(_GET_RECEIPT, [hash_]) is not None

    async def _corrected(self, call: Transaction, error: RpcError, bound: int | None) -> Transaction:
        """The call changed so that the node may take it; raises where nothing we can change would help.

        The node refused the bytes, so their nonce is free or someone else's: it is read again. A call that is bound
        to its nonce offers more than whatever waits there.
        """
        match classify(error):
            case PoolAnswer.NONCE_TAKEN if bound is not None:
                if int(await self._rpc.request("eth_getTransactionCount", [self.address, "latest"]), 16) > bound:
                    raise NonceUsed(self.address, bound) from error
                return replace(call, fees=highest(raised(call.fees), await self._market.fees(fresh=True)))
            case PoolAnswer.NONCE_TAKEN | PoolAnswer.NONCE_AHEAD:
                logger.info("nonce of %s is read again: %s", self.address, error.node_message)
                return call
            case PoolAnswer.FEE_TOO_LOW:
                return replace(call, fees=highest(raised(call.fees), await self._market.fees(fresh=True)))
            case _:
                raise self._translated(error) from error

    async def _receipt(self, sent: _Sent) -> Receipt | None:
        """The receipt of whichever form of the transaction counts; None where none ever can."""
        if sent.receipt is not None:
            return sent.receipt
        while True:
            receipt = await self._receipts.first_of(sent.hashes, self._settings.replace_after_seconds)
            if receipt is not None:
                return receipt
            try:
                if await self._is_displaced(sent):
                    return None
                await self._replace(sent)
            except ChainError as error:
                # It is out and keeps its nonce; whatever stopped us now, the next round tries again.
                logger.warning("transaction %s still waits for a block: %s", sent.hashes[-1], error)

    async def _is_displaced(self, sent: _Sent) -> bool:
        """True where the nonce is used up and no form of the transaction stands in a block."""
        count, *receipts = await self._rpc.batch(
            [
                ("eth_getTransactionCount", [self.address, "latest"]),
                *((_GET_RECEIPT, [hash_]) for hash_ in sent.hashes),
            ]
        )
        return int(count, 16) > sent.transaction.nonce and not any(receipts)

    async def _replace(self, sent: _Sent) -> None:
        """Offer the transaction again at its own nonce, with a higher fee as long as that is reasonable."""
        transaction, raw, hash_ = sent.transaction, sent.raw, sent.hashes[-1]
        if len(sent.hashes) <= _REPLACEMENTS:
            fees: Fees = highest(raised(transaction.fees), await self._market.fees(fresh=True))
            transaction = replace(transaction, fees=fees)
            signed = self.signer.sign_transaction(transaction)
            raw, hash_ = signed.raw, signed.hash
            # Counted as ours before it is sent: it may arrive although the answer gets lost.
            sent.hashes.append(hash_)
            sent.transaction, sent.raw = transaction, raw
        logger.info("transaction %s waits too long; offered again as %s", sent.hashes[0], hash_)
        await self._rpc.request("eth_sendRawTransaction", ["0x" + raw.hex()])

    async def _reason(self, transaction: Transaction, receipt: Receipt) -> ContractRefused:
        """Why a transaction that stands in a block failed, found by calling it again on that block."""
        call = self._call(transaction.to, transaction.data, transaction.value)
        try:
            await self._rpc.request("eth_call", [call, hex(receipt.block)])
        except RpcError as error:
            data = revert_data(error)
            if data is not None:
                return refusal(data)
            logger.info("the reason of %s cannot be read: %s", receipt.transaction_hash, error)
        if receipt.gas_used >= transaction.gas:
            return ContractRefused("OutOfGas", {}, "the call needed more gas than estimated", "try again")
        return ContractRefused("Unknown", {}, "the contract refused the call as another one came first", "try again")
