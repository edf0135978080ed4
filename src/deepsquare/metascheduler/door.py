"""The meta-scheduler's HTTP door: why jobs wait, for whoever asks; what providers say of themselves, signed.

A route that is not listed in `ROUTES` is closed. Reasons tell only what anybody can work out from the chain and
what providers chose to say; a status counts only from an approved provider.
"""

from datetime import datetime
from importlib.metadata import version
from typing import Literal, Protocol

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Scope

from deepsquare.chain.keccak import checksum_address
from deepsquare.clock import Clock
from deepsquare.metascheduler.codes import ErrorCode
from deepsquare.metascheduler.settings import MetaSchedulerSettings
from deepsquare.metascheduler.status import OutdatedStatus, ProviderStatus, StatusDomain
from deepsquare.model import Address, JobId, JobStatus, Node, format_credits
from deepsquare.scheduling import Offer, Rejection
from deepsquare.web import refusal
from deepsquare.web.doors import Doors
from deepsquare.web.ratelimit import RateLimit
from deepsquare.web.refusal import Refusal

ROUTES = frozenset(
    {("GET", "/healthz"), ("GET", "/openapi.json"), ("GET", "/v1/jobs/{job_id}/reasons"), ("POST", "/v1/status")}
)
"""Every route there is. All are open to anybody within the rate and body limits; a status proves whose it is."""

_TRACKED_ADDRESSES = 10_000
_MEANINGS: refusal.Meanings = (
    (OutdatedStatus, lambda problem: Refusal(ErrorCode.STATUS_OUTDATED, str(problem))),
    *refusal.of_framework(ErrorCode),
)

_Count = Field(ge=0, lt=2**32)


class NodeBody(BaseModel):
    """One machine that may be used."""

    model_config = ConfigDict(extra="forbid")

    cpus: int = Field(ge=1, lt=2**32)
    memory_mb: int = Field(ge=0, lt=2**63)
    gpus: int = _Count


class StatusBody(BaseModel):
    """What a provider says of itself: the message `ProviderStatus`, and its signature."""

    model_config = ConfigDict(extra="forbid")

    provider: str = Field(pattern=r"^0x[0-9a-fA-F]{40}$")
    sent_at_ms: int = Field(ge=0, lt=2**53, description="Milliseconds since 1970; later than in the status before.")
    takes_jobs: bool = Field(description="False: nothing new is assigned to this provider.")
    running: int = _Count
    queued: int = Field(ge=0, lt=2**32, description="Jobs that wait in the cluster's own queue.")
    nodes: list[NodeBody] = Field(max_length=10_000, description="The machines that may be used now.")
    signature: str = Field(pattern=r"^0x[0-9a-fA-F]{130}$")


class Answer(BaseModel):
    """What one provider answers to a job: an offer, or the first rule that fails and what would help."""

    provider: str
    chosen: bool
    """Of those that offer, the one that gets the job."""
    offers: bool
    price_per_minute: str | None = None
    """In credits, where it offers."""
    max_duration_seconds: int | None = None
    """What the locked credits buy there; null with an offer: without end."""
    rule: str | None = None
    """The rule that fails, as docs/metascheduler.md lists them."""
    message: str | None = None
    help: str | None = None
    expected_start: datetime | None = None
    """When waiting alone helps, and by when at the latest."""


class Reasons(BaseModel):
    """Why a job is where it is."""

    job: int
    status: Literal["PENDING", "META_SCHEDULED", "SCHEDULED", "RUNNING"]
    provider: str | None
    """Who holds it, where it does not wait any more."""
    before: int | None
    """How many jobs of the queue are served before it; null where it does not wait any more."""
    answers: list[Answer]


class Scheduler(Protocol):
    """What the door needs of the service behind it; `MetaScheduler` is one."""

    @property
    def is_ready(self) -> bool:
        """Whether the chain has been read."""
        ...

    def is_provider(self, address: Address) -> bool:
        """Whether the chain has an approved provider of this address."""
        ...

    def hear(self, status: ProviderStatus) -> None:
        """Take in what a provider said. Raises `OutdatedStatus`."""
        ...

    def standing(self, job: JobId) -> tuple[JobStatus, Address | None] | None:
        """How a job stands that is not over, and who holds it."""
        ...

    def place(self, job: JobId) -> int | None:
        """How many jobs are served before this one; None for one that does not wait."""
        ...

    def why(self, job: JobId) -> list[Offer | Rejection]:
        """What each provider answers to a job that waits; of several offers the first is taken."""
        ...


def create_app(scheduler: Scheduler, settings: MetaSchedulerSettings, domain: StatusDomain, clock: Clock) -> FastAPI:
    """The door of one meta-scheduler."""
    app = FastAPI(
        title="DeepSquare meta-scheduler",
        version=version("deepsquare"),
        summary="Why jobs wait; what providers say of themselves.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[Middleware(_StatusDoors, settings=settings, clock=clock)],
        dependencies=[Depends(_guard)],
    )
    refusal.install(app, _MEANINGS)

    @app.get("/healthz", summary="Whether the meta-scheduler answers")
    async def health() -> dict[str, bool]:
        return {"ready": scheduler.is_ready}

    @app.get("/openapi.json", include_in_schema=False)
    async def description() -> Response:
        return JSONResponse(app.openapi())

    @app.get("/v1/jobs/{job_id}/reasons", summary="Why a job is not running")
    async def reasons(job_id: int) -> Reasons:
        """For a job that waits: what each provider answers. For one that is held: who holds it."""
        return _reasons(scheduler, JobId(job_id))

    @app.post("/v1/status", status_code=204, summary="Say how a provider's cluster stands")
    async def status(body: StatusBody) -> None:
        """Counts until a newer one comes or it is too old; without one what is registered counts."""
        said = _status_of(body)
        if domain.signer_of(said.message(), bytes.fromhex(body.signature[2:])) != said.provider:
            raise Refusal(ErrorCode.CREDENTIALS_INVALID, f"the signature of this status is not {said.provider}'s")
        if not scheduler.is_provider(said.provider):
            raise Refusal(ErrorCode.ACCESS_DENIED, f"{said.provider} is no approved provider of this grid")
        scheduler.hear(said)

    return app


async def _guard(request: Request) -> None:
    """Runs before every handler: a route that is not listed is closed."""
    if (request.method, request.scope["route"].path) not in ROUTES:
        raise Refusal(ErrorCode.NOT_FOUND, "there is no such route")


def _status_of(body: StatusBody) -> ProviderStatus:
    nodes = tuple(Node(node.cpus, node.memory_mb, node.gpus) for node in body.nodes)
    provider = checksum_address(body.provider)
    return ProviderStatus(provider, body.sent_at_ms, body.takes_jobs, body.running, body.queued, nodes)


def _reasons(scheduler: Scheduler, job: JobId) -> Reasons:
    if not scheduler.is_ready:
        raise Refusal(ErrorCode.STARTING, "the chain has not been read yet")
    standing = scheduler.standing(job)
    if standing is None:
        raise Refusal(ErrorCode.JOB_UNKNOWN, f"job {job} does not wait: it is over, or there is no such job")
    status, provider = standing
    place = scheduler.place(job)
    answers = scheduler.why(job) if place is not None else []
    chosen = next((answer for answer in answers if isinstance(answer, Offer)), None)
    return Reasons.model_validate(
        {
            "job": job,
            "status": status.name,
            "provider": provider,
            "before": place,
            "answers": [_answer(answer, is_chosen=answer is chosen) for answer in answers],
        }
    )


def _answer(answer: Offer | Rejection, *, is_chosen: bool) -> Answer:
    if isinstance(answer, Offer):
        price = format_credits(answer.price_per_minute)
        seconds = answer.max_duration_seconds
        return Answer(
            provider=answer.provider.address,
            chosen=is_chosen,
            offers=True,
            price_per_minute=price,
            max_duration_seconds=seconds,
        )
    return Answer(
        provider=answer.provider,
        chosen=False,
        offers=False,
        rule=answer.rule.value,
        message=answer.message,
        help=answer.help,
        expected_start=answer.expected_start,
    )


class _StatusDoors(Doors):
    """One rate and one bound for all: nothing here is long."""

    def __init__(self, app: ASGIApp, settings: MetaSchedulerSettings, clock: Clock) -> None:
        super().__init__(app, clock, service="metascheduler", codes=ErrorCode)
        self._bytes = settings.body_bytes
        self._rate = RateLimit(
            clock,
            per_second=settings.requests_per_second,
            burst=settings.requests_burst,
            tracked=_TRACKED_ADDRESSES,
        )

    def rate(self, scope: Scope) -> RateLimit:  # noqa: ARG002 - the same for every request
        """The rate that counts for this request."""
        return self._rate

    def body_bound(self, scope: Scope) -> int:  # noqa: ARG002 - the same for every request
        """The longest body, in bytes."""
        return self._bytes
