"""The envelope of JSON-RPC 2.0: bytes in, bytes out, over HTTP and WebSocket alike.

Knows nothing of chains: calls go to whoever answers them. A request without an id is a notification, is executed
and gets no answer.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from deepsquare.chain.embedded.errors import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, JsonRpcError

MOST_CALLS_IN_BATCH = 1000

Call = tuple[str, Sequence[Any]]
Answerer = Callable[[Sequence[Call]], Awaitable[list[Any]]]
"""Answers calls in order; a failed call's answer is a `JsonRpcError`."""

_NOTIFICATION = object()


@dataclass(frozen=True, slots=True)
class _Request:
    """One call as it came: `call` is what to execute, or the error that makes it none."""

    id: Any
    call: Call | JsonRpcError


async def respond(body: bytes | str, answerer: Answerer) -> bytes | None:
    """The answer to a message, None where it consists of notifications."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return encode(_failure(None, JsonRpcError(PARSE_ERROR, "parse error: the body is not JSON")))
    if not isinstance(message, list):
        answers = await _answer([_read(message)], answerer)
        return encode(answers[0]) if answers else None
    if not 0 < len(message) <= MOST_CALLS_IN_BATCH:
        problem = "batch too large" if message else "empty batch"
        return encode(_failure(None, JsonRpcError(INVALID_REQUEST, f"{problem}: at most {MOST_CALLS_IN_BATCH} calls")))
    answers = await _answer([_read(item) for item in message], answerer)
    return encode(answers) if answers else None


def encode(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


async def _answer(requests: Sequence[_Request], answerer: Answerer) -> list[dict[str, Any]]:
    results = iter(await answerer([request.call for request in requests if not isinstance(request.call, JsonRpcError)]))
    answers = []
    for request in requests:
        result = request.call if isinstance(request.call, JsonRpcError) else next(results)
        if request.id is _NOTIFICATION:
            continue
        if isinstance(result, JsonRpcError):
            answers.append(_failure(request.id, result))
        else:
            answers.append({"jsonrpc": "2.0", "id": request.id, "result": result})
    return answers


def _read(message: Any) -> _Request:
    if not isinstance(message, dict):
        return _Request(None, JsonRpcError(INVALID_REQUEST, "invalid request: expected an object"))
    request_id = message.get("id", _NOTIFICATION)
    method = message.get("method")
    if not isinstance(method, str) or isinstance(request_id, dict | list):
        return _Request(None, JsonRpcError(INVALID_REQUEST, "invalid request: expected a method and an id"))
    params = message.get("params")
    if params is None:
        params = []
    if not isinstance(params, list):
        return _Request(request_id, JsonRpcError(INVALID_PARAMS, "non-array args: params must be a list"))
    return _Request(request_id, (method, params))


def _failure(request_id: Any, error: JsonRpcError) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        shown["data"] = error.data
    return {"jsonrpc": "2.0", "id": request_id, "error": shown}
