"""The parts of one running gateway, put together once, and how handlers get at them."""

from dataclasses import dataclass

from fastapi import Request

from deepsquare.clock import Clock
from deepsquare.gateway.challenges import Challenges
from deepsquare.gateway.database import Database
from deepsquare.gateway.following import Followers, Wakeups
from deepsquare.gateway.gate import Gatekeeper, Grant
from deepsquare.gateway.graphql import GraphQLDoor
from deepsquare.gateway.janitor import Janitor
from deepsquare.gateway.logs import LogStore
from deepsquare.gateway.scripts import ScriptStore
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.gateway.signing import SigningDomain
from deepsquare.gateway.submission import Submissions


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that handlers use."""

    settings: GatewaySettings
    clock: Clock
    domain: SigningDomain
    database: Database
    scripts: ScriptStore
    logs: LogStore
    submissions: Submissions
    graphql: GraphQLDoor
    challenges: Challenges
    gatekeeper: Gatekeeper
    wakeups: Wakeups
    followers: Followers
    janitor: Janitor

    async def close(self) -> None:
        """Let followers go, give back the database."""
        self.wakeups.close()
        await self.database.close()


# Dependencies are async all: FastAPI runs others in a thread, which costs more than the rest of a request.


async def parts_of(request: Request) -> Parts:
    """The parts of the gateway that serves this request."""
    parts: Parts = request.app.state.parts
    return parts


async def guard(request: Request) -> None:
    """What runs before every handler: nobody gets past without the gatekeeper's leave."""
    parts = await parts_of(request)
    request.state.grant = await parts.gatekeeper(request)


async def grant_of(request: Request) -> Grant:
    """What the gatekeeper has established; only for routes that are not public."""
    grant: Grant = request.state.grant
    return grant
