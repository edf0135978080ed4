"""What published customers' programs send: legacy transactions with 20,000,000 gas, each after an `eth_estimateGas`.

A chain whose rules cap the gas of one transaction (EIP-7825) refuses those, whatever the contracts are.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from deepsquare.chain import codec
from deepsquare.chain.contract import Contract
from deepsquare.chain.receipt_watch import ReceiptWatch
from deepsquare.clock import SystemClock
from deepsquare.model import WEI_PER_CREDIT, JobId, JobStatus
from tests.chain.embedded.wallet import Wallet
from tests.chain.test_conformance import DEFINITION, HARDWARE, PRICES, on_anvil
from tests.support.chain import CHAIN_ID, CUSTOMER_CREDITS, Grid, fresh_grid

GAS = 20_000_000
LOCKED = 10 * WEI_PER_CREDIT


class PublishedClient:
    """A customer of a grid, signing by eth-account."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._wallet = Wallet(int.from_bytes(b"customer".ljust(32, b".")), CHAIN_ID)

    async def call(self, contract: Contract, function: str, *arguments: object) -> dict[str, Any]:
        """Estimate, send, and give the transaction and its receipt as one."""
        rpc, data = self._grid.rpc, contract.abi.functions[function].encode(*arguments)
        call = {"from": self._wallet.address, "to": contract.address, "data": "0x" + data.hex()}
        estimate = int(await rpc.request("eth_estimateGas", [call]), 16)
        price = int(await rpc.request("eth_gasPrice", []), 16)
        raw = self._wallet.sign(to=contract.address, data=data, gas=GAS, gasPrice=price)
        name = await rpc.request("eth_sendRawTransaction", [raw])
        receipt = await ReceiptWatch(rpc, SystemClock(), 0.05).first_of([name], 60)
        assert receipt is not None
        sent: dict[str, Any] = await rpc.request("eth_getTransactionByHash", [name])
        return {**sent, "status": receipt.succeeded, "used": receipt.gas_used, "estimate": estimate}


@pytest.fixture(
    params=[
        pytest.param(lambda _: fresh_grid(), id="embedded"),
        pytest.param(on_anvil, id="anvil", marks=pytest.mark.system),
    ]
)
async def grid(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Grid]:
    opening: Callable[[Path], contextlib.AbstractAsyncContextManager[Grid]] = request.param
    async with opening(tmp_path) as found:
        await found.join(found.providers[0], HARDWARE, PRICES)
        yield found


async def test_a_published_customer_requests_extends_and_cancels_a_job_by_legacy_transactions(grid: Grid) -> None:
    ledger, client = grid.ledger, PublishedClient(grid)
    jobs, job = ledger.meta_scheduler_contract, codec.job_id_field(JobId(1))
    wanted = codec.definition_fields(DEFINITION)
    sent = [
        await client.call(ledger.credit_contract, "approve", ledger.meta_scheduler, 2 * LOCKED),
        await client.call(jobs, "requestNewJob", wanted, LOCKED, codec.name_field("old"), False),
        await client.call(jobs, "setDelegateSpendingAuthority", job, True),
    ]
    assert await grid.scheduler_account.assign([(JobId(1), grid.providers[0].address)]) == {}
    assert await grid.provider_account().claim([JobId(1)]) == {JobId(1)}
    sent.append(await client.call(jobs, "topUpJob", job, LOCKED))
    topped_up = await ledger.job(JobId(1))
    sent.append(await client.call(jobs, "cancelJob", job))

    assert [each["type"] for each in sent] == ["0x0"] * len(sent)
    assert [int(each["gas"], 16) for each in sent] == [GAS] * len(sent)
    assert all(each["status"] and each["used"] <= each["estimate"] <= GAS for each in sent)
    assert (topped_up.cost.max_cost, topped_up.cost.delegate_spending_authority) == (2 * LOCKED, True)
    assert (await ledger.job(JobId(1))).status is JobStatus.CANCELLED
    assert await ledger.balance(grid.customer.address) == CUSTOMER_CREDITS
