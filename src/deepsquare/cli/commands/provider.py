"""`dps provider`: who offers what at which price; and, for the admin of a grid, who is admitted."""

import click

from deepsquare.chain import AdminAccount, Sender
from deepsquare.cli.command import Command, current
from deepsquare.cli.connecting import reading, run, signing
from deepsquare.cli.lazy import group
from deepsquare.cli.options import grid_options, wallet_options
from deepsquare.cli.output import record
from deepsquare.cli.wording import NOTHING, SITE_COLUMNS, site_document, site_row
from deepsquare.scheduling import Site
from deepsquare.sdk.client import AsyncClient
from deepsquare.sdk.errors import NotFound
from deepsquare.sdk.translation import translated

provider = group("provider", "Who offers what at which price; admit providers.")


@provider.command("list", cls=Command, short_help="List all providers with prices and free resources.")
@grid_options
def list_() -> None:
    """List all providers: state, hardware, what is free now, prices, labels; also those that wait for approval."""
    run(_list())


async def _list() -> None:
    async with reading() as client:
        rows = await _sites(client)
    documents = [site_document(site, state) for site, state in rows]
    table = [site_row(site, state) for site, state in rows]
    current().output.table(documents, SITE_COLUMNS, table, "The grid has no providers yet.")


@provider.command("show", cls=Command, short_help="Show one provider.")
@click.argument("address")
@grid_options
def show(address: str) -> None:
    """Show one provider: hardware, what is free, prices, labels, the jobs that it holds."""
    run(_show(address))


async def _show(address: str) -> None:
    async with reading() as client:
        rows = await _sites(client)
    found = [row for row in rows if row[0].provider.address.lower() == address.lower()]
    if not found:
        raise NotFound(f"{address} is no provider of this grid", next_step="see them all with: dps provider list")
    site, state = found[0]
    titles = (column.title for column in SITE_COLUMNS)
    fields = list(zip(titles, site_row(site, state), strict=True))
    fields.append(("jobs", " ".join(str(job.id) for job in site.bound) or NOTHING))
    current().output.document(site_document(site, state), record(fields))


@provider.command("approve", cls=Command, short_help="Admit a provider (for the grid's admin).")
@click.argument("address")
@grid_options
@wallet_options
def approve(address: str) -> None:
    """Make the waiting registration of the provider at ADDRESS valid. Only the grid's admin can."""
    run(_approve(address))


async def _approve(address: str) -> None:
    output = current().output
    async with signing() as client:
        ledger = await client.connection.ledger()
        with translated():
            waiting = [entry.address for entry in await ledger.waiting_providers()]
        found = next((entry for entry in waiting if entry.lower() == address.lower()), None)
        if found is None:
            raise NotFound(f"{address} does not wait for approval", next_step="see who does with: dps provider list")
        admin = AdminAccount(ledger, Sender(ledger.rpc, client.connection.signer, ledger.grid.chain_id))
        with translated():
            await admin.approve(found)
    output.say(f"{found} is a provider of this grid now.")
    output.document({"provider": found, "state": "approved"}, found)


async def _sites(client: AsyncClient) -> list[tuple[Site, str]]:
    """Every registration and its state; a provider whose changes wait stands there twice."""
    ledger = await client.connection.ledger()
    sites = await client.providers()
    with translated():
        waiting = await ledger.waiting_providers()
    now = client.connection.clock.now()
    rows = [(site, _state(site, is_away=site.lease_end is not None and site.lease_end <= now)) for site in sites]
    return rows + [(Site(entry), "waits for approval") for entry in waiting]


def _state(site: Site, *, is_away: bool) -> str:
    if site.provider.is_banned:
        return "banned"
    return "away" if is_away else "serving"
