"""What a supervisor needs of the chain and of the gateway, and nothing else.

`deepsquare.chain` (Ledger, ProviderAccount, EventReader) and `deepsquare.gateway.client` fit these as they
are. Naming the few calls here keeps the supervisor's surface small enough to crash a test at each of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deepsquare.chain import ContractRefused, EventPage, GridAddress, GridSettings, Report, Signer
from deepsquare.chain.rounds import News
from deepsquare.clock import Clock
from deepsquare.clusters.port import Cluster
from deepsquare.model import Address, Hardware, Job, JobId, Label, Node, Prices, Provider
from deepsquare.supervisor.journal import Journal


class Chain(Protocol):
    """Reading the contract. Every call raises `ChainUnreachable` while nobody answers."""

    @property
    def grid(self) -> GridAddress:
        """Which contract of which chain."""
        ...

    async def jobs(self, job_ids: Iterable[JobId]) -> list[Job]:
        """These jobs as they are now, in order."""
        ...

    async def provider(self, address: Address) -> Provider | None:
        """The provider's valid registration."""
        ...

    async def waiting_providers(self) -> Sequence[Provider]:
        """Registrations that wait for approval."""
        ...

    async def lease_end(self, provider: Address) -> datetime:
        """Until when the provider has proven to be alive."""
        ...

    async def settings(self) -> GridSettings:
        """The grid's own numbers."""
        ...


class Account(Protocol):
    """Writing to the contract as this provider; each call returns when the chain has it."""

    async def register(self, hardware: Hardware, prices: Prices, labels: Sequence[Label]) -> bool:
        """Offer a cluster; somebody has to approve it. False where that is the offer already."""
        ...

    async def claim(self, job_ids: Sequence[JobId]) -> set[JobId]:
        """Take jobs that were assigned; answers with those taken."""
        ...

    async def refuse(self, job_id: JobId, reason: str) -> None:
        """Put a job back into the queue."""
        ...

    async def report(self, reports: Sequence[Report]) -> Mapping[JobId, ContractRefused]:
        """Tell starts and ends, in order; answers with the entries that the contract skipped."""
        ...

    async def heartbeat(self) -> None:
        """Prove to be alive."""
        ...

    async def top_up_delegate(self, job_id: JobId) -> None:
        """Take one slice from the customer's allowance for a job that allows it."""
        ...


class Events(News, Protocol):
    """What happened on the chain, by block range."""

    async def read(self, from_block: int) -> EventPage:
        """The events from this block on, and where to go on."""
        ...


class Gateway(Protocol):
    """Where scripts come from and logs go to. Every call raises `GatewayUnreachable` while nobody answers."""

    async def fetch_script(self, job_id: JobId, signer: Signer) -> str:
        """The script of a job that the chain gave to the signer."""
        ...

    async def append_log(
        self, job_id: JobId, attempt: int, offset: int, data: bytes, signer: Signer, *, closes: bool = False
    ) -> int:
        """Add output at an absolute offset; answers with the next one. `closes`: the log is complete with it."""
        ...

    async def close_log(self, job_id: JobId, attempt: int, length: int, signer: Signer) -> None:
        """Declare the log complete with so many bytes."""
        ...


class Abilities(Protocol):
    """What jobs can use here beside the machines: containers, networks."""

    async def labels(self) -> Sequence[Label]:
        """What the grid is told of them. Raises `ClusterError` where that cannot be found out now."""
        ...


class Scheduler(Protocol):
    """Who likes to know how the cluster stands, between two transactions."""

    async def tell(self, *, running: int, queued: int, nodes: Sequence[Node]) -> None:
        """Say what the cluster does and which machines may be used. Raises `ServiceUnreachable`, `RefusedByService`."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that one supervisor works with."""

    chain: Chain
    events: Events
    account: Account
    gateway: Gateway
    cluster: Cluster
    abilities: Abilities
    signer: Signer
    journal: Journal
    clock: Clock
    scheduler: Scheduler | None = None
    """None: nobody is told; the registration and the lease say enough."""

    @property
    def provider(self) -> Address:
        """Who this supervisor is on the chain."""
        return self.signer.address
