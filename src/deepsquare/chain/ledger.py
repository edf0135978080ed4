"""What the chain says about a grid, as values of the model: the read side, one round trip per question.

Nothing is kept between two calls; whoever needs a cache knows better what may grow old. Values that
belong together (a job and its terms, all jobs of a list) are read at one block.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from deepsquare.chain import abi, codec
from deepsquare.chain.contract import Contract, Read, read_all, read_one
from deepsquare.chain.errors import ContractRefused, NoContract, UnknownJob, WrongChain
from deepsquare.chain.grid import Block, GridAddress, GridSettings
from deepsquare.chain.keccak import checksum_address
from deepsquare.chain.rpc import Rpc
from deepsquare.model import Address, Job, JobId, Provider

_SECONDS_PER_MINUTE = 60
_PAGE = 1_000


class Ledger:
    """One grid on one chain."""

    def __init__(self, rpc: Rpc, grid: GridAddress, credit: Address, provider_manager: Address) -> None:
        self.rpc = rpc
        self.grid = grid
        self.meta_scheduler_contract = Contract(grid.meta_scheduler, abi.META_SCHEDULER)
        self.credit_contract = Contract(credit, abi.CREDIT)
        self.provider_manager_contract = Contract(provider_manager, abi.PROVIDER_MANAGER)

    @classmethod
    async def connect(cls, rpc: Rpc, grid: GridAddress) -> Self:
        """The grid at an address, once the node serves the right chain and has the contract.

        Raises `WrongChain`, `NoContract`, `ChainUnreachable`.
        """
        chain_id, code = await rpc.batch([("eth_chainId", []), ("eth_getCode", [grid.meta_scheduler, "latest"])])
        if int(chain_id, 16) != grid.chain_id:
            raise WrongChain(int(chain_id, 16), grid.chain_id)
        if code == "0x":
            raise NoContract(grid.meta_scheduler)
        contract = Contract(grid.meta_scheduler, abi.META_SCHEDULER)
        try:
            credit, providers = await read_all(rpc, [contract.read("credit"), contract.read("providerManager")])
        except ContractRefused as error:
            raise NoContract(grid.meta_scheduler) from error
        return cls(rpc, grid, checksum_address(credit), checksum_address(providers))

    @property
    def meta_scheduler(self) -> Address:
        """The contract of the jobs: the grid's address, and the spender of every allowance."""
        return self.meta_scheduler_contract.address

    @property
    def credit(self) -> Address:
        """The token in which jobs are paid."""
        return self.credit_contract.address

    @property
    def provider_manager(self) -> Address:
        """The contract of the providers."""
        return self.provider_manager_contract.address

    @property
    def contracts(self) -> tuple[Contract, Contract, Contract]:
        """All that the grid consists of on its chain."""
        return self.meta_scheduler_contract, self.credit_contract, self.provider_manager_contract

    async def head(self) -> Block:
        """The newest block."""
        block = await self.rpc.request("eth_getBlockByNumber", ["latest", False])
        return Block(int(block["number"], 16), codec.moment(int(block["timestamp"], 16)))

    async def block_times(self, numbers: Iterable[int]) -> list[datetime]:
        """The times of these blocks, in their order."""
        blocks = await self.rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        return [codec.moment(int(block["timestamp"], 16)) for block in blocks]

    async def job(self, job_id: JobId) -> Job:
        """One job. Raises `UnknownJob`."""
        return (await self.jobs([job_id]))[0]

    async def jobs(self, ids: Iterable[JobId]) -> list[Job]:
        """Jobs in the order of their ids, all at one block. Raises `UnknownJob` for the first that does not exist."""
        wanted = list(ids)
        words = [codec.job_id_field(job_id) for job_id in wanted]
        contract = self.meta_scheduler_contract
        try:
            answers = await read_all(
                self.rpc, [contract.read(function, word) for word in words for function in ("get", "terms")]
            )
        except ContractRefused as error:
            if error.name != "InvalidJob":
                raise
            raise await self._unknown_among(wanted) from error
        return [codec.job(*pair) for pair in zip(answers[::2], answers[1::2], strict=True)]

    async def _unknown_among(self, ids: list[JobId]) -> UnknownJob:
        count = await self.job_count()
        return UnknownJob(next((job_id for job_id in ids if not 1 <= job_id <= count), ids[0]))

    async def job_count(self) -> int:
        """How many jobs were ever requested; their ids are 1 to this."""
        return int(await read_one(self.rpc, self.meta_scheduler_contract.read("jobCount")))

    async def jobs_of(self, customer: Address) -> list[JobId]:
        """The jobs of a customer, oldest first."""
        words = await read_one(self.rpc, self.meta_scheduler_contract.read("getByCustomer", customer))
        return [codec.job_id_of(word) for word in words]

    async def provider(self, address: Address) -> Provider | None:
        """A provider's valid registration, whether banned or not; None where there is none."""
        fields = await read_one(self.rpc, self.provider_manager_contract.read("getProvider", address))
        return codec.provider(fields, is_approved=True)

    async def providers(self) -> list[Provider]:
        """All approved providers, banned ones included."""
        return await self._registrations("fetchPage", "getProvider", is_approved=True)

    async def waiting_providers(self) -> list[Provider]:
        """The registrations that wait for the admin, as they would become valid."""
        return await self._registrations("fetchWaitingPage", "getWaitingForApprovalProvider", is_approved=False)

    async def _registrations(self, pages: str, getter: str, *, is_approved: bool) -> list[Provider]:
        contract = self.provider_manager_contract
        addresses: list[Address] = []
        while True:
            words, length, cursor = await read_one(self.rpc, contract.read(pages, len(addresses), _PAGE))
            addresses += codec.addresses_of(words)
            if length < _PAGE or cursor != len(addresses):
                break
        answers = await read_all(self.rpc, [contract.read(getter, address) for address in addresses])
        found = (codec.provider(fields, is_approved=is_approved) for fields in answers)
        return [provider for provider in found if provider is not None]

    async def balance(self, owner: Address) -> int:
        """Wei of credit that an account holds."""
        return int(await read_one(self.rpc, self._balance(owner)))

    async def allowance(self, owner: Address) -> int:
        """Wei of credit that the grid may still take from an account, for jobs and top-ups."""
        return int(await read_one(self.rpc, self._allowance(owner)))

    async def means(self, owner: Address) -> tuple[int, int]:
        """Balance and allowance of an account, in wei, both at one block."""
        balance, allowance = await read_all(self.rpc, [self._balance(owner), self._allowance(owner)])
        return balance, allowance

    def _balance(self, owner: Address) -> Read:
        return self.credit_contract.read("balanceOf", owner)

    def _allowance(self, owner: Address) -> Read:
        return self.credit_contract.read("allowance", owner, self.meta_scheduler)

    async def lease_end(self, provider: Address) -> datetime:
        """Until when a provider counts as alive; long ago for one that never acted."""
        return (await self.lease_ends([provider]))[0]

    async def lease_ends(self, providers: Iterable[Address]) -> list[datetime]:
        """Until when each of these providers counts as alive, in their order, all at one block."""
        contract = self.meta_scheduler_contract
        ends = await read_all(self.rpc, [contract.read("leaseEnd", provider) for provider in providers])
        return [codec.moment(end) for end in ends]

    async def collected_fees(self) -> int:
        """Wei of fees not yet withdrawn."""
        return int(await read_one(self.rpc, self.meta_scheduler_contract.read("collectedFees")))

    async def settings(self) -> GridSettings:
        """The numbers that the grid is set to."""
        names = (
            "claimTimeout",
            "leaseDuration",
            "reportDelay",
            "cancelGrace",
            "cancelTimeout",
            "topUpSliceDurationMin",
            "feeBasisPoints",
            "minimumAmount",
            "enableRequestNewJob",
        )
        values = await read_all(self.rpc, [self.meta_scheduler_contract.read(name) for name in names])
        claim, lease, report, grace, cancel, slice_minutes, fee, minimum, is_open = values
        return GridSettings(
            claim_timeout_seconds=claim,
            lease_seconds=lease,
            report_delay_seconds=report,
            cancel_grace_seconds=grace,
            cancel_timeout_seconds=cancel,
            top_up_slice_seconds=slice_minutes * _SECONDS_PER_MINUTE,
            fee_basis_points=fee,
            minimum_amount=minimum,
            accepts_requests=is_open,
        )
