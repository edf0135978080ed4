"""The gateway's error codes: one name, one HTTP status and one piece of advice for each way of saying no.

Clients branch on the code, never on the message. Every code stands in docs/gateway.md; a test holds that.
"""

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Meaning:
    status: int
    hint: str


class ErrorCode(enum.Enum):
    """Why the gateway refuses; the value is the HTTP status and what to do."""

    INVALID_JSON = _Meaning(400, "send one JSON object in UTF-8")
    CREDENTIALS_MISSING = _Meaning(
        401, "ask POST /v1/jobs/{job_id}/challenges, sign the answer, and send the signature"
    )
    CREDENTIALS_INVALID = _Meaning(401, "sign the EIP-712 message of docs/gateway.md with the account that you name")
    WRONG_GATEWAY = _Meaning(401, "use the address that this gateway calls itself, or add yours to its public_urls")
    CHALLENGE_INVALID = _Meaning(401, "ask this gateway for a challenge for exactly this account, purpose and job")
    CHALLENGE_EXPIRED = _Meaning(401, "ask for a new challenge and use it at once")
    CHALLENGE_USED = _Meaning(401, "ask for a new challenge: each serves one request")
    ACCESS_DENIED = _Meaning(403, "use the account that the chain names for this job")
    NOT_FOUND = _Meaning(404, "GET /openapi.json lists what there is")
    SCRIPT_UNKNOWN = _Meaning(404, "ask the gateway to which the customer submitted the workflow")
    LOG_UNKNOWN = _Meaning(404, "the job has written nothing yet, or its log was deleted some time after its end")
    METHOD_NOT_ALLOWED = _Meaning(405, "GET /openapi.json lists what there is")
    LOG_GAP = _Meaning(409, "go on at details.expected_offset")
    LOG_CLOSED = _Meaning(409, "this attempt's log was declared complete; nothing can follow")
    BODY_TOO_LARGE = _Meaning(413, "send less in one request; GET /v1/about tells the limits")
    INVALID_REQUEST = _Meaning(422, "compare the request with GET /openapi.json")
    INVALID_WORKFLOW = _Meaning(422, "correct what details.problems lists")
    TOO_MANY_REQUESTS = _Meaning(429, "wait as long as the Retry-After header says")
    INTERNAL_ERROR = _Meaning(500, "report it to the gateway's operator with the request_id")
    TOO_MANY_FOLLOWERS = _Meaning(503, "read the log without following, or try again later")
    TOO_BUSY = _Meaning(503, "try again later: other workflows are being compiled")
    STORE_FULL = _Meaning(503, "try again later: scripts that no job names are deleted after a while")
    STORE_UNAVAILABLE = _Meaning(503, "try again later; the operator sees the reason in the gateway's log")
    CHAIN_UNREACHABLE = _Meaning(503, "try again later: without the chain nobody can say who may read")

    @property
    def text(self) -> str:
        """The code as it travels: `log_gap`."""
        return self.name.lower()

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return self.value.status

    @property
    def hint(self) -> str:
        """What whoever gets this code can do."""
        return self.value.hint
