"""A new grid on a chain: its three contracts, tied together, with the deployer as admin."""

from deepsquare.chain import abi
from deepsquare.chain.contract import Contract
from deepsquare.chain.errors import WrongChain
from deepsquare.chain.grid import GridAddress
from deepsquare.chain.rpc import Rpc
from deepsquare.chain.sender import Sender
from deepsquare.model import Address


async def deploy(rpc: Rpc, admin: Sender, initial_supply: int) -> GridAddress:
    """Deploy a grid; the admin holds `initial_supply` wei of credit and all rights.

    Four transactions. A deployment that stops halfway leaves contracts that nobody knows: start again.
    """
    chain_id = int(await rpc.request("eth_chainId"), 16)
    if chain_id != admin.chain_id:
        raise WrongChain(chain_id, admin.chain_id)
    credit, block = await _create(admin, abi.CREDIT, admin.address, initial_supply)
    providers, _ = await _create(admin, abi.PROVIDER_MANAGER, admin.address)
    jobs, _ = await _create(admin, abi.META_SCHEDULER, admin.address, credit, providers)
    await Contract(providers, abi.PROVIDER_MANAGER).send(admin, "setJobCounter", jobs)
    return GridAddress(chain_id=chain_id, meta_scheduler=jobs, deployed_at_block=block)


async def _create(admin: Sender, contract: str, *arguments: object) -> tuple[Address, int]:
    receipt = await admin.send(None, abi.load(contract).creation(*arguments))
    if receipt.contract is None:
        raise RuntimeError(f"the node left the address out of the receipt {receipt.transaction_hash}")
    return receipt.contract, receipt.block
