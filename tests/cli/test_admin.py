"""`dps admin`, `dps provider`, `dps job expire` and `dps job auto-top-up`, on each kind of node."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from deepsquare.chain import GridFile, HttpRpc, Report, write_grid
from deepsquare.chain.embedded import EmbeddedChain
from deepsquare.chain.embedded.server import listening
from deepsquare.cli.exits import ExitCode
from deepsquare.clock import SystemClock
from deepsquare.model import WEI_PER_CREDIT, Hardware, JobDefinition, JobId, JobStatus, Node, Prices
from tests.cli.driver import Ran, dps
from tests.support.chain import CHAIN_ID, Grid, deploy_grid, funded, signer
from tests.support.clock import ManualClock
from tests.support.nodes import anvil

HARDWARE, PRICES = Hardware((Node(4, 8_000),)), Prices(0, WEI_PER_CREDIT, 0)
DEFINITION = JobDefinition(tasks=1, cpus_per_task=1, memory_per_cpu_mb=100, gpus=0, script_hash="0f" * 32)
FRIEND = signer("friend").address


TimedNode = tuple[str, HttpRpc, Callable[[int], Awaitable[None]]]
"""A node, and how to let time pass there."""
Kind = Callable[[Path], contextlib.AbstractAsyncContextManager[TimedNode]]


@dataclass(frozen=True)
class Site:
    """A grid in another thread, and the moves that a test makes there."""

    portal: BlockingPortal
    grid: Grid
    file: Path
    pass_seconds: Callable[[int], None]

    def dps(self, role: str, *arguments: object) -> Ran:
        key = role.encode().ljust(32, b".").hex()
        return dps(*arguments, environment={"DEEPSQUARE_KEY": key, "DEEPSQUARE_GRID": str(self.file)})

    @property
    def provider(self) -> str:
        return self.grid.providers[0].address

    def request(self, *, is_claimed: bool = False) -> JobId:
        return self.portal.call(self._request, is_claimed)

    async def _request(self, is_claimed: bool) -> JobId:
        grid = self.grid
        await grid.customer_account.allow(100 * WEI_PER_CREDIT)
        job_id = (await grid.customer_account.request_job(DEFINITION, 10 * WEI_PER_CREDIT, "job")).job_id
        refused = await grid.scheduler_account.assign([(job_id, grid.providers[0].address)])
        assert not refused, refused[job_id].name
        if is_claimed:
            assert await grid.provider_account().claim([job_id]) == {job_id}
        return job_id

    def start(self, job_id: JobId) -> None:
        self.portal.call(self._report, Report(job_id, JobStatus.RUNNING, datetime.now(UTC)))

    def run_for_a_minute(self, job_id: JobId) -> None:
        """Start the job and end it; that costs a credit."""
        self.start(job_id)
        started_at = self.portal.call(self.grid.ledger.job, job_id).time.started_at
        assert started_at is not None
        self.pass_seconds(61)
        self.portal.call(self._report, Report(job_id, JobStatus.FINISHED, started_at + timedelta(minutes=1)))

    async def _report(self, report: Report) -> None:
        assert await self.grid.provider_account().report([report]) == {}


@contextlib.asynccontextmanager
async def embedded(_folder: Path) -> AsyncIterator[TimedNode]:
    clock = ManualClock()
    chain = EmbeddedChain(":memory:", chain_id=CHAIN_ID, clock=clock, funded=funded())

    async def pass_seconds(seconds: int) -> None:
        clock.advance(seconds)

    try:
        async with listening(chain) as url, opened(url) as rpc:
            yield url, rpc, pass_seconds
    finally:
        await chain.close()


@contextlib.asynccontextmanager
async def on_anvil(folder: Path) -> AsyncIterator[TimedNode]:
    async with anvil(folder, CHAIN_ID) as node, opened(node.url) as rpc:
        await rpc.batch([("anvil_setBalance", [account, hex(wei)]) for account, wei in funded().items()])

        async def pass_seconds(seconds: int) -> None:
            await rpc.request("evm_increaseTime", [hex(seconds)])
            await rpc.request("evm_mine")

        yield node.url, rpc, pass_seconds


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[HttpRpc]:
    rpc = HttpRpc(url)
    try:
        yield rpc
    finally:
        await rpc.close()


@contextlib.asynccontextmanager
async def _grid(kind: Kind, folder: Path) -> AsyncIterator[tuple[Grid, Callable[[int], Awaitable[None]]]]:
    async with kind(folder) as (url, rpc, pass_seconds):
        grid = await deploy_grid(rpc, SystemClock())
        await grid.join(grid.providers[0], HARDWARE, PRICES)
        write_grid(folder / "grid.toml", GridFile(url, grid.address))
        yield grid, pass_seconds


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(embedded, id="embedded"),
        pytest.param(on_anvil, id="anvil", marks=pytest.mark.system),
    ],
)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One grid for all tests of this file; each leaves it as it found it."""
    folder = tmp_path_factory.mktemp("grid")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_grid(request.param, folder)) as (grid, pass_seconds),
    ):
        yield Site(portal, grid, folder / "grid.toml", lambda seconds: portal.call(pass_seconds, seconds))


def ok(ran: Ran) -> Ran:
    assert ran.exit_code == ExitCode.OK, ran.stderr
    return ran


def test_fees_are_shown_withdrawn_and_never_more_than_there_are(site: Site) -> None:
    site.run_for_a_minute(site.request(is_claimed=True))
    assert ok(site.dps("admin", "admin", "fees", "show")).stdout == "0.025\n"
    assert site.dps("admin", "admin", "fees", "withdraw", FRIEND, "0.026").exit_code == ExitCode.NO_CREDITS
    assert ok(site.dps("admin", "admin", "fees", "withdraw", FRIEND, "0.005")).stdout == "0.005\n"
    assert ok(site.dps("admin", "admin", "fees", "withdraw", FRIEND)).stdout == "0.02\n"
    assert ok(site.dps("admin", "credits", "balance", FRIEND)).stdout == "0.025\n"
    assert ok(site.dps("admin", "admin", "fees", "show", "--json")).json == {"collected": "0", "fee_basis_points": 250}


def test_the_grids_share_is_set_within_its_bound(site: Site) -> None:
    ok(site.dps("admin", "admin", "fees", "set", "3000"))
    assert ok(site.dps("admin", "admin", "show", "--json")).json["settings"]["fee_basis_points"] == 3000
    assert site.dps("admin", "admin", "fees", "set", "3001").exit_code == ExitCode.USAGE
    over = site.dps("admin", "admin", "set", "fee_basis_points", "3001")
    assert (over.exit_code, "0 to 3000" in over.stderr) == (ExitCode.REFUSED_BY_CHAIN, True)
    ok(site.dps("admin", "admin", "fees", "set", "250"))


@pytest.mark.parametrize(
    ("setting", "value", "other"),
    [
        ("claim_timeout_seconds", "60", "300"),
        ("lease_seconds", "600", "900"),
        ("report_delay_seconds", "0", "300"),
        ("cancel_grace_seconds", "0", "120"),
        ("cancel_timeout_seconds", "3600", "600"),
        ("minimum_amount", "0.5", "0"),
    ],
)
def test_each_setting_is_turned_by_its_name_and_shown(site: Site, setting: str, value: str, other: str) -> None:
    for text in (value, other):
        ok(site.dps("admin", "admin", "set", setting, text))
        assert str(ok(site.dps("admin", "admin", "show", "--json")).json["settings"][setting]) == text


def test_what_is_no_number_is_no_setting(site: Site) -> None:
    for setting in ("lease_seconds", "minimum_amount"):
        answer = site.dps("admin", "admin", "set", setting, "much")
        assert (answer.exit_code, setting in answer.stderr) == (ExitCode.BAD_CONFIGURATION, True)


def test_nobody_but_the_admin_decides(site: Site) -> None:
    for command in (
        ("fees", "withdraw", FRIEND, "0"),
        ("fees", "set", "0"),
        ("set", "lease_seconds", "600"),
        ("grant", "scheduler", FRIEND),
        ("revoke", "scheduler", FRIEND),
        ("mint", FRIEND, "1"),
        ("transfer", FRIEND),
    ):
        answer = site.dps("customer", "admin", *command)
        assert answer.exit_code == ExitCode.REFUSED_BY_CHAIN
        assert "only the grid's admin" in answer.stderr
    assert site.dps("customer", "admin", "pause").exit_code == ExitCode.REFUSED_BY_CHAIN


def test_a_pauser_stops_new_requests_and_nothing_else(site: Site) -> None:
    ok(site.dps("admin", "admin", "grant", "pauser", signer("provider two").address))
    ok(site.dps("provider two", "admin", "pause"))
    assert ok(site.dps("admin", "admin", "show", "--json")).json["settings"]["accepts_requests"] is False
    assert site.dps("provider two", "admin", "set", "lease_seconds", "600").exit_code == ExitCode.REFUSED_BY_CHAIN
    ok(site.dps("provider two", "admin", "unpause"))
    ok(site.dps("admin", "admin", "revoke", "pauser", signer("provider two").address))
    assert site.dps("provider two", "admin", "pause").exit_code == ExitCode.REFUSED_BY_CHAIN
    assert ok(site.dps("admin", "admin", "show", "--json")).json["settings"]["accepts_requests"] is True


def test_who_has_a_role_is_listed_while_they_have_it(site: Site) -> None:
    def holders() -> dict[str, list[str]]:
        return dict(ok(site.dps("customer", "admin", "roles", "--json")).json)

    scheduler = site.grid.scheduler.address
    assert holders() == {"scheduler": [scheduler], "pauser": []}
    for role in ("pauser", "scheduler"):
        ok(site.dps("admin", "admin", "grant", role, FRIEND))
    assert holders() == {"scheduler": [scheduler, FRIEND], "pauser": [FRIEND]}
    ok(site.dps("admin", "admin", "revoke", "scheduler", FRIEND))
    assert holders() == {"scheduler": [scheduler], "pauser": [FRIEND]}
    assert f"pauser     {FRIEND}" in ok(site.dps("customer", "admin", "roles")).stdout
    ok(site.dps("admin", "admin", "revoke", "pauser", FRIEND))


def test_a_job_shows_the_settings_of_its_request(site: Site) -> None:
    turned = {
        "lease_seconds": 600,
        "report_delay_seconds": 60,
        "cancel_grace_seconds": 30,
        "cancel_timeout_seconds": 90,
    }
    settings = ok(site.dps("admin", "admin", "show", "--json")).json["settings"]
    for setting, value in turned.items():
        ok(site.dps("admin", "admin", "set", setting, value))
    job = site.request()
    for setting in reversed(turned):
        ok(site.dps("admin", "admin", "set", setting, settings[setting]))
    assert ok(site.dps("customer", "job", "show", job, "--json")).json["terms"] == turned
    ok(site.dps("customer", "job", "cancel", job))


def test_who_cancels_a_running_job_hears_what_is_billed_and_how_it_ends_without_the_provider(site: Site) -> None:
    job = site.request(is_claimed=True)
    site.start(job)
    said = ok(site.dps("customer", "job", "cancel", job)).stderr
    assert "Nothing is billed after" in said
    assert f"end it yourself: dps job cancel {job}" in said
    site.pass_seconds(601)
    assert ok(site.dps("customer", "job", "cancel", job)).stdout == "CANCELLED\n"


def test_the_grid_changes_hands_in_two_steps(site: Site) -> None:
    def admins() -> set[str]:
        return {each["admin"] for each in ok(site.dps("admin", "admin", "show", "--json")).json["contracts"].values()}

    old, new = site.grid.admin.address, site.grid.customer.address
    assert site.dps("customer", "admin", "accept").exit_code == ExitCode.BAD_CONFIGURATION
    for _ in range(2):
        ok(site.dps("admin", "admin", "transfer", new))
        assert admins() == {old}
    assert ok(site.dps("customer", "admin", "accept")).stdout == f"{new}\n"
    assert admins() == {new}
    assert site.dps("admin", "admin", "fees", "set", "0").exit_code == ExitCode.REFUSED_BY_CHAIN
    ok(site.dps("customer", "admin", "transfer", old))
    ok(site.dps("admin", "admin", "accept"))
    assert admins() == {old}


def test_credits_are_created_for_an_account(site: Site) -> None:
    before = Decimal(site.dps("admin", "credits", "balance", FRIEND).stdout)
    ok(site.dps("admin", "admin", "mint", FRIEND, "1.5"))
    assert Decimal(site.dps("admin", "credits", "balance", FRIEND).stdout) == before + Decimal("1.5")


def test_a_banned_provider_gets_nothing_new_and_is_paid_for_what_it_holds(site: Site) -> None:
    job_id = site.request(is_claimed=True)
    ok(site.dps("admin", "provider", "ban", site.provider))
    assert site.dps("admin", "provider", "ban", site.provider).exit_code == ExitCode.REFUSED_BY_CHAIN
    with pytest.raises(AssertionError, match="ProviderNotJoined"):
        site.request()
    before = site.portal.call(site.grid.ledger.balance, site.grid.providers[0].address)
    site.run_for_a_minute(job_id)
    paid = site.portal.call(site.grid.ledger.balance, site.grid.providers[0].address) - before
    assert paid == WEI_PER_CREDIT * 975 // 1000
    ok(site.dps("admin", "provider", "unban", site.provider))
    site.request()


def test_a_removed_provider_is_forgotten_until_it_registers_again(site: Site) -> None:
    ok(site.dps("admin", "provider", "remove", site.provider))
    assert site.dps("admin", "provider", "remove", site.provider).exit_code == ExitCode.NOT_FOUND
    assert site.dps("admin", "provider", "show", site.provider).exit_code == ExitCode.NOT_FOUND
    site.portal.call(site.grid.join, site.grid.providers[0], HARDWARE, PRICES)
    site.request()


def test_a_job_that_nobody_claims_in_time_is_moved_on_by_anybody(site: Site) -> None:
    job_id = site.request()
    early = site.dps("provider two", "job", "expire", job_id)
    assert (early.exit_code, "nothing has run out yet" in early.stderr) == (ExitCode.REFUSED_BY_CHAIN, True)
    site.pass_seconds(301)
    assert ok(site.dps("provider two", "job", "expire", job_id)).stdout == "PENDING\n"
    assert site.dps("provider two", "job", "expire", "999").exit_code == ExitCode.NOT_FOUND


def test_a_running_job_whose_provider_went_away_costs_nothing(site: Site) -> None:
    job_id = site.request(is_claimed=True)
    site.portal.call(site._report, Report(job_id, JobStatus.RUNNING, datetime.now(UTC)))
    site.pass_seconds(901)
    lost = ok(site.dps("customer", "job", "expire", job_id, "--json")).json
    assert (lost["status"], Decimal(lost["bill"]["refunded"])) == ("PANICKED", Decimal(10))


def test_a_customer_lets_the_grid_buy_time_and_forbids_it(site: Site) -> None:
    job_id = site.request(is_claimed=True)
    assert site.dps("provider one", "job", "auto-top-up", job_id, "on").exit_code == ExitCode.REFUSED_BY_CHAIN
    for state in ("on", "off"):
        assert ok(site.dps("customer", "job", "auto-top-up", job_id, state)).stdout == f"{state}\n"
        job = site.portal.call(site.grid.ledger.job, job_id)
        assert job.cost.delegate_spending_authority is (state == "on")


@pytest.mark.parametrize(("allowance", "must_allow"), [("0", True), ("5", False)])
def test_who_lets_the_grid_buy_time_is_told_to_allow_it_credits(site: Site, allowance: str, must_allow: bool) -> None:
    job_id = site.request(is_claimed=True)
    ok(site.dps("customer", "credits", "allowance", allowance))
    answer = ok(site.dps("customer", "job", "auto-top-up", job_id, "on"))
    assert ("dps credits allowance AMOUNT" in answer.stderr) is must_allow
