"""The admin's decisions with plain calls; the rules, the errors and the arguments stand at `AsyncAdmin`."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from deepsquare.chain import GridSettings, Ownership
from deepsquare.model import Address
from deepsquare.sdk.admin import AsyncAdmin
from deepsquare.sdk.amounts import Credits
from deepsquare.sdk.portal import Portal


class Admin:
    """What the admin of a grid decides."""

    def __init__(self, portal: Portal, admin: AsyncAdmin) -> None:
        self._portal = portal
        self._admin = admin

    def settings(self) -> GridSettings:
        """The numbers that the grid is set to.

        >>> admin.settings().claim_timeout_seconds
        300
        """
        return self._portal.call(self._admin.settings)

    def change(self, setting: str, value: int) -> None:
        """Turn a setting, by its name in `GridSettings`.

        >>> admin.change("cancel_grace_seconds", 120)
        """
        self._portal.call(self._admin.change, setting, value)

    def collected_fees(self) -> Decimal:
        """The fees that nobody has withdrawn yet.

        >>> admin.collected_fees() >= 0
        True
        """
        return self._portal.call(self._admin.collected_fees)

    def withdraw_fees(self, to: str, credits: Credits | None = None) -> Decimal:  # noqa: A002 - the word for it
        """Send collected fees to an account, all of them unless told how many; returns how many that were.

        >>> admin.withdraw_fees(customer) >= 0
        True
        """
        return self._portal.call(self._admin.withdraw_fees, to, credits)

    def mint(self, to: str, credits: Credits) -> None:  # noqa: A002 - the word for it
        """Create credits for an account.

        >>> admin.mint(friend, "0.5")
        """
        self._portal.call(self._admin.mint, to, credits)

    def has_role(self, role: str, account: str) -> bool:
        """Whether an account is a `scheduler` or a `pauser`.

        >>> admin.has_role("scheduler", friend)
        False
        """
        return self._portal.call(self._admin.has_role, role, account)

    def roles(self) -> Mapping[str, Sequence[Address]]:
        """Who is a `scheduler`, and who a `pauser`.

        >>> sorted(admin.roles())
        ['pauser', 'scheduler']
        """
        return self._portal.call(self._admin.roles)

    def grant(self, role: str, account: str) -> None:
        """Make an account a `scheduler` or a `pauser`.

        >>> admin.grant("pauser", friend)
        >>> admin.has_role("pauser", friend)
        True
        """
        self._portal.call(self._admin.grant, role, account)

    def revoke(self, role: str, account: str) -> None:
        """Take a role from an account.

        >>> admin.grant("pauser", friend)
        >>> admin.revoke("pauser", friend)
        """
        self._portal.call(self._admin.revoke, role, account)

    def pause(self) -> None:
        """Take no new jobs; whatever exists goes on.

        >>> admin.pause()
        >>> admin.unpause()
        """
        self._portal.call(self._admin.pause)

    def unpause(self) -> None:
        """Take new jobs again.

        >>> admin.unpause()
        """
        self._portal.call(self._admin.unpause)

    def owners(self) -> Sequence[Ownership]:
        """Whose each of the grid's contracts is, and whom it is offered to.

        >>> len(admin.owners())
        3
        """
        return self._portal.call(self._admin.owners)

    def offer(self, to: str) -> None:
        """Offer the grid to another admin; nothing changes until that account accepts.

        >>> admin.offer(friend)
        """
        self._portal.call(self._admin.offer, to)

    def accept(self) -> bool:
        """Become the grid's admin, where that was offered to this account; False where it was not.

        >>> admin.accept()
        False
        """
        return self._portal.call(self._admin.accept)

    def ban(self, provider: str) -> None:
        """Give a provider no new jobs; what it holds it may finish.

        >>> admin.ban(provider)
        >>> admin.unban(provider)
        """
        self._portal.call(self._admin.ban, provider)

    def unban(self, provider: str) -> None:
        """Lift a ban.

        >>> admin.ban(provider)
        >>> admin.unban(provider)
        """
        self._portal.call(self._admin.unban, provider)

    def remove(self, provider: str) -> None:
        """Forget a provider's registration; what it holds it may finish. Raises `NotFound`.

        >>> try:
        ...     admin.remove(friend)
        ... except NotFound:
        ...     print("no provider")
        no provider
        """
        self._portal.call(self._admin.remove, provider)
