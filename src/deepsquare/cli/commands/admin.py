"""`dps admin`: what the admin of a grid decides, each within a bound of the contract; and what a pauser may."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict

import click

from deepsquare.chain import Ownership, Role, Setting
from deepsquare.cli.command import Command, current
from deepsquare.cli.connecting import reading, run, signing
from deepsquare.cli.lazy import group
from deepsquare.cli.options import ADDRESS, CREDITS, grid_options, wallet_options
from deepsquare.cli.output import JsonValue, record
from deepsquare.cli.wording import NOTHING
from deepsquare.model import Address, InvalidAmount, format_credits, parse_credits
from deepsquare.sdk.admin import AsyncAdmin
from deepsquare.sdk.amounts import in_credits, to_credits
from deepsquare.sdk.errors import InvalidValue

admin = group("admin", "What a grid's admin decides: settings, fees, roles.")

_ROLE = click.Choice([role.name.lower() for role in Role])
_SETTING = click.Choice([setting.name.lower() for setting in Setting])
_MINIMUM = Setting.MINIMUM_AMOUNT.name.lower()


@admin.command("show", cls=Command, short_help="Show whose the grid is, and its settings.")
@grid_options
def show() -> None:
    """Show whose the grid's contracts are, its settings, and the fees that nobody has withdrawn yet."""
    run(_show())


async def _show() -> None:
    async with reading() as client:
        owners, settings = await client.admin.owners(), await client.admin.settings()
        fees = await client.admin.collected_fees()
    values: dict[str, JsonValue] = {**asdict(settings), "minimum_amount": format_credits(settings.minimum_amount)}
    documents: JsonValue = {
        found.contract.name: {
            "address": found.contract.address,
            "admin": found.admin,
            "offered_to": found.offered_to,
        }
        for found in owners
    }
    lines = [
        *((found.contract.name, _standing(found)) for found in owners),
        *((name, str(value)) for name, value in values.items()),
        ("collected fees", str(fees)),
    ]
    document: JsonValue = {"contracts": documents, "settings": values, "collected_fees": str(fees)}
    current().output.document(document, record(lines))


def _standing(found: Ownership) -> str:
    offer = "" if found.offered_to is None else f", offered to {found.offered_to}"
    return f"{found.contract.address} of {found.admin}{offer}"


@admin.command("set", cls=Command, short_help="Turn a setting.")
@click.argument("setting", type=_SETTING)
@click.argument("value")
@grid_options
@wallet_options
def set_(setting: str, value: str) -> None:
    """Turn a SETTING, within the contract's bounds; `dps admin show` lists them with their values.

    VALUE is a whole number, for minimum_amount credits. A job keeps what moves its money or time as it was at its
    request; only a longer lease and the claim timeout hold at once.
    """
    run(_act(lambda acting: acting.change(setting, _number(setting, value)), f"{setting} is {value} now."))


def _number(setting: str, text: str) -> int:
    try:
        return parse_credits(text) if setting == _MINIMUM else int(text)
    except (InvalidAmount, ValueError):
        expected = "an amount of credits" if setting == _MINIMUM else "a whole number"
        raise InvalidValue(f"{setting} = {text!r}: expected {expected}", next_step="correct the value") from None


@admin.group("fees", short_help="Fees: show, withdraw, set the grid's share.", no_args_is_help=True)
def fees() -> None:
    """The grid's share of what jobs cost: what was collected, who gets it, how much it is."""


@fees.command("show", cls=Command, short_help="Print the fees that nobody has withdrawn yet.")
@grid_options
def fees_show() -> None:
    """Print the fees that nobody has withdrawn yet, in credits."""
    run(_fees_show())


async def _fees_show() -> None:
    async with reading() as client:
        collected, settings = await client.admin.collected_fees(), await client.admin.settings()
    document: JsonValue = {"collected": str(collected), "fee_basis_points": settings.fee_basis_points}
    current().output.say(f"The grid's share of a cost is {settings.fee_basis_points / 100:g} %.")
    current().output.document(document, str(collected))


@fees.command("withdraw", cls=Command, short_help="Send collected fees to an account.")
@click.argument("account", type=ADDRESS)
@click.argument("amount", type=CREDITS, required=False)
@grid_options
@wallet_options
def fees_withdraw(account: Address, amount: int | None) -> None:
    """Send AMOUNT credits of collected fees to ACCOUNT, all of them unless told how many.

    Never more than was collected: the credits that are locked in jobs are out of reach.
    """
    run(_fees_withdraw(account, amount))


async def _fees_withdraw(account: Address, amount: int | None) -> None:
    async with signing() as client:
        sent = await client.admin.withdraw_fees(account, None if amount is None else to_credits(amount))
    current().output.say(f"Sent {in_credits(sent)} of fees to {account}.")
    current().output.document({"to": account, "credits": str(sent)}, str(sent))


@fees.command("set", cls=Command, short_help="Set the grid's share of what jobs cost.")
@click.argument("basis_points", type=click.IntRange(0, 3000))
@grid_options
@wallet_options
def fees_set(basis_points: int) -> None:
    """Set the grid's share to BASIS_POINTS (100 are 1 %, at most 3000), for jobs requested from now on."""
    name = Setting.FEE_BASIS_POINTS.name.lower()
    said = f"The grid's share of a cost is {basis_points / 100:g} % for jobs requested from now on."
    run(_act(lambda acting: acting.change(name, basis_points), said))


@admin.command("roles", cls=Command, short_help="Show who assigns jobs, and who may pause the grid.")
@grid_options
def roles() -> None:
    """Show who is a scheduler and who a pauser. Reads the grid's events from its first block on."""
    run(_roles())


async def _roles() -> None:
    async with reading() as client:
        holders = await client.admin.roles()
    document: JsonValue = {role: list(accounts) for role, accounts in holders.items()}
    lines = [(role, " ".join(accounts) or NOTHING) for role, accounts in holders.items()]
    current().output.document(document, record(lines))


@admin.command("grant", cls=Command, short_help="Make an account a scheduler or a pauser.")
@click.argument("role", type=_ROLE)
@click.argument("account", type=ADDRESS)
@grid_options
@wallet_options
def grant(role: str, account: Address) -> None:
    """Make ACCOUNT a scheduler (it assigns jobs) or a pauser (it may stop new requests, nothing else)."""
    run(_act(lambda acting: acting.grant(role, account), f"{account} is a {role} now."))


@admin.command("revoke", cls=Command, short_help="Take a role from an account.")
@click.argument("role", type=_ROLE)
@click.argument("account", type=ADDRESS)
@grid_options
@wallet_options
def revoke(role: str, account: Address) -> None:
    """Take the ROLE scheduler or pauser from ACCOUNT."""
    run(_act(lambda acting: acting.revoke(role, account), f"{account} is no {role} any more."))


@admin.command("pause", cls=Command, short_help="Take no new jobs; whatever exists goes on.")
@grid_options
@wallet_options
def pause() -> None:
    """Take no new jobs; whatever exists goes on. For the admin and pausers."""
    run(_act(lambda acting: acting.pause(), "The grid takes no new jobs. Take them again: dps admin unpause"))


@admin.command("unpause", cls=Command, short_help="Take new jobs again.")
@grid_options
@wallet_options
def unpause() -> None:
    """Take new jobs again. For the admin and pausers."""
    run(_act(lambda acting: acting.unpause(), "The grid takes new jobs."))


@admin.command("mint", cls=Command, short_help="Create credits for an account.")
@click.argument("account", type=ADDRESS)
@click.argument("amount", type=CREDITS)
@grid_options
@wallet_options
def mint(account: Address, amount: int) -> None:
    """Create AMOUNT credits for ACCOUNT."""
    credits_ = to_credits(amount)
    run(_act(lambda acting: acting.mint(account, credits_), f"{account} has {in_credits(credits_)} more."))


@admin.command("transfer", cls=Command, short_help="Offer the grid to another admin.")
@click.argument("account", type=ADDRESS)
@grid_options
@wallet_options
def transfer(account: Address) -> None:
    """Offer the grid to ACCOUNT as its next admin. Nothing changes until that account runs `dps admin accept`."""
    said = f"{account} becomes the admin with: dps admin accept. Until then nothing has changed."
    run(_act(lambda acting: acting.offer(account), said))


@admin.command("accept", cls=Command, short_help="Become the grid's admin, where that was offered.")
@grid_options
@wallet_options
def accept() -> None:
    """Become the admin of the contracts that were offered to your account."""
    run(_accept())


async def _accept() -> None:
    async with signing() as client:
        if not await client.admin.accept():
            offers = [found.offered_to or NOTHING for found in await client.admin.owners()]
            raise InvalidValue(
                f"nothing is offered to {client.address} (but to: {', '.join(offers)})",
                next_step="the admin offers it with: dps admin transfer ACCOUNT",
            )
        current().output.say(f"{client.address} is the grid's admin now.")
        current().output.document({"admin": client.address}, client.address)


async def _act(act: Callable[[AsyncAdmin], Awaitable[None]], said: str) -> None:
    """Do one thing as the admin, and say what holds now."""
    async with signing() as client:
        await act(client.admin)
    current().output.say(said)
    current().output.document({"done": said}, "")
