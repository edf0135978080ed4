"""Promises of a deployment: each contract once, whatever happens in between; nothing is found that is not ours."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from deepsquare.chain import CannotDeploy, GridAddress, Ledger, NoContract, Sender, WrongChain, abi
from deepsquare.chain.deploy_journal import DeployJournal
from deepsquare.chain.deployment import Deployment, Supply, verified
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.errors import RpcError
from deepsquare.model import WEI_PER_CREDIT
from tests.chain.wrapped_rpc import Call, WrappedRpc
from tests.support.chain import CHAIN_ID, funded, signer
from tests.support.clock import ManualClock

SUPPLY = Supply(1_000 * WEI_PER_CREDIT)
FIGURES = [SUPPLY.initial, SUPPLY.cap, SUPPLY.faucet]
TRANSACTIONS = 4


class MortalRpc(WrappedRpc):
    """The connection of a process that ends at its n-th call of a kind, before the node hears of it or afterwards."""

    def __init__(self, chain: EmbeddedChain, lives: int, *, kind: str, is_heard: bool) -> None:
        super().__init__(chain)
        self.dead = asyncio.Event()
        self._lives = lives
        self._kind = kind
        self._is_heard = is_heard

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        self._lives -= any(self._kind in method for method, _ in calls)
        is_last = self._lives == 0
        if is_last and not self._is_heard:
            await self._die()
        answers = await super().batch(calls)
        if is_last:
            await self._die()
        return answers

    async def _die(self) -> None:
        self.dead.set()
        await asyncio.Event().wait()


async def survives(work: Coroutine[Any, Any, Any], rpc: MortalRpc) -> bool:
    """Let a process work until it is done, or dead."""
    working, dying = asyncio.create_task(work), asyncio.create_task(rpc.dead.wait())
    await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
    is_done = working.done()
    for task in (working, dying):
        task.cancel()
    await asyncio.gather(working, dying, return_exceptions=True)
    return is_done


@contextlib.asynccontextmanager
async def new_chain() -> AsyncIterator[EmbeddedChain]:
    chain = EmbeddedChain(":memory:", chain_id=CHAIN_ID, clock=ManualClock(), funded=funded())
    try:
        yield chain
    finally:
        await chain.close()


@pytest.fixture
async def chain() -> AsyncIterator[EmbeddedChain]:
    async with new_chain() as found:
        yield found


def deployment(rpc: Any, journal: DeployJournal | None = None, supply: Supply = SUPPLY, **more: Any) -> Deployment:
    admin = Sender(rpc, signer("admin"), more.pop("chain_id", CHAIN_ID), clock=ManualClock())
    return Deployment(rpc, admin, supply, journal=journal, **more)


async def transactions_of_admin(chain: EmbeddedChain) -> int:
    return int(await chain.request("eth_getTransactionCount", [signer("admin").address, "latest"]), 16)


async def test_a_deployed_grid_is_whole_and_the_deployers(chain: EmbeddedChain) -> None:
    said: list[str] = []
    grid = await deployment(chain, say=said.append).run()
    ledger = await verified(chain, grid)
    assert await ledger.balance(signer("admin").address) == SUPPLY.initial
    assert grid.deployed_at_block == 1
    assert len(said) == TRANSACTIONS
    assert await transactions_of_admin(chain) == TRANSACTIONS


@pytest.mark.parametrize(
    ("kind", "is_heard"),
    [
        pytest.param("eth_", False, id="before any call"),
        pytest.param("eth_sendRawTransaction", True, id="after a transaction"),
    ],
)
async def test_a_deployment_killed_at_any_call_is_finished_by_the_next_run(
    tmp_path: Path, kind: str, *, is_heard: bool
) -> None:
    for lives in itertools.count(1):
        path = tmp_path / f"{lives}.json"
        async with new_chain() as chain:
            rpc = MortalRpc(chain, lives, kind=kind, is_heard=is_heard)
            if await survives(deployment(rpc, DeployJournal(path)).run(), rpc):
                assert lives > TRANSACTIONS
                return
            await verified(chain, await deployment(chain, DeployJournal(path)).run())
            assert await transactions_of_admin(chain) == TRANSACTIONS, f"killed at call {lives}"


async def test_a_run_after_the_last_finds_everything_and_sends_nothing(chain: EmbeddedChain, tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    first = await deployment(chain, DeployJournal(path)).run()
    assert await deployment(chain, DeployJournal(path)).run() == first
    assert await transactions_of_admin(chain) == TRANSACTIONS


async def test_a_nonce_that_something_else_took_is_exchanged_for_another(chain: EmbeddedChain, tmp_path: Path) -> None:
    journal = DeployJournal(tmp_path / "journal.json")
    journal.begin(chain_id=CHAIN_ID, admin=signer("admin").address, supply=FIGURES, block=0)
    journal.note(abi.CREDIT, 0)
    await Sender(chain, signer("admin"), CHAIN_ID).send(signer("customer").address, b"", 1)
    await verified(chain, await deployment(chain, journal).run())
    assert journal.begun is not None
    assert journal.begun.nonces == {abi.CREDIT: 1, abi.PROVIDER_MANAGER: 2, abi.META_SCHEDULER: 3}


async def test_a_chain_that_lost_everything_gets_the_grid_again_at_the_same_address(tmp_path: Path) -> None:
    found: list[GridAddress] = []
    for _ in range(2):
        async with new_chain() as chain:
            found.append(await deployment(chain, DeployJournal(tmp_path / "journal.json")).run())
    assert found[0].meta_scheduler == found[1].meta_scheduler


async def test_a_deployment_is_not_finished_with_other_values(chain: EmbeddedChain, tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    await deployment(chain, DeployJournal(path)).run()
    with pytest.raises(CannotDeploy, match="finish that one with its own values"):
        await deployment(chain, DeployJournal(path), Supply(1)).run()


async def test_what_is_no_journal_is_not_overwritten(tmp_path: Path) -> None:
    for text in ("no JSON", "[]", json.dumps({"chain_id": 1})):
        path = tmp_path / "journal.json"
        path.write_text(text)
        with pytest.raises(CannotDeploy, match="move it away"):
            DeployJournal(path)
        assert path.read_text() == text


async def test_other_code_at_the_noted_address_is_not_taken_for_a_contract(
    chain: EmbeddedChain, tmp_path: Path
) -> None:
    admin = Sender(chain, signer("admin"), CHAIN_ID)
    await admin.send(None, abi.load(abi.PROVIDER_MANAGER).creation(admin.address))
    journal = DeployJournal(tmp_path / "journal.json")
    journal.begin(chain_id=CHAIN_ID, admin=admin.address, supply=FIGURES, block=0)
    journal.note(abi.CREDIT, 0)
    with pytest.raises(CannotDeploy, match="of another release"):
        await deployment(chain, journal).run()


async def test_a_grid_with_a_contract_of_another_release_is_not_taken_for_ours(chain: EmbeddedChain) -> None:
    admin = Sender(chain, signer("admin"), CHAIN_ID)
    providers = await admin.send(None, abi.load(abi.PROVIDER_MANAGER).creation(admin.address))
    jobs = await admin.send(
        None, abi.load(abi.META_SCHEDULER).creation(admin.address, providers.contract, providers.contract)
    )
    assert jobs.contract is not None
    with pytest.raises(CannotDeploy, match=r"Credit at .* is not that of this release"):
        await verified(chain, GridAddress(CHAIN_ID, jobs.contract, 0))
    with pytest.raises(NoContract):
        await verified(chain, GridAddress(CHAIN_ID, admin.address, 0))


async def test_contracts_that_changed_hands_before_the_grid_was_whole_are_refused(
    chain: EmbeddedChain, tmp_path: Path
) -> None:
    path = tmp_path / "journal.json"
    grid = await deployment(chain, DeployJournal(path)).run()
    ledger = await Ledger.connect(chain, grid)
    admin, other = (Sender(chain, signer(role), CHAIN_ID) for role in ("admin", "customer"))
    await ledger.credit_contract.send(admin, "transferOwnership", other.address)
    await ledger.credit_contract.send(other, "acceptOwnership")
    with pytest.raises(CannotDeploy, match="belong to"):
        await deployment(chain, DeployJournal(path)).run()


async def test_the_cost_is_known_before_and_shrinks_with_what_is_there(chain: EmbeddedChain, tmp_path: Path) -> None:
    journal = DeployJournal(tmp_path / "journal.json")
    before = await deployment(chain, journal).cost()
    assert await transactions_of_admin(chain) == 0
    assert before.balance == funded()[signer("admin").address]
    await deployment(chain, journal).run()
    used = 0
    for number in range(1, TRANSACTIONS + 1):
        block = await chain.request("eth_getBlockByNumber", [hex(number), False])
        used += int(block["gasUsed"], 16)
    assert used <= before.gas <= used * 1.3
    assert (await deployment(chain, journal).cost()).gas < before.gas / 10


async def test_a_chain_with_older_rules_is_refused_before_anything_is_sent(chain: EmbeddedChain) -> None:
    class Old(WrappedRpc):
        async def request(self, method: str, params: Sequence[Any] = ()) -> Any:
            if method == "eth_call":
                raise RpcError(method, -32000, "invalid opcode: MCOPY")
            return await super().request(method, params)

    with pytest.raises(CannotDeploy, match="rules of Cancun"):
        await deployment(Old(chain)).run()
    assert await transactions_of_admin(chain) == 0


async def test_another_chain_than_the_deployers_is_refused(chain: EmbeddedChain) -> None:
    with pytest.raises(WrongChain):
        await deployment(chain, chain_id=5).run()
