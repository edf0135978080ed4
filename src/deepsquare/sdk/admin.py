"""What the admin of a grid decides: settings, fees, roles, providers, new requests, and who is admin after them.

The contract bounds each of these powers (docs/contracts.md): no setting goes beyond its bounds, and nobody can touch
the credits that are locked in jobs. A call of anybody else is refused (`RefusedByChain`) and changes nothing.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from deepsquare.chain import GridSettings, Ownership, Role, Setting, has_role, ownership, role_holders
from deepsquare.model import Address
from deepsquare.sdk.accounts import address_of
from deepsquare.sdk.amounts import Credits, to_credits, to_wei
from deepsquare.sdk.connection import Connection
from deepsquare.sdk.errors import InvalidValue
from deepsquare.sdk.translation import translated


class AsyncAdmin:
    """What the admin of a grid decides."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def settings(self) -> GridSettings:
        """The numbers that the grid is set to.

        >>> (await admin.settings()).claim_timeout_seconds
        300
        """
        ledger = await self._connection.ledger()
        with translated():
            return await ledger.settings()

    async def change(self, setting: str, value: int) -> None:
        """Turn a setting, by its name in `GridSettings` (`minimum_amount` in wei). Raises `InvalidValue`,
        and `RefusedByChain` where the value is out of bounds.

        >>> await admin.change("cancel_grace_seconds", 120)
        """
        account = await self._connection.admin_account()
        with translated():
            await account.change(_setting(setting), value)

    async def collected_fees(self) -> Decimal:
        """The fees that nobody has withdrawn yet.

        >>> await admin.collected_fees() >= 0
        True
        """
        ledger = await self._connection.ledger()
        with translated():
            return to_credits(await ledger.collected_fees())

    async def withdraw_fees(self, to: str, credits: Credits | None = None) -> Decimal:  # noqa: A002 - the word for it
        """Send collected fees to an account, all of them unless told how many; returns how many that were.

        Raises `NoCredits` where there are fewer.

        >>> await admin.withdraw_fees(customer) >= 0
        True
        """
        receiver = address_of(to)
        amount = to_wei(await self.collected_fees() if credits is None else credits)
        account = await self._connection.admin_account()
        with translated():
            await account.withdraw_fees(receiver, amount)
        return to_credits(amount)

    async def mint(self, to: str, credits: Credits) -> None:  # noqa: A002 - the word for it
        """Create credits for an account.

        >>> await admin.mint(friend, "0.5")
        """
        receiver, amount = address_of(to), to_wei(credits)
        account = await self._connection.admin_account()
        with translated():
            await account.mint(receiver, amount)

    async def has_role(self, role: str, account: str) -> bool:
        """Whether an account is a `scheduler` or a `pauser`.

        >>> await admin.has_role("scheduler", friend)
        False
        """
        wanted, holder = _role(role), address_of(account)
        ledger = await self._connection.ledger()
        with translated():
            return await has_role(ledger, wanted, holder)

    async def roles(self) -> Mapping[str, Sequence[Address]]:
        """Who is a `scheduler`, and who a `pauser`. Reads the grid's events from its first block on.

        >>> sorted(await admin.roles())
        ['pauser', 'scheduler']
        """
        ledger = await self._connection.ledger()
        with translated():
            holders = await role_holders(ledger)
        return {role.name.lower(): accounts for role, accounts in holders.items()}

    async def grant(self, role: str, account: str) -> None:
        """Make an account a `scheduler` (it assigns jobs) or a `pauser` (it may stop new requests).

        >>> await admin.grant("pauser", friend)
        >>> await admin.has_role("pauser", friend)
        True
        """
        wanted, holder = _role(role), address_of(account)
        admin = await self._connection.admin_account()
        with translated():
            await admin.grant(wanted, holder)

    async def revoke(self, role: str, account: str) -> None:
        """Take a role from an account.

        >>> await admin.grant("pauser", friend)
        >>> await admin.revoke("pauser", friend)
        """
        wanted, holder = _role(role), address_of(account)
        admin = await self._connection.admin_account()
        with translated():
            await admin.revoke(wanted, holder)

    async def pause(self) -> None:
        """Take no new jobs; whatever exists goes on. A pauser may, too.

        >>> await admin.pause()
        >>> await admin.unpause()
        """
        account = await self._connection.admin_account()
        with translated():
            await account.accept_requests(False)

    async def unpause(self) -> None:
        """Take new jobs again. A pauser may, too.

        >>> await admin.unpause()
        """
        account = await self._connection.admin_account()
        with translated():
            await account.accept_requests(True)

    async def owners(self) -> Sequence[Ownership]:
        """Whose each of the grid's contracts is, and whom it is offered to.

        >>> len(await admin.owners())
        3
        """
        ledger = await self._connection.ledger()
        with translated():
            return await ownership(ledger)

    async def offer(self, to: str) -> None:
        """Offer the grid to another admin; nothing changes until that account accepts.

        >>> await admin.offer(friend)
        """
        receiver = address_of(to)
        account = await self._connection.admin_account()
        with translated():
            await account.offer(receiver)

    async def accept(self) -> bool:
        """Become the grid's admin, where that was offered to this account; False where it was not.

        >>> await admin.accept()
        False
        """
        account = await self._connection.admin_account()
        with translated():
            return await account.accept()

    async def ban(self, provider: str) -> None:
        """Give a provider no new jobs; what it holds it may finish.

        >>> await admin.ban(provider)
        >>> await admin.unban(provider)
        """
        address = address_of(provider)
        account = await self._connection.admin_account()
        with translated():
            await account.ban(address)

    async def unban(self, provider: str) -> None:
        """Lift a ban.

        >>> await admin.ban(provider)
        >>> await admin.unban(provider)
        """
        address = address_of(provider)
        account = await self._connection.admin_account()
        with translated():
            await account.unban(address)

    async def remove(self, provider: str) -> None:
        """Forget a provider's registration; what it holds it may finish. Raises `NotFound`.

        >>> try:
        ...     await admin.remove(friend)
        ... except NotFound:
        ...     print("no provider")
        no provider
        """
        address = address_of(provider)
        account = await self._connection.admin_account()
        with translated():
            await account.remove(address)


def _setting(name: str) -> Setting:
    try:
        return Setting[name.upper()]
    except KeyError:
        known = ", ".join(setting.name.lower() for setting in Setting)
        raise InvalidValue(f"{name!r} is no setting", next_step=f"the settings are: {known}") from None


def _role(name: str) -> Role:
    try:
        return Role[name.upper()]
    except KeyError:
        known = ", ".join(role.name.lower() for role in Role)
        raise InvalidValue(f"{name!r} is no role", next_step=f"the roles are: {known}") from None
