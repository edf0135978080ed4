"""`dps deploy`: the contracts of a new grid on any EVM chain, and the grid file that everything else reads."""

import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from deepsquare.chain import (
    AdminAccount,
    DeployCost,
    DeployJournal,
    Deployment,
    GridFile,
    HttpRpc,
    Ledger,
    Role,
    Sender,
    Setting,
    Signer,
    Supply,
    has_role,
    load_grid,
    verified,
    write_grid,
)
from deepsquare.cli.command import Command, current
from deepsquare.cli.connecting import opened_signer, run
from deepsquare.cli.options import ADDRESS, CREDITS, wallet_options
from deepsquare.cli.output import Output
from deepsquare.cli.shell import from_here
from deepsquare.model import WEI_PER_CREDIT, Address, format_credits
from deepsquare.sdk.configuration import CONFIG_VARIABLE, load
from deepsquare.sdk.errors import Busy, InvalidValue, NoGas
from deepsquare.sdk.translation import translated

DEFAULT_SUPPLY = 1_000_000 * WEI_PER_CREDIT


@click.command("deploy", cls=Command, short_help="Put the contracts of a new grid on any EVM chain.")
@click.option("--rpc", required=True, metavar="URL", envvar="DEEPSQUARE_RPC", help="JSON-RPC address of a node.")
@click.option("--websocket", metavar="URL", help="WebSocket address of the node, for the grid file.")
@click.option("--gateway", metavar="URL", help="Address of the grid's gateway, for the grid file.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("grid.toml"),
    show_default=True,
    help="The grid file to write.",
)
@click.option(
    "--supply",
    type=CREDITS,
    default=DEFAULT_SUPPLY,
    show_default=format_credits(DEFAULT_SUPPLY),
    help="Credits that the admin holds at first.",
)
@click.option("--cap", type=CREDITS, help="The most credits that there can ever be. [default: no bound]")
@click.option(
    "--faucet",
    type=CREDITS,
    default=0,
    help="Credits that anybody may take from a faucet, 100 a day: for test networks. [default: no faucet]",
)
@click.option(
    "--scheduler", "schedulers", type=ADDRESS, multiple=True, metavar="ADDRESS", help="An account that assigns jobs."
)
@click.option(
    "--fee", "fee_basis_points", type=click.IntRange(0, 3000), help="The grid's share of a cost, in basis points."
)
@click.option("--dry-run", is_flag=True, help="Show what it would cost, and stop.")
@click.option("--yes", is_flag=True, help="Do not ask before spending the chain's coin.")
@wallet_options
def deploy(
    *,
    rpc: str,
    websocket: str | None,
    gateway: str | None,
    out: Path,
    supply: int,
    cap: int | None,
    faucet: int,
    schedulers: tuple[Address, ...],
    fee_basis_points: int | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Put a grid's three contracts on the chain of the node at URL, and write its grid file.

    The wallet's account pays and becomes the grid's admin. Safe to run again, whenever it was stopped: what is there
    is found by its code and its ties, and nothing is created twice. A grid file that exists is checked and kept.
    """
    urls = _checked({"rpc": rpc, "websocket": websocket, "gateway": gateway})
    founding = Founding(
        out=out,
        output=current().output,
        signer=opened_signer(),
        urls=urls,
        supply=Supply(supply, faucet=faucet) if cap is None else Supply(supply, cap, faucet),
        schedulers=schedulers,
        fee_basis_points=fee_basis_points,
    )
    with _held(out.absolute().parent):
        run(founding.run(is_dry=dry_run, is_agreed=yes))


@dataclass(frozen=True, kw_only=True, slots=True)
class Founding:
    """One run of the command."""

    out: Path
    output: Output
    signer: Signer
    urls: dict[str, str]
    supply: Supply
    schedulers: Sequence[Address]
    fee_basis_points: int | None

    async def run(self, *, is_dry: bool, is_agreed: bool) -> None:
        """Find the grid, or deploy it; appoint its schedulers; write its file."""
        rpc = HttpRpc(self.urls["rpc"])
        try:
            with translated():
                chain_id = int(await rpc.request("eth_chainId"), 16)
                admin = Sender(rpc, self.signer, chain_id)
                journal = DeployJournal(self.out.with_name(f".{self.out.name}.deployment"))
                is_found = self.out.exists()
                if is_found:
                    ledger = await self._found(rpc)
                else:
                    deployment = Deployment(rpc, admin, self.supply, journal=journal, say=self.output.say)
                    cost = await deployment.cost()
                    self._tell_cost(chain_id, cost, is_begun=journal.begun is not None)
                    if is_dry:
                        self._answer_cost(chain_id, cost)
                        return
                    self._require_coin(cost)
                    self._require_consent(cost, is_agreed=is_agreed)
                    ledger = await Ledger.connect(rpc, await deployment.run())
                if not is_dry:
                    await self._appoint(ledger, AdminAccount(ledger, admin))
                    self._write(ledger)
                    journal.close()
            self._tell(ledger, is_found=is_found)
        finally:
            await rpc.close()

    async def _found(self, rpc: HttpRpc) -> Ledger:
        """The grid in the file that exists."""
        ledger = await verified(rpc, load_grid(self.out).grid)
        self.output.say(f"{from_here(self.out.absolute())} names a grid that is there already: nothing to deploy.")
        return ledger

    def _tell_cost(self, chain_id: int, cost: DeployCost, *, is_begun: bool) -> None:
        self.output.say(
            f"{'Going on with' if is_begun else 'Deploying'} a grid on chain {chain_id} as {self.signer.address}: "
            f"about {cost.gas:,} gas, at most {format_credits(cost.most)} of the chain's coin "
            f"({format_credits(cost.balance)} are there)."
        )

    def _answer_cost(self, chain_id: int, cost: DeployCost) -> None:
        self.output.document(
            {
                "chain_id": chain_id,
                "account": self.signer.address,
                "gas": cost.gas,
                "most_wei": str(cost.most),
                "balance_wei": str(cost.balance),
            },
            "",
        )

    def _require_coin(self, cost: DeployCost) -> None:
        if cost.balance < cost.most:
            raise NoGas(
                f"{self.signer.address} has {format_credits(cost.balance)} of the chain's coin, and up to "
                f"{format_credits(cost.most)} are needed",
                next_step="send it some of the chain's own coin, and run the same command again",
            )

    def _require_consent(self, cost: DeployCost, *, is_agreed: bool) -> None:
        """Ask before money is spent; where it costs nothing, or nobody can be asked, there is no question."""
        if is_agreed or not cost.most:
            return
        if not sys.stdin.isatty():
            raise InvalidValue("nobody is there to be asked", next_step="say --yes, or --dry-run to see the cost alone")
        click.confirm("Deploy?", abort=True, err=True)

    async def _appoint(self, ledger: Ledger, admin: AdminAccount) -> None:
        for account in self.schedulers:
            if not await has_role(ledger, Role.SCHEDULER, account):
                await admin.grant(Role.SCHEDULER, account)
                self.output.say(f"{account} may assign jobs now.")
        fee = self.fee_basis_points
        if fee is not None and fee != (await ledger.settings()).fee_basis_points:
            await admin.change(Setting.FEE_BASIS_POINTS, fee)
            self.output.say(f"The grid's share of a cost is {fee / 100:g} % now.")

    def _write(self, ledger: Ledger) -> None:
        """The grid file; what one that exists says of the gateway stays, unless told otherwise."""
        before = load_grid(self.out) if self.out.exists() else None
        file = GridFile(
            rpc_url=self.urls["rpc"],
            websocket_url=self.urls.get("websocket") or (before.websocket_url if before else None),
            grid=ledger.grid,
            gateway_url=self.urls.get("gateway") or (before.gateway_url if before else None),
            credit=ledger.credit,
            provider_manager=ledger.provider_manager,
        )
        if file != before:
            write_grid(self.out, file)

    def _tell(self, ledger: Ledger, *, is_found: bool) -> None:
        grid, path = ledger.grid, from_here(self.out.absolute())
        if not is_found:
            self.output.say(
                f"The grid stands; {path} names it. Next (docs/deployment.md has the whole way):\n"
                f"  export DEEPSQUARE_GRID={self.out.absolute()}\n"
                "  dps gateway ...; dps metascheduler ...    the services; the latter needs the scheduler's role\n"
                "  dps supervisor ...                        on each cluster; then: dps provider approve ADDRESS\n"
                "  dps credits transfer ACCOUNT AMOUNT       credits for the first customer"
            )
        self.output.document(
            {
                "grid_file": str(self.out.absolute()),
                "found": is_found,
                "chain_id": grid.chain_id,
                "meta_scheduler": grid.meta_scheduler,
                "credit": ledger.credit,
                "provider_manager": ledger.provider_manager,
                "deployed_at_block": grid.deployed_at_block,
            },
            str(path),
        )


def _checked(given: dict[str, str | None]) -> dict[str, str]:
    """The addresses as settings are: those of another grid's files play no role. Raises `InvalidValue`."""
    arguments = {name: text for name, text in given.items() if text}
    found = load(arguments, environment={CONFIG_VARIABLE: os.devnull})
    return {name: found.require(name) for name in arguments}


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other deployments out of the folder: two at once would not know of each other."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Busy(f"another dps deploy is at work in {folder}", next_step="wait until it has ended") from None
    finally:
        os.close(descriptor)
