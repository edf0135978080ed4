"""Admit a provider: what becomes valid is what the admin was shown.

A provider may register again at any moment, also between the look and the approval. So the transaction names what
was shown, and the contract approves nothing else.
"""

from deepsquare.chain import AdminAccount, ContractRefused, Ledger
from deepsquare.cli.failure import RegistrationChanged
from deepsquare.model import Provider
from deepsquare.sdk.errors import NotFound


async def waiting(ledger: Ledger, address: str) -> Provider:
    """The registration that waits for approval. Raises `NotFound`."""
    found = [entry for entry in await ledger.waiting_providers() if entry.address.lower() == address.lower()]
    if not found:
        raise NotFound(f"{address} does not wait for approval", next_step="see who does with: dps provider list")
    return found[0]


async def approve(admin: AdminAccount, shown: Provider) -> None:
    """Make the registration that was shown valid. Raises `RegistrationChanged` where another one waits."""
    try:
        await admin.approve_offer(shown)
    except ContractRefused as refusal:
        if refusal.name != "OfferChanged":
            raise
        raise RegistrationChanged(
            f"{shown.address} has registered anew since it was shown: nothing was approved",
            next_step=f"look at it again: dps provider approve {shown.address}",
        ) from refusal
