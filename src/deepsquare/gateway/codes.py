"""The gateway's error codes: one name, one HTTP status and one piece of advice for each way of saying no.

Clients branch on the code, never on the message. Every code stands in docs/gateway.md; a test holds that.
"""

from deepsquare.web.codes import Code, Meaning


class ErrorCode(Code):
    """Why the gateway refuses; the value is the HTTP status and what to do."""

    INVALID_JSON = Meaning(400, "send one JSON object in UTF-8")
    CREDENTIALS_MISSING = Meaning(401, "ask POST /v1/jobs/{job_id}/challenges, sign the answer, and send the signature")
    CREDENTIALS_INVALID = Meaning(401, "sign the EIP-712 message of docs/gateway.md with the account that you name")
    WRONG_GATEWAY = Meaning(401, "use the address that this gateway calls itself, or add yours to its public_urls")
    CHALLENGE_INVALID = Meaning(401, "ask this gateway for a challenge for exactly this account, purpose and job")
    CHALLENGE_EXPIRED = Meaning(401, "ask for a new challenge and use it at once")
    CHALLENGE_USED = Meaning(401, "ask for a new challenge: each serves one request")
    ACCESS_DENIED = Meaning(403, "use the account that the chain names for this job")
    NOT_FOUND = Meaning(404, "GET /openapi.json lists what there is")
    SCRIPT_UNKNOWN = Meaning(404, "ask the gateway to which the customer submitted the workflow")
    LOG_UNKNOWN = Meaning(
        404,
        "the job has written nothing yet, or its log was deleted some time after its end; "
        "without enableLogging: true in its workflow only a step that fails is told",
    )
    METHOD_NOT_ALLOWED = Meaning(405, "GET /openapi.json lists what there is")
    LOG_GAP = Meaning(409, "go on at details.expected_offset")
    LOG_CLOSED = Meaning(409, "this attempt's log was declared complete; nothing can follow")
    BODY_TOO_LARGE = Meaning(413, "send less in one request; GET /v1/about tells the limits")
    INVALID_REQUEST = Meaning(422, "compare the request with GET /openapi.json")
    INVALID_WORKFLOW = Meaning(422, "correct what details.problems lists")
    TOO_MANY_REQUESTS = Meaning(429, "wait as long as the Retry-After header says")
    INTERNAL_ERROR = Meaning(500, "report it to the gateway's operator with the request_id")
    STOPPING = Meaning(503, "try again in a moment: the gateway stops, perhaps to be started anew")
    TOO_MANY_FOLLOWERS = Meaning(503, "read the log without following, or try again later")
    TOO_BUSY = Meaning(503, "try again later: other workflows are being compiled")
    STORE_FULL = Meaning(503, "try again later: scripts that no job names are deleted after a while")
    STORE_UNAVAILABLE = Meaning(503, "try again later; the operator sees the reason in the gateway's log")
    CHAIN_UNREACHABLE = Meaning(503, "try again later: without the chain nobody can say who may read")
