"""How the gateway says no: one exception inside, one JSON shape outside, whatever went wrong.

    {"error": {"code": "log_gap", "message": "...", "hint": "...", "request_id": "...", "details": {...}}}

`details` is there only where a code has some. Nothing of the inside gets out: an unforeseen error is
`internal_error` with a request id, and its story stands in the gateway's own log.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from deepsquare.chain.errors import ChainError
from deepsquare.gateway.codes import ErrorCode
from deepsquare.gateway.errors import LogGapFound, LogIsClosed, StoreFull, StoreUnavailable

RETRY_SECONDS = 5
"""What `Retry-After` says where nobody knows better."""

_BY_STATUS = MappingProxyType(
    {404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED, 413: ErrorCode.BODY_TOO_LARGE}
)
_TEMPORARY = (429, 503)


class Refusal(HTTPException):
    """A request that is refused, for one of the reasons of `ErrorCode`."""

    def __init__(
        self,
        code: ErrorCode,
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
        if self.code.status == ErrorCode.CREDENTIALS_MISSING.status:
            headers["WWW-Authenticate"] = "DeepSquare"
        return JSONResponse(self.body(request_id), self.code.status, headers)


def refusal_of(problem: Exception) -> Refusal | None:
    """What an error of the inside means for the client; None where it must not get out at all."""
    if isinstance(problem, Refusal):
        return problem
    for kind, meaning in _MEANINGS:
        if isinstance(problem, kind):
            return meaning(problem)
    return None


def install(app: FastAPI) -> None:
    """Answer every foreseen error of `app` in the one shape; unforeseen ones are left to `doors`."""

    async def answer(request: Request, problem: Exception) -> JSONResponse:
        refusal = refusal_of(problem)
        if refusal is None:  # Unreachable: only foreseen kinds are registered below.
            raise problem
        return refusal.response(request.state.request_id)

    for kind, _ in _MEANINGS:
        app.add_exception_handler(kind, answer)


def _gap(problem: Any) -> Refusal:
    return Refusal(ErrorCode.LOG_GAP, str(problem), details={"expected_offset": problem.expected_offset})


def _invalid(problem: Any) -> Refusal:
    # Only where and what: the values of a request are not repeated.
    parts = (f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in problem.errors())
    return Refusal(ErrorCode.INVALID_REQUEST, "; ".join(parts))


def _http(problem: Any) -> Refusal:
    return Refusal(_BY_STATUS.get(problem.status_code, ErrorCode.INVALID_REQUEST), str(problem.detail))


def _always(code: ErrorCode, message: str) -> Callable[[Any], Refusal]:
    return lambda _problem: Refusal(code, message)


_MEANINGS: tuple[tuple[type[Exception], Callable[[Any], Refusal]], ...] = (
    (LogGapFound, _gap),
    (LogIsClosed, lambda problem: Refusal(ErrorCode.LOG_CLOSED, str(problem))),
    (StoreFull, lambda problem: Refusal(ErrorCode.STORE_FULL, str(problem))),
    (StoreUnavailable, _always(ErrorCode.STORE_UNAVAILABLE, "the gateway's store does not serve this request")),
    (ChainError, _always(ErrorCode.CHAIN_UNREACHABLE, "the gateway cannot read the chain")),
    (RequestValidationError, _invalid),
    (HTTPException, _http),
)
"""What errors of the inside mean for the client; the first kind that fits counts."""
