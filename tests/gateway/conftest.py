"""One gateway in process over a chain double, and the accounts that knock at its doors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from deepsquare.chain.signer import Signer
from deepsquare.gateway.app import assemble
from deepsquare.gateway.client import GatewayClient
from deepsquare.gateway.parts import Parts
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.gateway.signing import SigningDomain
from deepsquare.model import JobId, JobStatus
from tests.gateway.chain_double import ChainDouble
from tests.support.clock import ManualClock

URL = "https://gateway.example.org"
WORKFLOW = """\
resources: {tasks: 1, cpusPerTask: 1, memPerCpu: 64, gpus: 0}
steps:
  - name: hello
    run: {command: echo hello}
"""


@dataclass(frozen=True)
class Accounts:
    """Who takes part."""

    customer: Signer
    provider: Signer
    other_provider: Signer
    stranger: Signer


@dataclass
class Gateway:
    """A gateway, seen from outside and, where a test must, from inside."""

    app: FastAPI
    chain: ChainDouble
    clock: ManualClock
    http: httpx.AsyncClient
    client: GatewayClient
    accounts: Accounts

    @property
    def parts(self) -> Parts:
        parts: Parts = self.app.state.parts
        return parts

    async def job(self, status: JobStatus = JobStatus.SCHEDULED) -> JobId:
        """A submitted workflow whose job the provider holds."""
        submission = await self.client.submit(WORKFLOW)
        job_id = self.chain.request(self.accounts.customer.address, submission.script_hash)
        if status is not JobStatus.PENDING:
            self.chain.assign(job_id, self.accounts.provider.address)
            self.chain.put(job_id, status)
        return job_id


@pytest.fixture(scope="session")
def accounts() -> Accounts:
    return Accounts(*(Signer(bytes([number]) * 32) for number in range(1, 5)))


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    return GatewaySettings(database_url=f"sqlite:///{tmp_path}/gateway.sqlite", public_urls=(URL,))


@pytest.fixture
async def gateway(settings: GatewaySettings, accounts: Accounts) -> AsyncIterator[Gateway]:
    async with running(settings, accounts) as gateway:
        yield gateway


@asynccontextmanager
async def running(
    settings: GatewaySettings, accounts: Accounts, chain: ChainDouble | None = None
) -> AsyncIterator[Gateway]:
    """A gateway with these settings; over a chain that is there already, for a second process or a restart."""
    clock = chain.clock if chain is not None and isinstance(chain.clock, ManualClock) else ManualClock()
    chain = chain or ChainDouble(clock)
    app = assemble(settings, chain, chain, clock)
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=URL) as http:
        client = GatewayClient(URL, SigningDomain.of(chain.grid), http=http, clock=clock)
        yield Gateway(app, chain, clock, http, client, accounts)
