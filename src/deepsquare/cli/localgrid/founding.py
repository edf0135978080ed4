"""The first start of a grid: contracts, roles, credits; and, at each start, the admission of its own providers.

The grid file is written after it: without one the founding counts as not done, and goes on where it was.
"""

from collections.abc import Sequence

from deepsquare.chain import (
    AdminAccount,
    DeployJournal,
    Deployment,
    GridAddress,
    HttpRpc,
    Ledger,
    Role,
    Sender,
    Setting,
    Supply,
)
from deepsquare.cli.localgrid.accounts import ADMIN, CUSTOMER, SCHEDULER, account
from deepsquare.cli.localgrid.folder import StateFolder
from deepsquare.clock import Clock
from deepsquare.model import WEI_PER_CREDIT, Address

SUPPLY = Supply(1_000_000 * WEI_PER_CREDIT, faucet=10_000 * WEI_PER_CREDIT)
CUSTOMER_CREDITS = 1_000 * WEI_PER_CREDIT
FEE_BASIS_POINTS = 300
"""The grid's share of what a job costs: 3 %."""
LOOK_SECONDS = 0.05


async def found(folder: StateFolder, rpc: HttpRpc, journal: DeployJournal) -> GridAddress:
    """Deploy the contracts, appoint the scheduler, fund the customer: what of it is not done yet."""
    chain_id = int(await rpc.request("eth_chainId"), 16)
    admin = Sender(rpc, account(folder, ADMIN).open(), chain_id)
    grid = await Deployment(rpc, admin, SUPPLY, journal=journal).run()
    ledger, customer = await Ledger.connect(rpc, grid), account(folder, CUSTOMER).address
    rights = AdminAccount(ledger, admin)
    await rights.grant(Role.SCHEDULER, account(folder, SCHEDULER).address)
    await rights.change(Setting.FEE_BASIS_POINTS, FEE_BASIS_POINTS)
    missing = CUSTOMER_CREDITS - await ledger.balance(customer)
    if missing > 0:
        await rights.transfer(customer, missing)
    return grid


def admin_of(folder: StateFolder, ledger: Ledger) -> AdminAccount:
    """The account that founded the grid."""
    return AdminAccount(ledger, Sender(ledger.rpc, account(folder, ADMIN).open(), ledger.grid.chain_id))


async def admit(admin: AdminAccount, ledger: Ledger, providers: Sequence[Address], clock: Clock) -> None:
    """Approve these providers; return once all of them serve: registered, valid, alive."""
    missing = set(providers)
    while missing:
        waiting = {entry.address for entry in await ledger.waiting_providers()}
        for address in missing & waiting:
            await admin.approve(address)
        missing -= {address for address in missing if await _serves(ledger, address, clock)}
        if missing:
            await clock.sleep(LOOK_SECONDS)


async def _serves(ledger: Ledger, address: Address, clock: Clock) -> bool:
    return await ledger.provider(address) is not None and await ledger.lease_end(address) > clock.now()
