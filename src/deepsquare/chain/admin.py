"""What the admin of a grid does: approve providers, grant roles, mint credits, turn the settings, hand over."""

import enum

from deepsquare.chain import codec
from deepsquare.chain.account import GridAccount
from deepsquare.chain.governance import Role, ownership
from deepsquare.chain.keccak import keccak256
from deepsquare.model import Address, Provider


class Setting(enum.StrEnum):
    """A number that the admin may turn, within the contract's bounds; by the name of its setter."""

    CLAIM_TIMEOUT_SECONDS = "setClaimTimeout"
    LEASE_SECONDS = "setLeaseDuration"
    REPORT_DELAY_SECONDS = "setReportDelay"
    CANCEL_GRACE_SECONDS = "setCancelGrace"
    CANCEL_TIMEOUT_SECONDS = "setCancelTimeout"
    FEE_BASIS_POINTS = "setFeeBasisPoints"
    MINIMUM_AMOUNT = "setMinimumAmount"


class AdminAccount(GridAccount):
    """The admin's account on a grid."""

    async def approve(self, provider: Address) -> None:
        """Make a provider's waiting registration valid."""
        await self._manage("approve", provider)

    async def approve_offer(self, shown: Provider) -> None:
        """The same, but only as it was shown: another one is refused as `OfferChanged`."""
        register = self._ledger.provider_manager_contract.abi.functions["register"]
        call = register.encode(*codec.offer_fields(shown.hardware, shown.prices, shown.labels))
        offer = call.removeprefix(register.selector)
        await self._ledger.provider_manager_contract.send(self._sender, "approveOffer", shown.address, keccak256(offer))

    async def ban(self, provider: Address) -> None:
        """Give a provider no new jobs; what it holds it may finish."""
        await self._manage("ban", provider)

    async def unban(self, provider: Address) -> None:
        """Lift a ban."""
        await self._manage("unban", provider)

    async def remove(self, provider: Address) -> None:
        """Forget a provider; what it holds it may finish."""
        await self._manage("remove", provider)

    async def grant(self, role: Role, account: Address) -> None:
        """Give an account a role; nothing changes where it has it."""
        await self._set("grantRole", role.word, account)

    async def revoke(self, role: Role, account: Address) -> None:
        """Take a role from an account; nothing changes where it has none."""
        await self._set("revokeRole", role.word, account)

    async def offer(self, to: Address) -> None:
        """Offer the grid to another admin: nothing changes until that account accepts. Safe to repeat."""
        for found in await ownership(self._ledger):
            if to not in {found.admin, found.offered_to}:
                await found.contract.send(self._sender, "transferOwnership", to)

    async def accept(self) -> bool:
        """Become the admin of all contracts that are offered to this account; False where none is. Safe to repeat."""
        offered = [found for found in await ownership(self._ledger) if found.offered_to == self.address]
        for found in offered:
            await found.contract.send(self._sender, "acceptOwnership")
        return bool(offered)

    async def change(self, setting: Setting, value: int) -> None:
        """Turn a setting. A job keeps what moves its money or time as it was at its request; a lease may grow."""
        await self._set(setting.value, value)

    async def accept_requests(self, accept: bool) -> None:
        """Allow or pause new jobs; nothing else is ever paused."""
        await self._set("setEnableRequestNewJob", accept)

    async def withdraw_fees(self, to: Address, amount: int) -> None:
        """Send `amount` wei of collected fees to an account."""
        await self._set("withdrawFees", to, amount)

    async def mint(self, to: Address, amount: int) -> None:
        """Create `amount` wei of credit for an account."""
        await self._ledger.credit_contract.send(self._sender, "mint", to, amount)

    async def transfer(self, to: Address, amount: int) -> None:
        """Send `amount` wei of the admin's own credit to an account."""
        await self._ledger.credit_contract.send(self._sender, "transfer", to, amount)

    async def _manage(self, function: str, provider: Address) -> None:
        await self._ledger.provider_manager_contract.send(self._sender, function, provider)

    async def _set(self, function: str, *arguments: object) -> None:
        await self._ledger.meta_scheduler_contract.send(self._sender, function, *arguments)
