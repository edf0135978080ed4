"""`dps provider`: who offers what at which price; and, for the admin of a grid, who is admitted."""

import sys

import click

from deepsquare.cli import admission
from deepsquare.cli.command import Command, current
from deepsquare.cli.connecting import reading, run, signing
from deepsquare.cli.lazy import group
from deepsquare.cli.options import ADDRESS, grid_options, wallet_options
from deepsquare.cli.output import record
from deepsquare.cli.wording import NOTHING, site_document, site_fields, site_tables
from deepsquare.model import Address, Provider
from deepsquare.scheduling import Site
from deepsquare.sdk.client import AsyncClient
from deepsquare.sdk.errors import NotFound
from deepsquare.sdk.translation import translated

_WAITING = "waits for approval"

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
    current().output.table(documents, *site_tables(rows), empty="The grid has no providers yet.")


@provider.command("show", cls=Command, short_help="Show one provider.")
@click.argument("address")
@grid_options
def show(address: str) -> None:
    """Show one provider: hardware, what is free, prices, labels, the jobs that it holds."""
    run(_show(address))


async def _show(address: str) -> None:
    async with reading() as client:
        site, state = await _find(client, address)
    fields = [*site_fields(site, state), ("jobs", " ".join(str(job.id) for job in site.bound) or NOTHING)]
    current().output.document(site_document(site, state), record(fields))


async def _find(client: AsyncClient, address: str) -> tuple[Site, str]:
    found = [row for row in await _sites(client) if row[0].provider.address.lower() == address.lower()]
    if not found:
        raise NotFound(f"{address} is no provider of this grid", next_step="see them all with: dps provider list")
    return found[0]


@provider.command("approve", cls=Command, short_help="Admit a provider (for the grid's admin).")
@click.argument("address")
@click.option("--yes", "-y", "is_agreed", is_flag=True, help="Do not ask.")
@grid_options
@wallet_options
def approve(address: str, *, is_agreed: bool) -> None:
    """Show the waiting registration of the provider at ADDRESS and make it valid. Only the grid's admin can.

    On a terminal you are asked first. What is approved is what you were shown: exit code 37 where the provider
    registered anew meanwhile.
    """
    shown = run(_show_waiting(address))
    if not is_agreed and sys.stdin.isatty():
        click.confirm("Approve it?", abort=True, err=True)
    run(_approve(shown))


async def _show_waiting(address: str) -> Provider:
    async with reading() as client:
        ledger = await client.connection.ledger()
        with translated():
            found = await admission.waiting(ledger, address)
    current().output.say(record(site_fields(Site(found), _WAITING)))
    return found


async def _approve(shown: Provider) -> None:
    output = current().output
    async with signing() as client:
        admin = await client.connection.admin_account()
        with translated():
            await admission.approve(admin, shown)
    output.say(f"{shown.address} is a provider of this grid now.")
    output.document({"provider": shown.address, "state": "approved"}, shown.address)


@provider.command("ban", cls=Command, short_help="Give a provider no new jobs (for the grid's admin).")
@click.argument("address", type=ADDRESS)
@grid_options
@wallet_options
def ban(address: Address) -> None:
    """Give the provider at ADDRESS no new jobs; what it holds it may finish. Only the grid's admin can."""
    run(_set_banned(address, is_banned=True))


@provider.command("unban", cls=Command, short_help="Lift a provider's ban (for the grid's admin).")
@click.argument("address", type=ADDRESS)
@grid_options
@wallet_options
def unban(address: Address) -> None:
    """Let the provider at ADDRESS have jobs again. Only the grid's admin can."""
    run(_set_banned(address, is_banned=False))


@provider.command("remove", cls=Command, short_help="Forget a provider (for the grid's admin).")
@click.argument("address", type=ADDRESS)
@grid_options
@wallet_options
def remove(address: Address) -> None:
    """Forget the registrations of the provider at ADDRESS; what it holds it may finish. Only the grid's admin can.

    It may register again, and waits for approval then; a ban outlives the removal.
    """
    run(_remove(address))


async def _remove(address: Address) -> None:
    async with signing() as client:
        await client.admin.remove(address)
    current().output.document({"provider": address, "state": "removed"}, f"{address} is no provider any more.")


async def _set_banned(address: Address, *, is_banned: bool) -> None:
    async with signing() as client:
        # A ban outlives the registration, so that it can be lifted without one.
        await (client.admin.ban(address) if is_banned else client.admin.unban(address))
    state = "banned" if is_banned else "not banned"
    current().output.document({"provider": address, "state": state}, f"{address} is {state}.")


async def _sites(client: AsyncClient) -> list[tuple[Site, str]]:
    """Every registration and its state; a provider whose changes wait stands there twice."""
    ledger = await client.connection.ledger()
    sites = await client.providers()
    with translated():
        waiting = await ledger.waiting_providers()
    now = client.connection.clock.now()
    rows = [(site, _state(site, is_away=site.lease_end is not None and site.lease_end <= now)) for site in sites]
    return rows + [(Site(entry), _WAITING) for entry in waiting]


def _state(site: Site, *, is_away: bool) -> str:
    if site.provider.is_banned:
        return "banned"
    return "away" if is_away else "serving"
