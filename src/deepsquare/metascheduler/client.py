"""What the meta-scheduler offers to others: its view of the grid, its reasons, and an ear for providers.

A decision is a pure function of the chain and of what providers say; whoever has the same view comes to the
same answer, but for what the providers said.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from deepsquare.chain import EventReader, Ledger
from deepsquare.chain.texts import one_line
from deepsquare.clock import Clock
from deepsquare.metascheduler.offers import Offers
from deepsquare.metascheduler.status import ProviderStatus, StatusDomain
from deepsquare.metascheduler.view import GridView, request_of
from deepsquare.model import Address, JobId, Node, parse_credits
from deepsquare.scheduling import Offer, Rejection, Rule, Site
from deepsquare.web.client import ServiceClient
from deepsquare.web.errors import RefusedByService, ServiceUnreachable
from deepsquare.web.signing import TypedDataSigner

if TYPE_CHECKING:
    import httpx

__all__ = [
    "GridView",
    "MetaSchedulerClient",
    "Offers",
    "ProviderStatus",
    "StatusDomain",
    "StatusSender",
    "request_of",
    "survey",
]

TIMEOUT_SECONDS = 5.0
_ERROR_STATUS = 400


async def survey(ledger: Ledger, clock: Clock) -> GridView:
    """The grid as it is now: hot jobs, providers, what is bound where. Raises `ChainUnreachable`."""
    view = GridView(ledger, EventReader(ledger), clock)
    await view.refresh()
    return view


class MetaSchedulerClient(ServiceClient):
    """One meta-scheduler's door. Every call raises `ServiceUnreachable` or `RefusedByService`."""

    def __init__(self, url: str, *, http: "httpx.AsyncClient | None" = None) -> None:
        super().__init__(url.rstrip("/"), TIMEOUT_SECONDS, http)

    async def tell(self, status: ProviderStatus, domain: StatusDomain, signer: TypedDataSigner) -> None:
        """Say how the signer's cluster stands."""
        await self._request("POST", "/v1/status", status.body(domain.sign(status.message(), signer)))

    async def reasons(self, job: JobId, sites: Sequence[Site]) -> list[tuple[Site, Offer | Rejection, bool]]:
        """What each of these sites answers to a job that waits, and whether the job goes there."""
        answer: Any = await self._request("GET", f"/v1/jobs/{job}/reasons")
        by_provider = {site.provider.address: site for site in sites}
        try:
            return [
                (by_provider[row["provider"]], _answer(row, by_provider[row["provider"]]), bool(row["chosen"]))
                for row in answer["answers"]
                if row["provider"] in by_provider
            ]
        except (KeyError, TypeError, ValueError) as problem:
            raise ServiceUnreachable(f"{self.url} answers something else than reasons") from problem

    async def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        response = await self._ask(method, path, content=content)
        try:
            answer: Any = response.json() if response.content else None
            if response.status_code < _ERROR_STATUS:
                return answer
            error = answer["error"]
            said = one_line(f"{error['message']}; {error['hint']}")
        except (ValueError, KeyError, TypeError) as problem:
            raise ServiceUnreachable(f"{self.url} is no meta-scheduler: status {response.status_code}") from problem
        raise RefusedByService(said)

    def _unreachable(self, problem: "httpx.TransportError") -> ServiceUnreachable:  # noqa: ARG002 - the gateway's tells
        return ServiceUnreachable(f"the meta-scheduler at {self.url} does not answer")


class StatusSender:
    """How one provider tells a meta-scheduler of its cluster; `deepsquare.supervisor` needs nothing else of it."""

    def __init__(
        self, client: MetaSchedulerClient, domain: StatusDomain, signer: TypedDataSigner, clock: Clock
    ) -> None:
        self._client = client
        self._domain = domain
        self._signer = signer
        self._clock = clock

    async def tell(self, *, running: int, queued: int, nodes: Sequence[Node]) -> None:
        """Say what the cluster does, and which machines of it may be used. Raises what the client raises."""
        sent_at_ms = int(self._clock.now().timestamp() * 1000)
        status = ProviderStatus(self._signer.address, sent_at_ms, bool(nodes), running, queued, tuple(nodes))
        await self._client.tell(status, self._domain, self._signer)


def _answer(row: dict[str, Any], site: Site) -> Offer | Rejection:
    if row["offers"]:
        return Offer(site.provider, parse_credits(row["price_per_minute"]), row["max_duration_seconds"], site.free)
    start = row["expected_start"]
    return Rejection(
        Address(row["provider"]),
        Rule(row["rule"]),
        str(row["message"]),
        str(row["help"]),
        None if start is None else datetime.fromisoformat(start),
    )
