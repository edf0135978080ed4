"""`dps faucet`: credits for nothing, on test networks."""

import click

from deepsquare.cli.command import Command, current
from deepsquare.cli.connecting import run, signing
from deepsquare.cli.options import ADDRESS, grid_options, wallet_options
from deepsquare.model import Address
from deepsquare.sdk.amounts import in_credits


@click.command("faucet", cls=Command, short_help="Get credits for nothing, on a test network.")
@click.argument("account", type=ADDRESS, required=False)
@grid_options
@wallet_options
def faucet(account: Address | None) -> None:
    """Have the grid's faucet give ACCOUNT, or your wallet, credits: 100 once a day, as long as it has some.

    Only a grid that was deployed with a faucet has one (dps deploy --faucet): where credits are worth something, none.
    """
    run(_faucet(account))


async def _faucet(account: Address | None) -> None:
    async with signing() as client:
        given = await client.drip(account)
        receiver = account or client.address
        balance = await client.balance(receiver)
    current().output.say(f"{receiver} was given {in_credits(given)} and has {in_credits(balance)} now.")
    current().output.document({"account": receiver, "given": str(given), "credits": str(balance)}, str(given))
