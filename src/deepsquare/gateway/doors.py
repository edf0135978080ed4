"""What every request passes before any code of ours sees it: a request id, the rate, the body's bound, the log.

One ASGI layer around the whole application, so that no route can be without it. It logs method, path,
status and time: never a query, a header or a body. What goes wrong unforeseen inside is logged here with
its request id and leaves as `internal_error`.
"""

import logging
import re
import secrets
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepsquare.clock import Clock
from deepsquare.gateway.codes import ErrorCode
from deepsquare.gateway.ratelimit import RateLimit, client_key
from deepsquare.gateway.refusal import Refusal
from deepsquare.gateway.settings import GatewaySettings

_access_log = logging.getLogger("deepsquare.gateway.access")
_log = logging.getLogger(__name__)

_WORKFLOWS = re.compile(r"\A(/graphql|/v1/workflows(/validate)?)/?\Z")
_APPENDS = re.compile(r"\A/v1/jobs/[^/]+/log/[^/]+/?\Z")
_REQUEST_ID_BYTES = 8
_HARDENING = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


class Doors:
    """The outermost layer of the gateway."""

    def __init__(self, app: ASGIApp, settings: GatewaySettings, clock: Clock) -> None:
        self._app = app
        self._settings = settings
        self._clock = clock
        tracked = settings.tracked_addresses
        self._requests = RateLimit(
            clock, per_second=settings.requests_per_second, burst=settings.requests_burst, tracked=tracked
        )
        self._appends = RateLimit(
            clock, per_second=settings.appends_per_second, burst=settings.appends_burst, tracked=tracked
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, from its first byte to its last."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        # There are no WebSockets here: the server refuses what nobody accepts.

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = secrets.token_hex(_REQUEST_ID_BYTES)
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id)
        began = self._clock.now()
        try:
            self._check(scope)
            await self._app(scope, _Bounded(receive, self._body_bound(scope)), answer)
        except Refusal as refusal:
            await answer.refuse(refusal, scope, receive)
        except Exception:  # noqa: BLE001 - the last place where an error can be kept from getting out
            _log.exception("request %s failed for a reason nobody foresaw", request_id)
            await answer.refuse(Refusal(ErrorCode.INTERNAL_ERROR, "the gateway failed"), scope, receive)
        finally:
            milliseconds = (self._clock.now() - began).total_seconds() * 1000
            path = scope.get("raw_path", b"").decode("ascii", "replace")
            _access_log.info(
                "%s %s %s %s %.0f ms %s", _host(scope), scope["method"], path, answer.status, milliseconds, request_id
            )

    def _check(self, scope: Scope) -> None:
        limit = self._appends if _is_append(scope) else self._requests
        wait_seconds = limit.take(client_key(_host(scope)))
        if wait_seconds > 0:
            message = "this client address sends more than this gateway takes from one"
            raise Refusal(ErrorCode.TOO_MANY_REQUESTS, message, retry_after_seconds=wait_seconds)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._body_bound(scope):
            raise _too_large(self._body_bound(scope))

    def _body_bound(self, scope: Scope) -> int:
        if _is_append(scope):
            return self._settings.append_bytes
        if _WORKFLOWS.match(scope["path"]):
            return self._settings.workflow_bytes
        return self._settings.other_body_bytes


class _Bounded:
    """A request's body that ends with a refusal where it is longer than it may be."""

    def __init__(self, receive: Receive, bound_bytes: int) -> None:
        self._receive = receive
        self._bound_bytes = bound_bytes
        self._seen_bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen_bytes += len(message.get("body", b""))
            if self._seen_bytes > self._bound_bytes:
                raise _too_large(self._bound_bytes)
        return message


class _Answer:
    """The way back to the client: knows whether it has begun, and adds the headers that every answer has."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status: int | None = None

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            extra = ((b"x-request-id", self._request_id.encode()), *_HARDENING)
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await self._send(message)

    async def refuse(self, refusal: Refusal, scope: Scope, receive: Receive) -> None:
        """Answer with an error, unless an answer has begun: then the connection can only break off."""
        if self.status is None:
            await refusal.response(self._request_id)(scope, receive, self)


def _is_append(scope: Scope) -> bool:
    return scope["method"] == "POST" and _APPENDS.match(scope["path"]) is not None


def _host(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "local"


def _too_large(bound_bytes: int) -> Refusal:
    return Refusal(ErrorCode.BODY_TOO_LARGE, f"the body is longer than {bound_bytes} bytes")
