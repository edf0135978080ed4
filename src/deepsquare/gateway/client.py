"""What others use of the gateway: submit and validate workflows, fetch a script, write, read and follow logs.

The only part of this package that the rest of the project imports. By itself it goes on following a log, and
repeats once a request whose connection was lost or whose challenge counts no more; whether trying again makes sense
otherwise decides whoever calls, by `transient` of the error. httpx is imported when the first request is made.
"""

import base64
import binascii
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from deepsquare.chain.texts import one_line
from deepsquare.clock import Clock, SystemClock
from deepsquare.gateway import signing
from deepsquare.gateway.address import normalised
from deepsquare.gateway.credentials import CHALLENGE_HEADER, Answer, Credentials, InvalidCredentials, handed_on
from deepsquare.gateway.errors import (
    GatewayBusy,
    GatewayUnreachable,
    InvalidWorkflow,
    LogGap,
    RefusedByGateway,
    UnexpectedAnswer,
    WrongGrid,
)
from deepsquare.gateway.held_challenges import HeldChallenges
from deepsquare.gateway.signing import Challenge, SigningDomain
from deepsquare.model import Address, JobId
from deepsquare.trouble import PassingTrouble
from deepsquare.web.client import ServiceClient
from deepsquare.web.signing import TypedDataSigner, TypedMessage

if TYPE_CHECKING:
    import httpx
    from httpx_sse import ServerSentEvent

    from deepsquare.modules import Pins
    from deepsquare.workflow import Problem

_log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30.0
SILENCE_SECONDS = 45.0
"""A followed log says something every 15 s; longer silence is a lost connection."""
RECONNECT_SECONDS = 1.0
DEFAULT_RETRY_SECONDS = 5.0
_ERROR_STATUS = 400
_NOT_FOUND_STATUS = 404
_BUSY_STATUSES = (429, 502, 503, 504)
_SPENT = ("challenge_invalid", "challenge_expired", "challenge_used")
"""The codes that a fresh challenge helps against."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A workflow that the gateway has compiled and keeps."""

    script_hash: str
    """What a job on the chain names."""
    salt: str
    """Compiling the same workflow with it at home must give the same hash."""
    warnings: "tuple[Problem, ...]"
    modules: "Pins"
    """The commits that its modules are of, for the gateway."""


@dataclass(frozen=True, slots=True)
class GatewayInfo:
    """Which grid a gateway serves, and what it calls itself."""

    chain_id: int
    contract: Address
    version: str
    names: tuple[str, ...]
    limits: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Some bytes of a log, and where they stand."""

    attempt: int
    offset: int
    data: bytes


class GatewayClient(ServiceClient):
    """One gateway, as its clients see it.

    `domain` is the grid's: nothing is ever signed for another one, whatever the gateway says it serves.
    """

    def __init__(
        self,
        url: str,
        domain: SigningDomain,
        *,
        http: "httpx.AsyncClient | None" = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(normalised(url), TIMEOUT_SECONDS, http)
        self._domain = domain
        self._clock = clock or SystemClock()
        self._info: GatewayInfo | None = None
        self._held = HeldChallenges()
        self._full_logs: set[tuple[JobId, int]] = set()
        self._trouble = PassingTrouble(_log)

    async def about(self) -> GatewayInfo:
        """What the gateway says of itself; asked once and remembered. Raises `WrongGrid` where it serves another."""
        if self._info is None:
            answer = _Object(self.url, await self._json("GET", "/v1/about"))
            self._check_grid(answer)
            self._info = GatewayInfo(
                self._domain.chain_id,
                self._domain.contract,
                answer.text("version"),
                tuple(map(str, answer.items("names"))),
                dict(answer.mapping("limits")),
            )
        return self._info

    async def submit(
        self, workflow_text: str, customer: Address | None = None, modules: "Pins | None" = None
    ) -> Submission:
        """Have a workflow (YAML or JSON) compiled and kept: for the jobs of this customer alone.

        `modules` are the commits that the sources of its modules stand for; else the gateway looks for itself.

        Without a customer the script belongs to whoever is the first to name it on the chain.
        Raises `InvalidWorkflow` with all its problems, `RefusedByGateway`, or a `GatewayUnreachable`.
        """
        query: list[tuple[str, str]] = [("customer", customer)] if customer is not None else []
        query += [("module", f"{source}={commit}") for source, commit in (modules or {}).items()]
        path = f"/v1/workflows?{urlencode(query)}" if query else "/v1/workflows"
        answer = _Object(self.url, await self._json("POST", path, content=workflow_text.encode()))
        pins = {str(source): str(commit) for source, commit in answer.mapping("modules").items()}
        return Submission(answer.text("hash"), answer.text("salt"), _problems(answer.items("warnings")), pins)

    async def validate(self, workflow_text: str) -> "list[Problem]":
        """Everything that is wrong or suspicious about a workflow; empty is good. Nothing is kept."""
        answer = await self._json("POST", "/v1/workflows/validate", content=workflow_text.encode())
        return list(_problems(_Object(self.url, answer).items("problems")))

    async def fetch_script(self, job_id: JobId, signer: TypedDataSigner) -> str:
        """The script of a job that the chain has given to `signer`, the provider.

        The caller compares its SHA-256 with the job's `script_hash`: the gateway is not trusted for that.
        """
        return (await self._admitted(f"/v1/jobs/{job_id}/script", job_id, "fetch-script", signer)).text

    async def append_log(
        self, job_id: JobId, attempt: int, offset: int, data: bytes, signer: TypedDataSigner, *, closes: bool = False
    ) -> int:
        """Write `data` at `offset` of the attempt's log; the offset where the next append starts.

        With `closes` the log is complete with `data`, as `close_log` declares it. Repeating it does nothing. Raises
        `LogGap` where bytes before `offset` are missing, and with `closes` where the gateway holds more. Once the
        job's bound is reached the gateway keeps nothing more: the answer is as if it did, and nothing is sent.
        """
        end = offset + len(data)
        if (job_id, attempt) in self._full_logs:
            if closes:
                await self.close_log(job_id, attempt, end, signer)
            return end
        piece = signing.end_log if closes else signing.append_log
        credentials = await self._signed(piece(job_id, attempt, offset, data), signer)
        path = f"/v1/jobs/{job_id}/log/{attempt}?offset={offset}{'&closes=true' if closes else ''}"
        answer = _Object(self.url, await self._json("POST", path, content=data, headers=credentials))
        if answer.text("state") == "full" and not closes:
            self._full_logs.add((job_id, attempt))
        return answer.whole("next_offset")

    async def close_log(self, job_id: JobId, attempt: int, length: int, signer: TypedDataSigner) -> None:
        """Declare the attempt's log complete with `length` bytes, so that followers see the end at once.

        Repeating it does nothing. Raises `LogGap` where the gateway holds less or more.
        """
        credentials = await self._signed(signing.close_log(job_id, attempt, length), signer)
        await self._json("POST", f"/v1/jobs/{job_id}/log/{attempt}/close?length={length}", headers=credentials)
        self._full_logs.discard((job_id, attempt))

    async def read_log(self, job_id: JobId, signer: TypedDataSigner, attempt: int | None = None) -> bytes:
        """What a job of `signer`, the customer, has printed so far: in its last attempt, or in the one asked for."""
        query = "" if attempt is None else f"?attempt={attempt}"
        return (await self._admitted(f"/v1/jobs/{job_id}/log{query}", job_id, "read-log", signer)).content

    async def is_logged(self, job_id: JobId, signer: TypedDataSigner) -> bool | None:
        """Whether the output of a job of `signer`, its customer, is kept; None where it cannot tell any more."""
        try:
            answer = await self._admitted(f"/v1/jobs/{job_id}/logging", job_id, "read-log", signer)
        except RefusedByGateway as refusal:
            if refusal.status == _NOT_FOUND_STATUS:
                return None
            raise
        return _Object(self.url, self._decoded(answer)).flag("enabled")

    async def follow_log(self, job_id: JobId, signer: TypedDataSigner) -> AsyncGenerator[LogChunk]:
        """Everything that a job prints, from its first attempt on, as it comes, until it is over.

        A lost connection is taken up again behind the last bytes, for as long as it takes; only a refusal
        ends the following early. Wrap it in a timeout where there must be an end to patience, and in
        `contextlib.aclosing` where you may stop before the end: that gives the connection back.
        """
        last_event_id: str | None = None
        while True:
            try:
                async with aclosing(self._follow_once(job_id, signer, last_event_id)) as events:
                    async for event in events:
                        last_event_id = event.id or last_event_id
                        if event.event == "end":
                            return
                        if event.event == "chunk":
                            yield self._chunk(event)
                await self._clock.sleep(RECONNECT_SECONDS)
            except GatewayUnreachable as problem:
                pause = problem.retry_after_seconds if isinstance(problem, GatewayBusy) else RECONNECT_SECONDS
                self._trouble.fails("following logs", f"{problem.what}; trying again every {pause:g} s")
                await self._clock.sleep(pause)

    async def _follow_once(
        self, job_id: JobId, signer: TypedDataSigner, last_event_id: str | None
    ) -> "AsyncGenerator[ServerSentEvent]":
        client = self._client()
        import httpx  # noqa: PLC0415 - loaded by now; commands without a gateway must not pay for it
        from httpx_sse import EventSource, SSEError  # noqa: PLC0415 - imports httpx

        challenge = await self._challenge(job_id, "read-log", signer.address)
        headers = {**self._answering(challenge, job_id, "read-log", signer), "Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS)
        address = f"{self.url}/v1/jobs/{job_id}/log/follow"
        try:
            async with client.stream("GET", address, headers=headers, timeout=timeout) as response:
                if response.status_code >= _ERROR_STATUS:
                    await response.aread()
                    raise self._error(response)
                self._trouble.works("following logs")
                async for event in EventSource(response).aiter_sse():
                    yield event
        except httpx.TransportError as problem:
            raise self._unreachable(problem) from problem
        except SSEError as problem:
            raise UnexpectedAnswer(self.url, "something that is no stream of events") from problem

    def _chunk(self, event: "ServerSentEvent") -> LogChunk:
        try:
            value = json.loads(event.data)
            return LogChunk(int(value["attempt"]), int(value["offset"]), base64.b64decode(value["data"], validate=True))
        except (ValueError, KeyError, TypeError, binascii.Error) as problem:
            raise UnexpectedAnswer(self.url, "a chunk of a log that cannot be read") from problem

    async def _admitted(self, path: str, job_id: JobId, purpose: str, signer: TypedDataSigner) -> "httpx.Response":
        """What the gateway gives at `path` to who answers a challenge: one that it has handed on, else a fresh one.

        Where it takes that one no more (it is late, or was used by a request whose answer got lost), a fresh one is
        answered, once.
        """

        async def ask(challenge: Challenge) -> "httpx.Response":
            return await self._request("GET", path, headers=self._answering(challenge, job_id, purpose, signer))

        account = signer.address
        held = self._held.take(account, purpose, self._clock.now())
        try:
            response = await ask(held or await self._challenge(job_id, purpose, account))
        except RefusedByGateway as refusal:
            if refusal.code not in _SPENT:
                raise
            self._held.forget(account, purpose)
            response = await ask(await self._challenge(job_id, purpose, account))
        if (header := response.headers.get(CHALLENGE_HEADER)) is not None:
            self._held.keep(account, purpose, self._handed_on(header))
        return response

    def _handed_on(self, header: str) -> Challenge:
        try:
            return handed_on(header)
        except InvalidCredentials as problem:
            raise UnexpectedAnswer(self.url, f"a {CHALLENGE_HEADER} header that cannot be read") from problem

    async def _challenge(self, job_id: JobId, purpose: str, account: Address) -> Challenge:
        """A fresh challenge. Raises `WrongGrid` where the gateway serves another grid."""
        wanted = json.dumps({"account": account, "purpose": purpose}).encode()
        issued = _Object(self.url, await self._json("POST", f"/v1/jobs/{job_id}/challenges", content=wanted))
        self._check_grid(issued)
        return Challenge(issued.text("nonce"), datetime.fromtimestamp(issued.whole("expires_at"), UTC))

    def _answering(self, challenge: Challenge, job_id: JobId, purpose: str, signer: TypedDataSigner) -> dict[str, str]:
        """The header that answers a challenge."""
        message = signing.access(signer.address, self.url, purpose, job_id, challenge)
        credentials = Credentials(signer.address, self._domain.sign(message, signer), Answer(self.url, challenge))
        return {"Authorization": credentials.header()}

    async def _signed(self, message: TypedMessage, signer: TypedDataSigner) -> dict[str, str]:
        """The header of a request that is signed itself."""
        await self.about()
        return {"Authorization": Credentials(signer.address, self._domain.sign(message, signer)).header()}

    def _check_grid(self, answer: "_Object") -> None:
        """Raise `WrongGrid` where the gateway serves another grid. A hostile one would have us sign for that."""
        ours, chain_id, contract = self._domain, answer.whole("chain_id"), answer.text("contract")
        if (chain_id, contract.lower()) != (ours.chain_id, ours.contract.lower()):
            said = f"chain {chain_id}, contract {one_line(contract)}"
            raise WrongGrid(self.url, said, f"chain {ours.chain_id}, contract {ours.contract}")

    async def _json(
        self, method: str, path: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        return self._decoded(await self._request(method, path, content=content, headers=headers))

    def _decoded(self, response: "httpx.Response") -> Any:
        try:
            return response.json()
        except ValueError as problem:
            raise UnexpectedAnswer(self.url, "something that is no JSON") from problem

    async def _request(
        self, method: str, path: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> "httpx.Response":
        response = await self._ask(method, path, content=content, headers=headers)
        if response.status_code >= _ERROR_STATUS:
            raise self._error(response)
        return response

    def _unreachable(self, problem: "httpx.TransportError") -> GatewayUnreachable:
        return GatewayUnreachable(self.url, _reason(problem))

    def _error(self, response: "httpx.Response") -> Exception:
        """What an error answer means."""
        try:
            error = _Object(self.url, _Object(self.url, response.json()).mapping("error"))
            code, message = error.text("code"), error.text("message")
        except (ValueError, UnexpectedAnswer):
            # Not our shape: a proxy in between, or something else altogether.
            if response.status_code in _BUSY_STATUSES:
                return GatewayBusy(self.url, "", f"status {response.status_code}", DEFAULT_RETRY_SECONDS)
            return UnexpectedAnswer(self.url, f"status {response.status_code} without a reason")
        details = error.mapping("details", {})
        if response.status_code in _BUSY_STATUSES:
            return GatewayBusy(self.url, code, message, _retry_after(response.headers.get("retry-after", "")))
        if code == "invalid_workflow":
            return InvalidWorkflow(message, _problems(details.get("problems", ())))
        refusal = RefusedByGateway(
            response.status_code, code, message, error.text("hint", ""), error.text("request_id", "")
        )
        if code == "log_gap":
            return LogGap(refusal, _Object(self.url, details).whole("expected_offset"))
        return refusal


_T = TypeVar("_T")


class _Object:
    """An answer's JSON object, read with suspicion: what is missing or of another type is `UnexpectedAnswer`."""

    def __init__(self, url: str, value: Any) -> None:
        self._url = url
        if not isinstance(value, dict):
            raise UnexpectedAnswer(url, "JSON that is no object")
        self._value: dict[str, Any] = value

    def text(self, name: str, default: str | None = None) -> str:
        """A field of text."""
        return self._field(name, str, default)

    def flag(self, name: str) -> bool:
        """A field that is true or false."""
        return self._field(name, bool)

    def whole(self, name: str) -> int:
        """A field with a whole number."""
        return self._field(name, int)

    def items(self, name: str) -> list[Any]:
        """A field with a list."""
        return self._field(name, list)

    def mapping(self, name: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
        """A field with an object."""
        return self._field(name, dict, default)

    def _field(self, name: str, kind: type[_T], default: _T | None = None) -> _T:
        value = self._value.get(name, default)
        if not isinstance(value, kind):
            raise UnexpectedAnswer(self._url, f"an object without a proper field {name}")
        return value


def _problems(found: Any) -> "tuple[Problem, ...]":
    from deepsquare.workflow import Problem, Severity  # noqa: PLC0415 - only a workflow that has problems needs them

    return tuple(
        Problem(
            Severity(problem["severity"]),
            problem["path"],
            problem["line"],
            problem["column"],
            problem["message"],
            problem["hint"],
        )
        for problem in found
    )


def _retry_after(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else DEFAULT_RETRY_SECONDS


def _reason(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
