"""What errors of the gateway's inside mean for its clients."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from deepsquare.chain.errors import ChainError
from deepsquare.gateway.codes import ErrorCode
from deepsquare.gateway.errors import LogGapFound, LogIsClosed, StoreFull, StoreUnavailable
from deepsquare.web import refusal
from deepsquare.web.refusal import Refusal


def refusal_of(problem: Exception) -> Refusal | None:
    """What an error of the inside means for the client; None where it must not get out at all."""
    return refusal.refusal_of(problem, _MEANINGS)


def install(app: FastAPI) -> None:
    """Answer every foreseen error of `app` in the one shape; unforeseen ones are left to `doors`."""
    refusal.install(app, _MEANINGS)


def _gap(problem: Any) -> Refusal:
    return Refusal(ErrorCode.LOG_GAP, str(problem), details={"expected_offset": problem.expected_offset})


def _always(code: ErrorCode, message: str) -> Callable[[Any], Refusal]:
    return lambda _problem: Refusal(code, message)


_MEANINGS: refusal.Meanings = (
    (LogGapFound, _gap),
    (LogIsClosed, lambda problem: Refusal(ErrorCode.LOG_CLOSED, str(problem))),
    (StoreFull, lambda problem: Refusal(ErrorCode.STORE_FULL, str(problem))),
    (StoreUnavailable, _always(ErrorCode.STORE_UNAVAILABLE, "the gateway's store does not serve this request")),
    (ChainError, _always(ErrorCode.CHAIN_UNREACHABLE, "the gateway cannot read the chain")),
    *refusal.of_framework(ErrorCode),
)
"""What errors of the inside mean for the client; the first kind that fits counts."""
