"""The gateway as one ASGI application: its parts put together, its routes, its doors around them.

`create_app` opens the database and talks to nobody else. Whoever runs the application also runs
`janitor.run()` (see `service`); without it everything is served and nothing is deleted.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Protocol

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from deepsquare.chain.ledger import Ledger
from deepsquare.chain.reader import SERVICE_PAUSE_SECONDS, EventReader
from deepsquare.clock import Clock
from deepsquare.gateway import http_jobs, http_workflows, refusal
from deepsquare.gateway.challenges import Challenges
from deepsquare.gateway.credentials import CHALLENGE_HEADER
from deepsquare.gateway.database import Database, SqlUsedNonces
from deepsquare.gateway.doors import Doors
from deepsquare.gateway.following import Followers, Wakeups
from deepsquare.gateway.gate import Gatekeeper
from deepsquare.gateway.graphql import GraphQLDoor
from deepsquare.gateway.janitor import Chain, Events, Janitor
from deepsquare.gateway.jobs import Jobs, JobSource
from deepsquare.gateway.logs import SqlLogStore
from deepsquare.gateway.parts import Parts, guard
from deepsquare.gateway.scripts import SqlScriptStore
from deepsquare.gateway.settings import MIB, GatewaySettings
from deepsquare.gateway.signing import SigningDomain
from deepsquare.gateway.submission import Submissions
from deepsquare.modules import GitModules


class ChainView(Chain, JobSource, Protocol):
    """What the gateway reads of the chain; `deepsquare.chain.Ledger` is one."""


def create_app(settings: GatewaySettings, ledger: Ledger, clock: Clock) -> FastAPI:
    """The gateway's application for one grid. Raises `StoreUnavailable` and `WrongStore`."""
    return assemble(settings, ledger, EventReader(ledger, pause_seconds=SERVICE_PAUSE_SECONDS, clock=clock), clock)


def assemble(settings: GatewaySettings, chain: ChainView, events: Events, clock: Clock) -> FastAPI:
    """The same over any chain that can be read: what `create_app` gives a ledger to."""
    parts = _parts(settings, chain, events, clock)
    middleware = [Middleware(Doors, settings=settings, clock=clock)]
    if settings.cors_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
            expose_headers=["X-Request-Id", "X-Log-Attempt", "X-Script-Hash", CHALLENGE_HEADER, "Retry-After"],
        )
        middleware.insert(0, cors)
    app = FastAPI(
        title="DeepSquare gateway",
        version=version("deepsquare"),
        summary="Workflows in, scripts to providers, logs to owners.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=middleware,
        dependencies=[Depends(guard)],
        lifespan=_lifespan,
    )
    app.state.parts = parts
    refusal.install(app)
    app.include_router(http_workflows.router)
    app.include_router(http_jobs.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    try:
        yield
    finally:
        await parts.close()


def _parts(settings: GatewaySettings, chain: ChainView, events: Events, clock: Clock) -> Parts:
    domain = SigningDomain.of(chain.grid)
    database = Database.open(settings.database_url, chain_id=domain.chain_id, contract=domain.contract)
    scripts = SqlScriptStore(database, unnamed_bytes=settings.unnamed_scripts_mb * MIB)
    logs = SqlLogStore(database, bytes_per_job=settings.log_bytes_per_job)
    used = SqlUsedNonces(database)
    jobs = Jobs(chain, clock)
    wakeups = Wakeups(clock, followers=settings.followers)
    submissions = Submissions(
        scripts,
        clock,
        GitModules(settings.modules, clock=clock),
        threads=settings.compile_threads,
        module_threads=settings.module_threads,
        queue=settings.compile_queue,
    )
    challenges = Challenges(database.secret, timedelta(seconds=settings.challenge_seconds))
    return Parts(
        settings=settings,
        clock=clock,
        domain=domain,
        database=database,
        scripts=scripts,
        logs=logs,
        submissions=submissions,
        graphql=GraphQLDoor(settings, submissions),
        challenges=challenges,
        gatekeeper=Gatekeeper(
            domain=domain, names=settings.names, challenges=challenges, used=used, jobs=jobs, clock=clock
        ),
        wakeups=wakeups,
        followers=Followers(
            logs,
            jobs,
            clock,
            wakeups,
            poll_seconds=settings.follow_poll_seconds,
            end_grace=timedelta(seconds=settings.log_end_grace_seconds),
        ),
        janitor=Janitor(
            settings,
            clock,
            chain,
            events,
            database=database,
            scripts=scripts,
            logs=logs,
            used=used,
            jobs=jobs,
            wakeups=wakeups,
        ),
    )
