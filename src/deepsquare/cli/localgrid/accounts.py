"""The wallets of a grid's parties: V3 keystores, each beside a file with its random password.

The password is a key in itself, so a light work factor does, and services start at once. Whoever may read the
state folder is whoever runs the grid; nobody else can.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

from deepsquare.chain import Signer
from deepsquare.chain.keystore import SCRYPT_N_FOR_RANDOM_PASSWORDS
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.model import Address
from deepsquare.sdk import wallet

ADMIN = "admin"
SCHEDULER = "scheduler"
CUSTOMER = "customer"
_PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Account:
    """One party's wallet."""

    name: str
    keystore: Path
    password_file: Path

    @property
    def address(self) -> Address:
        """The party on the chain."""
        return wallet.address_of(self.keystore)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a service finds its wallet."""
        return {"DEEPSQUARE_KEYSTORE": str(self.keystore), "DEEPSQUARE_PASSWORD_FILE": str(self.password_file)}

    def open(self) -> Signer:
        """The wallet's key."""
        return Signer.from_keystore(self.keystore, self.password_file.read_text(encoding="utf-8").strip())


def account(folder: StateFolder, name: str) -> Account:
    """The wallet of a party, made where it is missing."""
    found = Account(name, folder.keys / f"{name}.json", folder.keys / f"{name}.password")
    # The password first: a keystore without it would be lost, a password without keystore is just used.
    if not found.password_file.exists():
        wallet.write_private(found.password_file, secrets.token_hex(_PASSWORD_BYTES) + "\n")
    if not found.keystore.exists():
        password = found.password_file.read_text(encoding="utf-8").strip()
        wallet.create(found.keystore, wallet.new_signer(), password, scrypt_n=SCRYPT_N_FOR_RANDOM_PASSWORDS)
    return found
