"""`dps wallet`: make, import and show the key that signs."""

import os
import sys

import click

from deepsquare.chain.signer import Signer
from deepsquare.cli.command import Command, current
from deepsquare.cli.lazy import group
from deepsquare.cli.options import configuration, wallet_options
from deepsquare.sdk import wallet as wallets
from deepsquare.sdk.errors import KeyProblem

wallet = group("wallet", "The key that signs for you.")


@wallet.command("new", cls=Command, short_help="Make a new wallet.")
@wallet_options
def new() -> None:
    """Make a new wallet: a fresh key in a V3 keystore, encrypted with your password (scrypt).

    The password comes from --password-file, DEEPSQUARE_PASSWORD or a prompt. An existing wallet is never overwritten.
    """
    _write(wallets.new_signer())


@wallet.command("import", cls=Command, short_help="Put an existing key into a wallet.")
@wallet_options
def import_() -> None:
    """Put an existing private key into a wallet.

    The key (64 hexadecimal digits) is read from DEEPSQUARE_KEY, else from a prompt or stdin; never from an argument.
    """
    from_environment = os.environ.get(wallets.KEY_VARIABLE)
    if from_environment:
        _write(wallets.signer_from_key(from_environment, wallets.KEY_VARIABLE))
    else:
        _write(wallets.signer_from_key(_read_key(), "the input"))


@wallet.command("show", cls=Command, short_help="Print the address that signs.")
@wallet_options
def show() -> None:
    """Print the address that signs for you. Opens nothing and needs no password."""
    address = wallets.find_address(configuration())
    current().output.document({"address": address}, address)


def _write(signer: Signer) -> None:
    settings = configuration()
    path = settings.path("keystore") or wallets.default_path()
    if path.exists():
        raise KeyProblem(f"{path} exists; a wallet is never overwritten", next_step="name another with --keystore")
    password = wallets.known_password(settings)
    if password is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    wallets.create(path, signer, password)
    output = current().output
    output.say(f"Wrote the wallet {path}. Keep it and its password: nobody can restore them.")
    output.document({"address": signer.address, "keystore": str(path)}, signer.address)


def _read_key() -> str:
    if sys.stdin.isatty():
        key: str = click.prompt("Private key", hide_input=True, err=True)
        return key
    return sys.stdin.readline()
