"""Admit a provider: what becomes valid is what the admin was shown.

A provider may register again at any moment, also between the look and the approval, and the contract approves
whatever waits then. So the registration is read again right before, and what became valid is read right after.
"""

from dataclasses import replace

from deepsquare.chain import AdminAccount, Ledger
from deepsquare.cli.failure import RegistrationChanged
from deepsquare.model import Provider
from deepsquare.sdk.errors import NotFound


async def waiting(ledger: Ledger, address: str) -> Provider:
    """The registration that waits for approval. Raises `NotFound`."""
    found = [entry for entry in await ledger.waiting_providers() if entry.address.lower() == address.lower()]
    if not found:
        raise NotFound(f"{address} does not wait for approval", next_step="see who does with: dps provider list")
    return found[0]


async def approve(ledger: Ledger, admin: AdminAccount, shown: Provider) -> None:
    """Make the registration that was shown valid. Raises `RegistrationChanged` where it is another one."""
    address = shown.address
    if await waiting(ledger, address) != shown:
        raise RegistrationChanged(
            f"{address} has registered anew since it was shown: nothing was approved",
            next_step=f"look at it again: dps provider approve {address}",
        )
    await admin.approve(address)
    valid = await ledger.provider(address)
    if valid is None or replace(valid, is_approved=shown.is_approved, is_banned=shown.is_banned) != shown:
        raise RegistrationChanged(
            f"{address} registered anew at the last moment: WHAT WAS APPROVED IS NOT WHAT WAS SHOWN",
            next_step=f"look at it: dps provider show {address}; give it no jobs: dps provider ban {address}",
        )
