"""The gateway's doors: how much it takes of whom, by what is asked for."""

import re

from starlette.types import ASGIApp, Scope

from deepsquare.clock import Clock
from deepsquare.gateway.codes import ErrorCode
from deepsquare.gateway.settings import GatewaySettings
from deepsquare.web import doors
from deepsquare.web.ratelimit import RateLimit

_WORKFLOWS = re.compile(r"\A(/graphql|/v1/workflows(/validate)?)/?\Z")
_APPENDS = re.compile(r"\A/v1/jobs/[^/]+/log/[^/]+/?\Z")


class Doors(doors.Doors):
    """The outermost layer of the gateway."""

    def __init__(self, app: ASGIApp, settings: GatewaySettings, clock: Clock) -> None:
        super().__init__(app, clock, service="gateway", codes=ErrorCode)
        self._settings = settings
        tracked = settings.tracked_addresses
        self._requests = RateLimit(
            clock, per_second=settings.requests_per_second, burst=settings.requests_burst, tracked=tracked
        )
        self._appends = RateLimit(
            clock, per_second=settings.appends_per_second, burst=settings.appends_burst, tracked=tracked
        )

    def rate(self, scope: Scope) -> RateLimit:
        """Appends to logs have a rate of their own."""
        return self._appends if _is_append(scope) else self._requests

    def body_bound(self, scope: Scope) -> int:
        """Workflows and pieces of logs are longer than all others."""
        if _is_append(scope):
            return self._settings.append_bytes
        if _WORKFLOWS.match(scope["path"]):
            return self._settings.workflow_bytes
        return self._settings.other_body_bytes


def _is_append(scope: Scope) -> bool:
    return scope["method"] == "POST" and _APPENDS.match(scope["path"]) is not None
