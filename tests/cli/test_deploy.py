"""`dps deploy`, on each kind of node."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from deepsquare.chain import HttpRpc, load_grid
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.server import listening
from deepsquare.cli.exits import ExitCode
from tests.cli.driver import Ran, dps
from tests.support.chain import CHAIN_ID, GAS_FUNDS, signer
from tests.support.nodes import RunningNode, anvil, geth

ADMIN, SCHEDULER = signer("admin"), signer("scheduler")
KEY = {"DEEPSQUARE_KEY": b"admin".ljust(32, b".").hex()}
TRANSACTIONS = 4


@dataclass(frozen=True)
class Node:
    """A chain on which the admin can pay for gas."""

    url: str
    portal: BlockingPortal
    rpc: HttpRpc

    def ask(self, method: str, *params: object) -> Any:
        return self.portal.call(self.rpc.request, method, params)

    @property
    def sent(self) -> int:
        return int(self.ask("eth_getTransactionCount", ADMIN.address, "latest"), 16)


@contextlib.asynccontextmanager
async def embedded(_folder: Path) -> AsyncIterator[RunningNode]:
    chain = EmbeddedChain(":memory:", chain_id=CHAIN_ID, funded={ADMIN.address: GAS_FUNDS})
    try:
        async with listening(chain) as url:
            yield RunningNode(url, url.replace("http", "ws"))
    finally:
        await chain.close()


def on_anvil(folder: Path) -> contextlib.AbstractAsyncContextManager[RunningNode]:
    return anvil(folder, CHAIN_ID)


Kind = Callable[[Path], contextlib.AbstractAsyncContextManager[RunningNode]]


@contextlib.contextmanager
def running(kind: Kind, folder: Path) -> Iterator[Node]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(kind(folder)) as node:
        rpc = portal.call(_connected, node.url)
        found = Node(node.url, portal, rpc)
        _fund(found, kind)
        yield found
        portal.call(rpc.close)


async def _connected(url: str) -> HttpRpc:
    return HttpRpc(url)


def _fund(node: Node, kind: Kind) -> None:
    if kind is geth:
        (rich, *_) = node.ask("eth_accounts")
        node.ask("eth_sendTransaction", {"from": rich, "to": ADMIN.address, "value": hex(GAS_FUNDS)})
        while node.ask("eth_getBalance", ADMIN.address, "latest") == "0x0":
            pass
    elif kind is not embedded:
        node.ask("anvil_setBalance", ADMIN.address, hex(GAS_FUNDS))


@pytest.fixture(
    params=[
        pytest.param(embedded, id="embedded"),
        pytest.param(on_anvil, id="anvil", marks=pytest.mark.system),
        pytest.param(geth, id="geth", marks=pytest.mark.conformance),
    ]
)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with running(request.param, tmp_path_factory.mktemp("node")) as found:
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """An embedded chain for tests that leave nothing of theirs behind, or do not care what is there."""
    with running(embedded, tmp_path_factory.mktemp("node")) as found:
        yield found


def deploy(node: Node, *more: object, key: dict[str, str] | None = None) -> Ran:
    return dps("deploy", "--rpc", node.url, *more, environment=KEY if key is None else key)


def test_a_grid_is_deployed_and_everything_finds_it_by_its_file(node: Node) -> None:
    ran = deploy(node, "--yes", "--supply", "1000", "--scheduler", SCHEDULER.address, "--fee", "300", "--json")
    assert ran.exit_code == ExitCode.OK, ran.stderr
    assert ran.json["grid_file"] == str(Path("grid.toml").absolute())
    assert "of the chain's coin" in ran.stderr
    assert "4 of 4" in ran.stderr
    assert f"{SCHEDULER.address} may assign jobs" in ran.stderr
    file = load_grid(Path("grid.toml"))
    assert (file.rpc_url, file.grid.chain_id) == (node.url, int(node.ask("eth_chainId"), 16))
    grid = {**KEY, "DEEPSQUARE_GRID": "grid.toml"}
    assert dps("credits", "balance", environment=grid).stdout == "1000\n"
    assert dps("provider", "list", environment=grid).exit_code == ExitCode.OK
    assert list(Path().iterdir()) == [Path("grid.toml")]


def test_the_faucet_of_a_test_network_gives_once_a_day_as_long_as_it_has_some(node: Node) -> None:
    assert deploy(node, "--yes", "--supply", "0", "--cap", "500", "--faucet", "150").exit_code == ExitCode.OK
    grid = {**KEY, "DEEPSQUARE_GRID": "grid.toml"}
    assert dps("faucet", environment=grid).stdout == "100\n"
    early = dps("faucet", environment=grid)
    assert (early.exit_code, "ask again after" in early.stderr) == (ExitCode.REFUSED_BY_CHAIN, True)
    assert dps("faucet", SCHEDULER.address, "--json", environment=grid).json["credits"] == "50"
    empty = dps("faucet", "0x" + "12" * 20, environment=grid)
    assert (empty.exit_code, "nothing to give" in empty.stderr) == (ExitCode.REFUSED_BY_CHAIN, True)
    assert dps("admin", "mint", ADMIN.address, "350", environment=grid).exit_code == ExitCode.OK
    over = dps("admin", "mint", ADMIN.address, "1", environment=grid)
    assert (over.exit_code, "never are more than 500" in over.stderr) == (ExitCode.REFUSED_BY_CHAIN, True)


def test_a_second_run_finds_the_grid_and_sends_nothing(node: Node) -> None:
    assert deploy(node, "--yes").exit_code == ExitCode.OK
    before, sent = Path("grid.toml").read_text(), node.sent
    again = deploy(node, "--yes", "--json")
    assert again.exit_code == ExitCode.OK, again.stderr
    assert again.json["found"] is True
    assert again.json["meta_scheduler"] == load_grid(Path("grid.toml")).grid.meta_scheduler
    assert (Path("grid.toml").read_text(), node.sent) == (before, sent)


def test_a_later_run_appoints_a_scheduler_and_names_the_gateway(node: Node) -> None:
    deploy(node, "--yes")
    more = ("--scheduler", SCHEDULER.address, "--gateway", "https://gateway.example")
    assert deploy(node, *more).exit_code == ExitCode.OK
    assert load_grid(Path("grid.toml")).gateway_url == "https://gateway.example"
    sent = node.sent
    assert deploy(node, *more).exit_code == ExitCode.OK
    assert node.sent == sent


def test_a_dry_run_tells_the_cost_and_sends_nothing(shared: Node) -> None:
    sent = shared.sent
    ran = deploy(shared, "--dry-run", "--json")
    assert ran.exit_code == ExitCode.OK, ran.stderr
    assert ran.json["gas"] > 5_000_000
    assert shared.sent == sent
    assert not list(Path().iterdir())


def test_a_grid_file_whose_grid_is_not_on_the_chain_is_kept_and_told(shared: Node) -> None:
    deploy(shared)
    address = load_grid(Path("grid.toml")).grid.meta_scheduler
    wrong = Path("grid.toml").read_text().replace(address, "0x" + "1" * 40)
    Path("grid.toml").write_text(wrong)
    assert deploy(shared).exit_code == ExitCode.WRONG_CHAIN
    assert Path("grid.toml").read_text() == wrong


def test_two_deployments_in_one_folder_do_not_meet(shared: Node, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert deploy(shared).exit_code == ExitCode.TRY_AGAIN
    finally:
        os.close(descriptor)


def test_what_is_no_address_of_a_node_is_refused() -> None:
    assert dps("deploy", "--rpc", "ftp://x", environment=KEY).exit_code == ExitCode.BAD_CONFIGURATION
    answer = dps("deploy", "--rpc", "http://127.0.0.1:1", environment=KEY)
    assert answer.exit_code == ExitCode.CHAIN_UNREACHABLE


@pytest.mark.system
def test_on_a_chain_that_costs_the_account_must_be_able_to_pay_and_a_person_must_agree(tmp_path: Path) -> None:
    with running(on_anvil, tmp_path) as node:
        poor = deploy(node, "--yes", key={"DEEPSQUARE_KEY": "11" * 32})
        assert poor.exit_code == ExitCode.NO_GAS
        assert "are needed" in poor.stderr
        unasked = deploy(node)
        assert unasked.exit_code == ExitCode.BAD_CONFIGURATION
        assert "--yes" in unasked.stderr
        assert node.sent == 0


@pytest.mark.system
def test_a_deployment_killed_again_and_again_puts_each_contract_there_once(tmp_path: Path) -> None:
    def slow(folder: Path) -> contextlib.AbstractAsyncContextManager[RunningNode]:
        return anvil(folder, CHAIN_ID, "--block-time", "1")

    journal = Path(".grid.toml.deployment")
    with running(slow, tmp_path) as node:
        command = [sys.executable, "-m", "deepsquare.cli", "deploy", "--rpc", node.url, "--yes"]
        for contract in ("Credit", "ProviderManager", "MetaScheduler"):
            process = subprocess.Popen(command, env=os.environ | KEY, stderr=subprocess.DEVNULL)
            while contract not in (journal.read_text() if journal.exists() else ""):
                assert process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert not Path("grid.toml").exists()
        ran = deploy(node, "--yes")
        assert ran.exit_code == ExitCode.OK, ran.stderr
        assert "Going on with" in ran.stderr
        assert node.sent == TRANSACTIONS
        assert not journal.exists()
