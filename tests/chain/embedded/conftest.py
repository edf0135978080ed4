"""A chain in memory with a clock that stands still, and one account with plenty of coins."""

from collections.abc import AsyncIterator

import pytest

from deepsquare.chain.embedded import EmbeddedChain
from tests.chain.embedded.wallet import RICH, Wallet
from tests.support.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


@pytest.fixture
async def chain(clock: ManualClock, wallet: Wallet) -> AsyncIterator[EmbeddedChain]:
    chain = EmbeddedChain(clock=clock, funded={wallet.address: RICH})
    yield chain
    await chain.close()
