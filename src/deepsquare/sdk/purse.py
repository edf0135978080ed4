"""What an account may spend now, counted so that two jobs of one client never count on the same credits.

Requests go out side by side: between looking at the account and the block in which a request takes its
credits, they are counted here as in flight. Only where the account looks too poor for all at once does a
request wait for those before it and look again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deepsquare.chain import CustomerAccount, Ledger
from deepsquare.model import format_credits
from deepsquare.sdk.amounts import in_credits, to_credits
from deepsquare.sdk.errors import NoAllowance, NoCredits
from deepsquare.sdk.translation import translated


class Purse:
    """The credits of one account, as this client spends them."""

    def __init__(self, ledger: Ledger, account: CustomerAccount) -> None:
        self._ledger = ledger
        self._account = account
        self._in_flight = 0
        self._change = asyncio.Condition()

    @asynccontextmanager
    async def spending(self, wei: int, *, raise_allowance: bool) -> AsyncIterator[bool]:
        """Spend `wei` within this context. Raises `NoCredits`, `NoAllowance`.

        Yields whether the grid may not take them yet: whoever spends allows it then, with what it does or before.
        """
        must_allow = False
        async with self._change:
            while self._in_flight and min(await self._means()) < self._in_flight + wei:
                await self._change.wait()
            if not self._in_flight:
                must_allow = await self._must_allow(wei, raise_allowance=raise_allowance)
            self._in_flight += wei
        try:
            yield must_allow
        finally:
            async with self._change:
                self._in_flight -= wei
                self._change.notify_all()

    async def _means(self) -> tuple[int, int]:
        """The balance and the allowance, in wei."""
        owner = self._account.address
        with translated():
            return await self._ledger.means(owner)

    async def _must_allow(self, wei: int, *, raise_allowance: bool) -> bool:
        """Whether the grid may not take `wei` yet, while nothing else is in flight."""
        balance, allowance = await self._means()
        owner = self._account.address
        if balance < wei:
            raise NoCredits(
                f"{owner} has {in_credits(to_credits(balance))}, and {format_credits(wei)} are to be locked",
                next_step="lock fewer with --credits, or get some: on a test network from its faucet (dps faucet), "
                "else from somebody who has (dps credits transfer)",
            )
        if allowance >= wei:
            return False
        if not raise_allowance:
            raise NoAllowance(
                f"the grid may take {in_credits(to_credits(allowance))} from {owner}, "
                f"and {format_credits(wei)} are to be locked",
                next_step=f"allow it with: dps credits allowance {format_credits(wei)}",
            )
        return True
