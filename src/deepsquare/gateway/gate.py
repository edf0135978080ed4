"""The gatekeeper: finds the rule of the route, proves who asks, asks the chain, lets in or explains why not.

It runs before every handler (it is a dependency of the whole application) and handlers get their `Grant`
from it: a route without a rule is closed, a handler cannot forget to ask. The order of the checks is the
same for every request, known job or not: signature, chain, rule; only then the challenge is used up, so
that only those whom the chain lets in can write to the list of used ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from deepsquare.clock import Clock
from deepsquare.gateway import signing
from deepsquare.gateway.access import DOORS, Door, Purpose, denial
from deepsquare.gateway.challenges import Challenges, UsedNonces
from deepsquare.gateway.codes import ErrorCode
from deepsquare.gateway.credentials import Credentials, InvalidCredentials
from deepsquare.gateway.jobs import Jobs
from deepsquare.gateway.parameters import attempt_of, closes_of, job_id_of, length_of, offset_of
from deepsquare.gateway.signing import Challenge, SigningDomain
from deepsquare.model import Address, Job, JobId
from deepsquare.web.refusal import Refusal
from deepsquare.web.signing import TypedMessage


@dataclass(frozen=True, slots=True)
class Grant:
    """What the gatekeeper has established for one request."""

    job: Job
    next_challenge: Challenge | None = None
    """The account's next one for the same purpose, in place of the one that it has used up; None where it used none."""


class Gatekeeper:
    """Decides for every request whether it may reach its handler."""

    def __init__(
        self,
        *,
        domain: SigningDomain,
        names: Sequence[str],
        challenges: Challenges,
        used: UsedNonces,
        jobs: Jobs,
        clock: Clock,
    ) -> None:
        self._domain = domain
        self._names = tuple(names)
        self._challenges = challenges
        self._used = used
        self._jobs = jobs
        self._clock = clock

    async def __call__(self, request: Request) -> Grant | None:
        """The grant of a request that may pass; None at a public door; a `Refusal` for all others."""
        route = request.scope["route"]
        door = DOORS.get((request.method, route.path))
        if door is None:
            raise Refusal(ErrorCode.ACCESS_DENIED, "nobody may use this route: it has no rule")
        if door is Door.PUBLIC:
            return None
        return await self._admit(request, door)

    async def _admit(self, request: Request, door: Door) -> Grant:
        job_id = job_id_of(request)
        credentials = _credentials(request)
        if door.purpose is None:
            attempt = attempt_of(request)
            await self._check_signed(request, door, credentials)
            return Grant(self._allowed(door, await self._jobs.recent(job_id), credentials.account, attempt))
        challenge = self._check_answer(credentials, door.purpose, job_id)
        job = self._allowed(door, await self._jobs.fresh(job_id), credentials.account)
        if not await self._used.use(challenge.nonce, challenge.expires_at):
            raise Refusal(ErrorCode.CHALLENGE_USED, "this challenge has been used before")
        return Grant(job, self._challenges.issue(credentials.account, door.purpose, None, self._clock.now()))

    @staticmethod
    def _allowed(door: Door, job: Job | None, account: Address, attempt: int | None = None) -> Job:
        if job is None:
            raise Refusal(ErrorCode.ACCESS_DENIED, "the chain knows no such job")
        denied = denial(door, job, account, attempt)
        if denied is not None:
            raise Refusal(ErrorCode.ACCESS_DENIED, denied.reason)
        return job

    def _check_answer(self, credentials: Credentials, purpose: Purpose, job_id: JobId) -> Challenge:
        """The challenge that the credentials answer, if they do so in every respect."""
        answer = credentials.answer
        if answer is None:
            raise Refusal(ErrorCode.CREDENTIALS_INVALID, "this route asks for the answer to a challenge")
        if answer.gateway not in self._names:
            reason = f"the signature is for the gateway {answer.gateway}; this one is {' or '.join(self._names)}"
            raise Refusal(ErrorCode.WRONG_GATEWAY, reason)
        if not self._challenges.recognises(answer.challenge, credentials.account, purpose, job_id):
            reason = f"this gateway issued no such challenge to {credentials.account} for {purpose} of job {job_id}"
            raise Refusal(ErrorCode.CHALLENGE_INVALID, reason)
        if answer.challenge.expires_at <= self._clock.now():
            raise Refusal(ErrorCode.CHALLENGE_EXPIRED, "the challenge has expired")
        message = signing.access(credentials.account, answer.gateway, purpose, job_id, answer.challenge)
        self._check_signature(credentials, message)
        return answer.challenge

    async def _check_signed(self, request: Request, door: Door, credentials: Credentials) -> None:
        """Whether the request itself is signed by the account."""
        job_id, attempt = job_id_of(request), attempt_of(request)
        if door is Door.APPEND_LOG:
            piece = signing.end_log if closes_of(request) else signing.append_log
            message = piece(job_id, attempt, offset_of(request), await request.body())
        else:
            message = signing.close_log(job_id, attempt, length_of(request))
        self._check_signature(credentials, message)

    def _check_signature(self, credentials: Credentials, message: TypedMessage) -> None:
        if self._domain.signer_of(message, credentials.signature) != credentials.account:
            raise Refusal(
                ErrorCode.CREDENTIALS_INVALID, f"the signature of this request is not {credentials.account}'s"
            )


def _credentials(request: Request) -> Credentials:
    header = request.headers.get("authorization")
    if header is None:
        raise Refusal(ErrorCode.CREDENTIALS_MISSING, "this route needs an Authorization header")
    try:
        return Credentials.parse(header)
    except InvalidCredentials as problem:
        raise Refusal(ErrorCode.CREDENTIALS_INVALID, str(problem)) from None
