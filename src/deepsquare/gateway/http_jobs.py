"""The routes around one job: challenges, its script, its log. Who may use them is decided in `gate`."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel, ConfigDict, Field

from deepsquare import compiler
from deepsquare.chain.errors import ChainError
from deepsquare.chain.keccak import checksum_address
from deepsquare.gateway.access import Purpose
from deepsquare.gateway.codes import ErrorCode
from deepsquare.gateway.credentials import CHALLENGE_HEADER, challenge_header
from deepsquare.gateway.errors import StoreUnavailable
from deepsquare.gateway.following import READ_BYTES, Chunk, End, Heartbeat, Place
from deepsquare.gateway.gate import Grant
from deepsquare.gateway.logs import LogState
from deepsquare.gateway.parameters import (
    MAX_ATTEMPT,
    MAX_OFFSET,
    attempt_of,
    closes_of,
    job_id_of,
    length_of,
    offset_of,
    wanted_attempt_of,
)
from deepsquare.gateway.parts import Parts, grant_of, parts_of
from deepsquare.gateway.scripts import StoredScript
from deepsquare.model import Job, JobId
from deepsquare.web.refusal import Refusal

router = APIRouter(prefix="/v1/jobs/{job_id}")

_Parts = Annotated[Parts, Depends(parts_of)]
_Granted = Annotated[Grant, Depends(grant_of)]

_JOB_ID: dict[str, Any] = {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}}
_ATTEMPT: dict[str, Any] = {"name": "attempt", "in": "path", "required": True, "schema": {"type": "integer"}}
_BYTES: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_NEXT_CHALLENGE: dict[str, Any] = {
    CHALLENGE_HEADER: {
        "description": "The account's next challenge for this purpose, for any job: nonce and expires_at.",
        "schema": {"type": "string"},
    }
}


class ChallengeRequest(BaseModel):
    """Who wants to do what."""

    model_config = ConfigDict(extra="forbid")

    account: str = Field(pattern=r"^0x[0-9a-fA-F]{40}$")
    purpose: Purpose


class IssuedChallenge(BaseModel):
    """What to sign: the message `Access` of docs/gateway.md, in the domain of this chain and contract."""

    nonce: str
    expires_at: int
    chain_id: int
    contract: str


class Logging(BaseModel):
    """Whether the output of a job's steps is kept."""

    enabled: bool


class LogPosition(BaseModel):
    """How far a log has come."""

    next_offset: int
    state: str
    """`open`, `full` (accepted, but nothing is kept any more) or `closed`."""


@router.post("/challenges", summary="Ask for a challenge", openapi_extra={"parameters": [_JOB_ID]})
async def challenge(request: Request, wanted: ChallengeRequest, parts: _Parts) -> IssuedChallenge:
    """Good for one request, for a short time; costs nothing and tells nothing about the job."""
    account = checksum_address(wanted.account)
    issued = parts.challenges.issue(account, wanted.purpose, job_id_of(request), parts.clock.now())
    return IssuedChallenge(
        nonce=issued.nonce,
        expires_at=int(issued.expires_at.timestamp()),
        chain_id=parts.domain.chain_id,
        contract=parts.domain.contract,
    )


@router.get(
    "/script",
    summary="The job's script, for its provider",
    openapi_extra={"parameters": [_JOB_ID], "responses": {"200": {"headers": _NEXT_CHALLENGE}}},
)
async def script(parts: _Parts, grant: _Granted) -> PlainTextResponse:
    """Only the script that this job names, only for the provider that the chain names, only while it holds the job."""
    stored = await _script_of(parts, grant.job)
    return PlainTextResponse(
        stored.text, headers={"X-Script-Hash": grant.job.definition.script_hash, **_handing_on(grant)}
    )


@router.get(
    "/logging",
    summary="Whether the job's output is kept, for its customer",
    openapi_extra={"parameters": [_JOB_ID], "responses": {"200": {"headers": _NEXT_CHALLENGE}}},
)
async def logging(parts: _Parts, grant: _Granted, response: Response) -> Logging:
    """What the job's workflow says (`enableLogging`), as long as its script is here."""
    stored = await _script_of(parts, grant.job)
    response.headers.update(_handing_on(grant))
    return Logging(enabled=compiler.is_logged(stored.text))


async def _script_of(parts: Parts, job: Job) -> StoredScript:
    """The script that the job names, where it is its customer's. Raises `Refusal`."""
    stored = await parts.scripts.get(job.definition.script_hash)
    if stored is not None and stored.owner is None:
        # The chain has the job, so it has the event of whoever named this script first: read it before answering.
        await parts.janitor.catch_up()
        stored = await parts.scripts.get(job.definition.script_hash)
    if stored is None:
        raise Refusal(ErrorCode.SCRIPT_UNKNOWN, f"this gateway does not hold the script of job {job.id}")
    if stored.owner != job.customer:
        raise Refusal(ErrorCode.ACCESS_DENIED, f"the script that job {job.id} names belongs to another customer")
    return stored


@router.post(
    "/log/{attempt}",
    summary="Append to the log of an attempt",
    openapi_extra={
        "parameters": [
            _JOB_ID,
            _ATTEMPT,
            {"name": "offset", "in": "query", "required": True, "schema": {"type": "integer"}},
            {"name": "closes", "in": "query", "schema": {"type": "boolean", "default": False}},
        ],
        "requestBody": {"required": True, "content": _BYTES},
    },
)
async def append(request: Request, parts: _Parts, grant: _Granted) -> LogPosition:
    """Absolute and so repeatable: bytes that are there already are skipped, a gap is refused. The last may close."""
    offset, data = offset_of(request), await request.body()
    job, closes = grant.job, closes_of(request)
    ended_at = _ended_at(parts, job)
    state = await parts.logs.append(job.id, attempt_of(request), offset, data, closes=closes, ended_at=ended_at)
    parts.wakeups.announce(job.id)
    return _position(state, reached=offset + len(data))


@router.post(
    "/log/{attempt}/close",
    summary="Declare the log of an attempt complete",
    openapi_extra={
        "parameters": [
            _JOB_ID,
            _ATTEMPT,
            {"name": "length", "in": "query", "required": True, "schema": {"type": "integer"}},
        ]
    },
)
async def close(request: Request, parts: _Parts, grant: _Granted) -> LogPosition:
    """With the length that it has, so that a lost append is noticed. Repeating it does nothing."""
    job, length = grant.job, length_of(request)
    state = await parts.logs.close(job.id, attempt_of(request), length, ended_at=_ended_at(parts, job))
    parts.wakeups.announce(job.id)
    return _position(state, reached=length)


@router.get(
    "/log",
    summary="The log as it is now, for the job's customer",
    openapi_extra={
        "parameters": [_JOB_ID, {"name": "attempt", "in": "query", "schema": {"type": "integer"}}],
        "responses": {"200": {"description": "The bytes of the log.", "content": _BYTES, "headers": _NEXT_CHALLENGE}},
    },
)
async def read(request: Request, parts: _Parts, grant: _Granted) -> Response:
    """Of the last attempt that has one, or of the one asked for (`?attempt=`)."""
    states = await parts.logs.states(grant.job.id)
    wanted = wanted_attempt_of(request)
    state = next((state for state in reversed(states) if wanted in (None, state.attempt)), None)
    if state is None:
        attempt = "" if wanted is None else f" of attempt {wanted}"
        raise Refusal(ErrorCode.LOG_UNKNOWN, f"job {grant.job.id} has no log{attempt}")
    headers = {"X-Log-Attempt": str(state.attempt), "Content-Length": str(state.length), **_handing_on(grant)}
    content = _content(parts, grant.job.id, state)
    return StreamingResponse(content, media_type="application/octet-stream", headers=headers)


@router.get(
    "/log/follow",
    summary="The log as it is written, for the job's customer",
    openapi_extra={
        "parameters": [_JOB_ID, {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}}],
        "responses": {
            "200": {
                "description": "Events chunk and end.",
                "content": {"text/event-stream": {}},
                "headers": _NEXT_CHALLENGE,
            }
        },
    },
)
async def follow(request: Request, parts: _Parts, grant: _Granted) -> StreamingResponse:
    """Server-sent events; a client that lost its connection goes on behind the last event's id."""
    place = _place(request.headers.get("last-event-id"))
    parts.wakeups.check_room()
    events = _events(parts, grant.job.id, place)
    return StreamingResponse(events, media_type="text/event-stream", headers=_handing_on(grant))


def _handing_on(grant: Grant) -> dict[str, str]:
    """The header with the account's next challenge."""
    return {} if grant.next_challenge is None else challenge_header(grant.next_challenge)


async def _content(parts: Parts, job_id: JobId, state: LogState) -> AsyncIterator[bytes]:
    """Exactly as many bytes as the log had when it was looked at: it may grow meanwhile."""
    offset = 0
    while offset < state.length:
        data = await parts.logs.read(job_id, state.attempt, offset, min(READ_BYTES, state.length - offset))
        if not data:
            return
        offset += len(data)
        yield data


async def _events(parts: Parts, job_id: JobId, place: Place) -> AsyncIterator[bytes]:
    with parts.wakeups.listen(job_id) as event:
        yield KEEPALIVE_COMMENT
        try:
            async for happening in parts.followers.follow(job_id, place, event):
                yield _encoded(happening)
        except (ChainError, StoreUnavailable):
            return  # the answer has begun and cannot tell it any more: whoever follows comes back, and is told then


def _encoded(happening: Chunk | End | Heartbeat) -> bytes:
    match happening:
        case Chunk():
            value = {
                "attempt": happening.place.attempt,
                "offset": happening.place.offset,
                "data": base64.b64encode(happening.data).decode(),
            }
            return format_sse_event(event="chunk", id=_event_id(happening.next_place), data_str=json.dumps(value))
        case End():
            value = {"status": happening.status, "is_complete": happening.is_complete}
            return format_sse_event(event="end", id=_event_id(happening.place), data_str=json.dumps(value))
        case Heartbeat():
            return KEEPALIVE_COMMENT


def _event_id(place: Place) -> str:
    return f"{place.attempt}-{place.offset}"


def _place(event_id: str | None) -> Place:
    """Where to go on: behind the event that the client saw last, else at the beginning of everything."""
    if event_id is None:
        return Place(0, 0)
    attempt, _, offset = event_id.partition("-")
    is_place = all(part.isascii() and part.isdigit() and len(part) < len(str(MAX_OFFSET)) for part in (attempt, offset))
    if not is_place or int(attempt) > MAX_ATTEMPT:
        raise Refusal(ErrorCode.INVALID_REQUEST, "Last-Event-ID must be the id of an event of this log")
    return Place(int(attempt), int(offset))


def _ended_at(parts: Parts, job: Job) -> datetime | None:
    """When the job ended, for a log that is written after that: nobody else will tell it."""
    return job.time.ended_at or parts.clock.now() if job.status.is_cold else None


def _position(state: LogState, *, reached: int) -> LogPosition:
    if state.is_full:
        return LogPosition(next_offset=reached, state="full")
    return LogPosition(next_offset=state.next_offset, state="closed" if state.is_closed else "open")
