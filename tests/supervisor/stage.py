"""A stage for one supervisor: real contracts in process, a scripted cluster, a gateway in memory, a clock that stands.

async with stage(tmp_path) as s:
    job_id = await s.job("echo hello")      # requested, and assigned to this provider
    await s.go()                            # looks, until nothing more happens by itself
    s.cluster.start(s.tag(job_id))
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from deepsquare.chain import EventReader, GridAddress, GridSettings, JobSettled, Signer
from deepsquare.model import WEI_PER_CREDIT, Hardware, Job, JobDefinition, JobId, JobStatus, JobTag, Label, Node, Prices
from deepsquare.supervisor.entry import Entry
from deepsquare.supervisor.journal import Journal
from deepsquare.supervisor.ports import Ports
from deepsquare.supervisor.rounds import Rounds
from deepsquare.supervisor.settings import LimitSettings, PaceSettings, PriceSettings, SupervisorSettings
from tests.supervisor.fuse import Fuse
from tests.support.chain import FreshGrid, fresh_grid, signer
from tests.support.cluster import SIXTEEN_CPUS, ScriptedCluster
from tests.support.memory_gateway import MemoryGateway

CREDIT_PER_MINUTE = Prices(gpu_per_minute=0, cpu_per_minute=WEI_PER_CREDIT, memory_mb_per_minute=0)
LOCKED = 10 * WEI_PER_CREDIT
SETTINGS = SupervisorSettings(
    prices=PriceSettings.model_validate({"cpu_per_minute": "1", "memory_mb_per_minute": "0"}),
    labels={"zone": "test"},
    limits=LimitSettings(lost_after_looks=3, lost_grace_seconds=60, submit_settle_seconds=15, log_patience_seconds=600),
    pace=PaceSettings(log_chunk_bytes=1024),
)
LOOKS = 8
"""More looks than any single step of a job's life needs."""


def script_hash(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()


class ScriptedAbilities:
    """What jobs can use here, as a test names it."""

    def __init__(self) -> None:
        self.found: list[Label] = []

    async def labels(self) -> Sequence[Label]:
        return self.found


class Listener:
    """A meta-scheduler that hears how the cluster stands."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, tuple[Node, ...]]] = []

    async def tell(self, *, running: int, queued: int, nodes: Sequence[Node]) -> None:
        self.heard.append((running, queued, tuple(nodes)))


class Stage:
    """Everything that one supervisor works with, and the supervisor itself."""

    def __init__(
        self, grid: FreshGrid, folder: Path, settings: SupervisorSettings = SETTINGS, *, provider: int = 0
    ) -> None:
        self.grid = grid
        self.clock = grid.clock
        self.settings = settings
        self.cluster = ScriptedCluster(folder / "cluster", grid.clock)
        self.abilities = ScriptedAbilities()
        self.gateway = MemoryGateway()
        self.scheduler = Listener()
        self.signer: Signer = signer(("provider one", "provider two")[provider])
        self._account = grid.provider_account(provider)
        self._limits: GridSettings | None = None
        self.journal_path = folder / "journal.sqlite"
        self.journal: Journal
        self.rounds: Rounds

    @property
    def address(self) -> GridAddress:
        return self.grid.address

    def open_journal(self) -> Journal:
        return Journal(
            self.journal_path,
            chain_id=self.address.chain_id,
            contract=self.address.meta_scheduler,
            provider=self.signer.address,
        )

    def ports(self) -> Ports:
        return Ports(
            chain=self.grid.ledger,
            events=EventReader(self.grid.ledger, provider=self.signer.address, clock=self.clock),
            account=self._account,
            gateway=self.gateway,
            cluster=self.cluster,
            abilities=self.abilities,
            signer=self.signer,
            journal=self.journal,
            clock=self.clock,
            scheduler=self.scheduler,
        )

    async def begin(self, fuse: Fuse | None = None) -> None:
        """A supervisor begins on whatever there is, with a fuse in its ports."""
        self.journal = self.open_journal()
        ports = self.ports() if fuse is None else fuse.wire(self.ports())
        self._limits = self._limits or await self.grid.ledger.settings()
        self.rounds = Rounds(ports, self.settings, self._limits)

    async def end(self) -> None:
        """The supervisor is gone."""
        await self.rounds.tasks.stop()
        self.journal.close()

    async def restart(self, fuse: Fuse | None = None) -> None:
        """The supervisor is killed, and a new one begins."""
        await self.end()
        await self.begin(fuse)

    def lose_journal(self) -> None:
        """Its disk is gone too."""
        for file in self.journal_path.parent.glob(f"{self.journal_path.name}*"):
            file.unlink()

    async def look(self) -> None:
        await self.rounds.look()
        await self.rounds.tasks.settle()

    async def go(self, looks: int = LOOKS) -> None:
        """Look and ship until nothing more happens by itself."""
        for _ in range(looks):
            await self.look()
            await self.rounds.ship()

    async def request(
        self,
        script: str = "echo hello",
        *,
        locked: int = LOCKED,
        tasks: int = 1,
        delegate: bool = False,
        max_attempts: int = 1,
    ) -> JobId:
        """A customer's job, PENDING."""
        definition = JobDefinition(
            tasks=tasks, cpus_per_task=1, memory_per_cpu_mb=100, gpus=0, script_hash=script_hash(script)
        )
        job_id = (
            await self.grid.customer_account.request_job(
                definition, locked, "test", delegate=delegate, max_attempts=max_attempts
            )
        ).job_id
        self.gateway.scripts[job_id] = script
        return job_id

    async def assign(self, job_ids: Sequence[JobId], provider: int = 0) -> None:
        address = self.grid.providers[provider].address
        skipped = await self.grid.scheduler_account.assign([(job_id, address) for job_id in job_ids])
        assert not skipped

    async def job(self, script: str = "echo hello", **options: Any) -> JobId:
        """A customer's job, assigned to this provider."""
        job_id = await self.request(script, **options)
        await self.assign([job_id])
        return job_id

    async def running(self, script: str = "echo hello", **options: Any) -> JobId:
        """A job whose process has begun, and the chain knows."""
        job_id = await self.job(script, **options)
        await self.go()
        self.cluster.start(self.tag(job_id))
        await self.go()
        return job_id

    async def on_chain(self, job_id: JobId) -> Job:
        return await self.grid.ledger.job(job_id)

    async def status(self, job_id: JobId) -> JobStatus:
        return (await self.on_chain(job_id)).status

    def tag(self, job_id: JobId, attempt: int = 1) -> JobTag:
        return JobTag(self.address.chain_id, self.address.meta_scheduler, job_id, attempt)

    def entry(self, job_id: JobId, attempt: int = 1) -> Entry | None:
        return self.journal.entry((job_id, attempt))

    async def settlement(self, job_id: JobId) -> JobSettled:
        """Where the job's locked credits went."""
        first = (await self.on_chain(job_id)).time.block_of_last_change
        page = await EventReader(self.grid.ledger, clock=self.clock).read(first)
        (settled,) = (event for event in page.events if isinstance(event, JobSettled) and event.job_id == job_id)
        return settled

    async def assert_settled(self, job_id: JobId) -> JobSettled:
        """All credits of the job left the lock, exactly once; nothing of it is left here."""
        settled = await self.settlement(job_id)
        job = await self.on_chain(job_id)
        assert settled.paid + settled.fee + settled.refunded == job.cost.max_cost
        assert self.tag(job_id) not in self.cluster.tags()
        assert self.entry(job_id) is None
        return settled

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)


@contextlib.asynccontextmanager
async def stage(folder: Path, settings: SupervisorSettings = SETTINGS) -> AsyncIterator[Stage]:
    """A stage with an approved provider and a customer who allows everything."""
    async with fresh_grid(_populate) as grid:
        s = Stage(grid, folder, settings)
        await s.begin()
        try:
            yield s
        finally:
            await s.end()


async def _populate(grid: FreshGrid) -> None:
    hardware = Hardware((SIXTEEN_CPUS.resources,))
    await grid.join(grid.providers[0], hardware, CREDIT_PER_MINUTE, [Label("os", "debian"), Label("zone", "test")])
    await grid.join(grid.providers[1], hardware, CREDIT_PER_MINUTE)
    await grid.customer_account.allow(1_000_000 * WEI_PER_CREDIT)
