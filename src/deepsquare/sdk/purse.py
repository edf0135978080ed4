"""What an account may spend now, counted so that two jobs of one client never count on the same credits.

Requests go out side by side: between looking at the account and the block in which a request takes its
credits, they are counted here as in flight. Only where the account looks too poor for all at once does a
request wait for those before it and look again.

The account is not looked at for each request: what it had at the last look, less what was spent here since, is most
often enough. Others may have spent from it meanwhile. Then the contract refuses, nothing has happened, and a second
try begins with a look.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from deepsquare.chain import CustomerAccount, Ledger
from deepsquare.model import format_credits
from deepsquare.sdk.amounts import in_credits, to_credits
from deepsquare.sdk.errors import NoAllowance, NoCredits
from deepsquare.sdk.translation import translated

_Spent = TypeVar("_Spent")


class Purse:
    """The credits of one account, as this client spends them."""

    def __init__(self, ledger: Ledger, account: CustomerAccount) -> None:
        self._ledger = ledger
        self._account = account
        self._in_flight = 0
        self._free = 0
        """Wei that the grid could take beside those in flight at the last look, less what was spent since."""
        self._change = asyncio.Condition()

    async def spend(self, wei: int, how: Callable[[bool], Awaitable[_Spent]], *, raise_allowance: bool) -> _Spent:
        """What `how` answers, which spends `wei`; where it was refused for want of them it is called once more.

        What is remembered, and what a look found, may be over by then.
        It is told whether the grid may not take them yet, and then allows it, with what it does or before.
        Raises `NoCredits`, `NoAllowance`, and what `how` raises, in the words of the SDK.
        """
        must_look = False
        while True:
            async with self._set_aside(wei, raise_allowance=raise_allowance, must_look=must_look) as must_allow:
                try:
                    with translated():
                        return await how(must_allow)
                except (NoCredits, NoAllowance):
                    if must_look:
                        raise
            must_look = True

    @asynccontextmanager
    async def _set_aside(self, wei: int, *, raise_allowance: bool, must_look: bool) -> AsyncIterator[bool]:
        """Count `wei` as in flight within this context: whether the grid must be allowed to take them.

        Raises `NoCredits`, `NoAllowance`.
        """
        async with self._change:
            must_allow = False
            if must_look or self._free < wei:
                must_allow = await self._look_for(wei, raise_allowance=raise_allowance)
            self._free -= wei
            self._in_flight += wei
        try:
            yield must_allow
        finally:
            async with self._change:
                self._in_flight -= wei
                self._change.notify_all()

    async def _look_for(self, wei: int, *, raise_allowance: bool) -> bool:
        """Whether the grid may not take `wei` yet; returns once they are there beside those in flight, or nothing is.

        Raises `NoCredits`, `NoAllowance`.
        """
        while True:
            balance, allowance = await self._means()
            self._free = min(balance, allowance) - self._in_flight
            if self._free >= wei:
                return False
            if not self._in_flight:
                self._require(wei, balance, allowance, raise_allowance=raise_allowance)
                return True
            await self._change.wait()

    async def _means(self) -> tuple[int, int]:
        """The balance and the allowance, in wei."""
        with translated():
            return await self._ledger.means(self._account.address)

    def _require(self, wei: int, balance: int, allowance: int, *, raise_allowance: bool) -> None:
        """Raise where the account has not got `wei`, or the grid may not take them and is not to be allowed to."""
        owner = self._account.address
        if balance < wei:
            raise NoCredits(
                f"{owner} has {in_credits(to_credits(balance))}, and {format_credits(wei)} are to be locked",
                next_step="lock fewer with --credits, or get some: on a test network from its faucet (dps faucet), "
                "else from somebody who has (dps credits transfer)",
            )
        if not raise_allowance:
            raise NoAllowance(
                f"the grid may take {in_credits(to_credits(allowance))} from {owner}, "
                f"and {format_credits(wei)} are to be locked",
                next_step=f"allow it with: dps credits allowance {format_credits(wei)}",
            )
