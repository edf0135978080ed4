"""What every request passes before any code of ours sees it: a request id, the rate, the body's bound, the log.

One ASGI layer around the whole application, so that no route can be without it. It logs method, path,
status and time: never a query, a header or a body. What goes wrong unforeseen inside is logged here with
its request id and leaves as `internal_error`.
"""

import asyncio
import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepsquare.clock import Clock
from deepsquare.web.codes import Code, SharedCodes
from deepsquare.web.ratelimit import RateLimit, client_key
from deepsquare.web.refusal import Refusal

_log = logging.getLogger(__name__)

_REQUEST_ID_BYTES = 8
_HARDENING = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


class Doors(ABC):
    """The outermost layer of a service; each service says what its rates and bounds are."""

    def __init__(self, app: ASGIApp, clock: Clock, *, service: str, codes: type[Code]) -> None:
        """`service` is its name in messages and of its access log: `gateway`."""
        self._app = app
        self._clock = clock
        self._service = service
        self._codes = SharedCodes.of(codes)
        self._access_log = logging.getLogger(f"deepsquare.{service}.access")

    @abstractmethod
    def rate(self, scope: Scope) -> RateLimit:
        """The rate that counts for this request."""

    @abstractmethod
    def body_bound(self, scope: Scope) -> int:
        """The longest body of this request, in bytes."""

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
            await self._app(scope, _Bounded(receive, self.body_bound(scope), self._codes), answer)
        except Refusal as refusal:
            await answer.refuse(refusal, scope, receive)
        except Exception:  # noqa: BLE001 - the last place where an error can be kept from getting out
            _log.exception("request %s failed for a reason nobody foresaw", request_id)
            await answer.refuse(Refusal(self._codes.internal_error, f"the {self._service} failed"), scope, receive)
        except asyncio.CancelledError:
            # Only a server that stops cancels a request; it takes whatever leaves here for a failure of ours.
            await answer.refuse(Refusal(self._codes.stopping, f"the {self._service} stops"), scope, receive)
        finally:
            milliseconds = (self._clock.now() - began).total_seconds() * 1000
            path = scope.get("raw_path", b"").decode("ascii", "replace")
            self._access_log.info(
                "%s %s %s %s %.0f ms %s", _host(scope), scope["method"], path, answer.status, milliseconds, request_id
            )

    def _check(self, scope: Scope) -> None:
        wait_seconds = self.rate(scope).take(client_key(_host(scope)))
        if wait_seconds > 0:
            message = f"this client address sends more than this {self._service} takes from one"
            raise Refusal(self._codes.too_many_requests, message, retry_after_seconds=wait_seconds)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.body_bound(scope):
            raise _too_large(self.body_bound(scope), self._codes)


class _Bounded:
    """A request's body that ends with a refusal where it is longer than it may be."""

    def __init__(self, receive: Receive, bound_bytes: int, codes: SharedCodes) -> None:
        self._receive = receive
        self._codes = codes
        self._bound_bytes = bound_bytes
        self._seen_bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen_bytes += len(message.get("body", b""))
            if self._seen_bytes > self._bound_bytes:
                raise _too_large(self._bound_bytes, self._codes)
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


def _host(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "local"


def _too_large(bound_bytes: int, codes: SharedCodes) -> Refusal:
    return Refusal(codes.body_too_large, f"the body is longer than {bound_bytes} bytes")
