"""`dps credits`: balance, allowance, transfers."""

import click

from deepsquare.cli.command import Command, current
from deepsquare.cli.connecting import reading, run, signing
from deepsquare.cli.lazy import group
from deepsquare.cli.options import CREDITS, grid_options, wallet_options
from deepsquare.sdk.amounts import in_credits, to_credits

credits_ = group("credits", "Balance, allowance, transfers.")


@credits_.command("balance", cls=Command, short_help="Print the credits of an account.")
@click.argument("account", required=False)
@grid_options
@wallet_options
def balance(account: str | None) -> None:
    """Print the credits of ACCOUNT, or of your wallet."""
    run(_balance(account))


async def _balance(account: str | None) -> None:
    async with reading() as client:
        amount = await client.balance(account)
        document = {"account": account or client.address, "credits": str(amount)}
    current().output.document(document, str(amount))


@credits_.command("transfer", cls=Command, short_help="Give credits to another account.")
@click.argument("to", metavar="ACCOUNT")
@click.argument("amount", type=CREDITS)
@grid_options
@wallet_options
def transfer(to: str, amount: int) -> None:
    """Give AMOUNT credits to ACCOUNT; prints what is left."""
    run(_transfer(to, amount))


async def _transfer(to: str, amount: int) -> None:
    output = current().output
    async with signing() as client:
        await client.transfer(to, to_credits(amount))
        left = await client.balance()
    output.say(f"Gave {in_credits(to_credits(amount))} to {to}.")
    output.document({"to": to, "credits": str(to_credits(amount)), "balance": str(left)}, str(left))


@credits_.command("allowance", cls=Command, short_help="Show or set what the grid may take.")
@click.argument("amount", type=CREDITS, required=False)
@grid_options
@wallet_options
def allowance(amount: int | None) -> None:
    """Print how many credits the grid may take from your account; with AMOUNT, set it.

    New jobs, top-ups and delegated top-ups are paid from it. `dps submit` raises it as far as the job needs.
    """
    run(_allowance(amount))


async def _allowance(amount: int | None) -> None:
    async with reading() if amount is None else signing() as client:
        if amount is not None:
            await client.allow(to_credits(amount))
        allowed = await client.allowance()
        document = {"account": client.address, "allowance": str(allowed)}
    current().output.document(document, str(allowed))
