"""How a service says no: one exception inside, one JSON shape outside, whatever went wrong.

    {"error": {"code": "log_gap", "message": "...", "hint": "...", "request_id": "...", "details": {...}}}

`details` is there only where a code has some. Nothing of the inside gets out: an unforeseen error is
`internal_error` with a request id, and its story stands in the service's own log.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from deepsquare.web.codes import Code, SharedCodes

RETRY_SECONDS = 5
"""What `Retry-After` says where nobody knows better."""

_TEMPORARY = (429, 503)
_UNKNOWN_CALLER = 401


class Refusal(HTTPException):
    """A request that is refused, for one of the reasons of the service's codes."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(code.status, message)
        self.code = code
        self.message = message
        self.details = details
        self.retry_after_seconds = retry_after_seconds

    def body(self, request_id: str) -> dict[str, Any]:
        """The one JSON shape of every error."""
        error: dict[str, Any] = {
            "code": self.code.text,
            "message": self.message,
            "hint": self.code.hint,
            "request_id": request_id,
        }
        if self.details is not None:
            error["details"] = dict(self.details)
        return {"error": error}

    def response(self, request_id: str) -> JSONResponse:
        """The answer to the refused request."""
        headers = {}
        if self.code.status in _TEMPORARY:
            headers["Retry-After"] = str(max(1, round(self.retry_after_seconds or RETRY_SECONDS)))
        if self.code.status == _UNKNOWN_CALLER:
            headers["WWW-Authenticate"] = "DeepSquare"
        return JSONResponse(self.body(request_id), self.code.status, headers)


Meanings = Sequence[tuple[type[Exception], Callable[[Any], Refusal]]]
"""What errors of the inside mean for the client; the first kind that fits counts."""


def refusal_of(problem: Exception, meanings: Meanings) -> Refusal | None:
    """What an error of the inside means for the client; None where it must not get out at all."""
    if isinstance(problem, Refusal):
        return problem
    for kind, meaning in meanings:
        if isinstance(problem, kind):
            return meaning(problem)
    return None


def install(app: FastAPI, meanings: Meanings) -> None:
    """Answer every foreseen error of `app` in the one shape; unforeseen ones are left to `doors`."""

    async def answer(request: Request, problem: Exception) -> JSONResponse:
        refusal = refusal_of(problem, meanings)
        if refusal is None:  # Unreachable: only foreseen kinds are registered below.
            raise problem
        return refusal.response(request.state.request_id)

    for kind, _ in meanings:
        app.add_exception_handler(kind, answer)


def of_framework(codes: type[Code]) -> Meanings:
    """What the framework itself refuses, in a service's own codes."""
    shared = SharedCodes.of(codes)
    by_status = {code.status: code for code in (shared.not_found, shared.method_not_allowed, shared.body_too_large)}

    def misfit(problem: Any) -> Refusal:
        # Only where and what: the values of a request are not repeated.
        parts = (f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in problem.errors())
        return Refusal(shared.invalid_request, "; ".join(parts))

    def refused(problem: Any) -> Refusal:
        return Refusal(by_status.get(problem.status_code, shared.invalid_request), str(problem.detail))

    return ((RequestValidationError, misfit), (HTTPException, refused))
