"""A new grid on a chain: its three contracts, tied together, with the deployer as admin.

It may be killed at any moment and run again: each contract is bound to a nonce that is written down before its
transaction is sent, so that there is at most one, and a later run finds it where it must lie. What is found counts
only if its code is that of this release and its ties are those of this grid.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deepsquare.chain import abi
from deepsquare.chain.contract import read_all, read_one
from deepsquare.chain.deploy_journal import DeployJournal
from deepsquare.chain.errors import CannotDeploy, NoContract, NonceUsed, RpcError, WrongChain
from deepsquare.chain.fees import FeeMarket
from deepsquare.chain.grid import GridAddress
from deepsquare.chain.keccak import checksum_address
from deepsquare.chain.ledger import Ledger
from deepsquare.chain.rpc import Rpc
from deepsquare.chain.sender import Sender
from deepsquare.chain.transaction import created_address
from deepsquare.clock import SystemClock
from deepsquare.model import Address

ORDER = (abi.CREDIT, abi.PROVIDER_MANAGER, abi.META_SCHEDULER)
"""Each knows those before it."""

_CANCUN_PROBE = "0x5f5f5f5e00"
"""MCOPY of nothing: a chain with older rules does not know it."""
_WORDS_FOR_UNKNOWN = ("opcode", "instruction", "activated")
"""In what nodes say of it. A node that cannot answer such a call at all says something else, and is believed."""
_TIE_GAS = 80_000
"""What telling the ProviderManager who counts its jobs needs at most."""
_NO_CAP = 2**256 - 1

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Supply:
    """How many credits there are, in wei; fixed for good when the grid is deployed."""

    initial: int
    """The admin's at first."""
    cap: int = _NO_CAP
    """There are never more, whoever mints."""
    faucet: int = 0
    """What the faucet may give away in all; 0 wherever credits are worth something."""


@dataclass(frozen=True, slots=True)
class DeployCost:
    """What is left to be paid for a deployment, in the chain's own coin."""

    gas: int
    fee_per_gas: int
    """The most that a unit of gas may cost, in wei: twice the base fee of now, and the tip."""
    balance: int
    """What the deployer has, in wei."""

    @property
    def most(self) -> int:
        """The most that it will cost, in wei."""
        return self.gas * self.fee_per_gas


class Deployment:
    """One grid on its way onto a chain. Errors as in `Sender.send`, and `CannotDeploy`."""

    def __init__(
        self, rpc: Rpc, admin: Sender, supply: Supply, *, journal: DeployJournal | None = None, say: Say | None = None
    ) -> None:
        self._rpc = rpc
        self._admin = admin
        self._supply = supply
        self._journal = journal or DeployJournal()
        self._say: Say = say or (lambda _: None)

    async def cost(self) -> DeployCost:
        """What is left to be paid. Raises `CannotDeploy` where the chain cannot hold the contracts; changes nothing."""
        await self._check_chain()
        balance = int(await self._rpc.request("eth_getBalance", [self._admin.address, "latest"]), 16)
        fees = await FeeMarket(self._rpc, SystemClock()).fees()
        gas, nonce, places = _TIE_GAS, await self._next_nonce(), dict[str, Address]()
        for name in ORDER:
            found = await self._found(name)
            places[name] = found or created_address(self._admin.address, nonce)
            if found is None:
                gas += await self._gas_of(name, places)
                nonce += 1
        return DeployCost(gas, fees.max_fee, balance)

    async def run(self) -> GridAddress:
        """Put on the chain what is not there yet; the answer is where the grid is.

        The journal is the caller's to close, once the answer is kept.
        """
        await self._check_chain()
        head = int(await self._rpc.request("eth_blockNumber"), 16)
        begun = self._journal.begin(
            chain_id=self._admin.chain_id,
            admin=self._admin.address,
            supply=[self._supply.initial, self._supply.cap, self._supply.faucet],
            block=head,
        )
        places = dict[str, Address]()
        for number, name in enumerate(ORDER, 1):
            places[name] = await self._create(name, places)
            self._say(f"{number} of {len(ORDER) + 1}: {name} is at {places[name]}.")
        grid = GridAddress(begun.chain_id, places[abi.META_SCHEDULER], deployed_at_block=begun.block + 1)
        ledger = await verified(self._rpc, grid)
        await self._check_owner(ledger)
        await self._tie(ledger)
        self._say(f"{len(ORDER) + 1} of {len(ORDER) + 1}: the contracts know each other.")
        return grid

    async def _check_chain(self) -> None:
        chain_id = int(await self._rpc.request("eth_chainId"), 16)
        if chain_id != self._admin.chain_id:
            raise WrongChain(chain_id, self._admin.chain_id)
        try:
            await self._rpc.request("eth_call", [{"data": _CANCUN_PROBE}, "latest"])
        except RpcError as error:
            if not any(word in error.node_message.lower() for word in _WORDS_FOR_UNKNOWN):
                return
            raise CannotDeploy(
                f"chain {chain_id} does not follow the rules of Cancun, which the contracts need "
                f"({error.node_message}); choose another chain, or update its node"
            ) from error

    async def _create(self, name: str, places: Mapping[str, Address]) -> Address:
        """Where the contract is, once it is there: created now, or found as an earlier run has left it."""
        while True:
            # The count first: what has used up the noted nonce by then can be seen afterwards.
            count = int(await self._rpc.request("eth_getTransactionCount", [self._admin.address, "latest"]), 16)
            found = await self._found(name)
            if found is not None:
                return found
            nonce = self._noted(name)
            if nonce is None or nonce < count:
                nonce = max(count, await self._next_nonce())
                self._journal.note(name, nonce)
            try:
                await self._admin.send(None, self._creation(name, places), nonce=nonce)
            except NonceUsed as error:
                self._say(f"{error}.")
            else:
                return created_address(self._admin.address, nonce)

    async def _found(self, name: str) -> Address | None:
        """Where the contract lies already. Raises `CannotDeploy` where something else lies there."""
        nonce = self._noted(name)
        if nonce is None:
            return None
        place = created_address(self._admin.address, nonce)
        code = await self._rpc.request("eth_getCode", [place, "latest"])
        if code == "0x":
            return None
        if not abi.load(name).is_code(bytes.fromhex(code[2:])):
            raise CannotDeploy(
                f"at {place} lies a {name} of another release; "
                "finish the deployment with the release that began it, or name another file to begin anew"
            )
        return place

    def _noted(self, name: str) -> int | None:
        begun = self._journal.begun
        return None if begun is None else begun.nonces.get(name)

    async def _next_nonce(self) -> int:
        return int(await self._rpc.request("eth_getTransactionCount", [self._admin.address, "pending"]), 16)

    def _creation(self, name: str, places: Mapping[str, Address]) -> bytes:
        admin = self._admin.address
        arguments: dict[str, tuple[object, ...]] = {
            abi.CREDIT: (admin, self._supply.initial, self._supply.cap, self._supply.faucet),
            abi.PROVIDER_MANAGER: (admin,),
            abi.META_SCHEDULER: (admin, places.get(abi.CREDIT), places.get(abi.PROVIDER_MANAGER)),
        }
        return abi.load(name).creation(*arguments[name])

    async def _gas_of(self, name: str, places: Mapping[str, Address]) -> int:
        call = {"from": self._admin.address, "data": "0x" + self._creation(name, places).hex()}
        return int(await self._rpc.request("eth_estimateGas", [call]), 16)

    async def _check_owner(self, ledger: Ledger) -> None:
        """Until it is told where the grid is, nobody else has anything to do with it."""
        owners = await read_all(self._rpc, [contract.read("owner") for contract in ledger.contracts])
        strangers = {checksum_address(owner) for owner in owners} - {self._admin.address}
        if strangers:
            raise CannotDeploy(
                f"the contracts belong to {', '.join(sorted(strangers))}, not to {self._admin.address}; "
                "deploy with that account's key, or name another file to begin anew"
            )

    async def _tie(self, ledger: Ledger) -> None:
        """Tell the ProviderManager who counts the jobs that its providers hold."""
        manager = ledger.provider_manager_contract
        counter = checksum_address(await read_one(self._rpc, manager.read("jobCounter")))
        if counter != ledger.meta_scheduler:
            await manager.send(self._admin, "setJobCounter", ledger.meta_scheduler)


async def deploy(rpc: Rpc, admin: Sender, supply: Supply) -> GridAddress:
    """Deploy a grid that nothing is kept of; the admin holds the initial credits and all rights."""
    return await Deployment(rpc, admin, supply).run()


async def verified(rpc: Rpc, grid: GridAddress) -> Ledger:
    """The grid, once its three contracts are known to be those of this release.

    Raises `WrongChain`, `NoContract`, and `CannotDeploy` for contracts of another release.
    """
    ledger = await Ledger.connect(rpc, grid)
    codes = await rpc.batch([("eth_getCode", [contract.address, "latest"]) for contract in ledger.contracts])
    for contract, code in zip(ledger.contracts, codes, strict=True):
        if code == "0x":
            raise NoContract(contract.address)
        if not contract.abi.is_code(bytes.fromhex(code[2:])):
            raise CannotDeploy(
                f"the {contract.name} at {contract.address} is not that of this release; "
                "it serves its own release as before; name another file to deploy a second grid"
            )
    return ledger
