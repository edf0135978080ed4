"""The ways in which a meta-scheduler's door says no. Every code stands in docs/metascheduler.md; a test holds that."""

from deepsquare.web.codes import Code, Meaning


class ErrorCode(Code):
    """Why the meta-scheduler refuses; the value is the HTTP status and what to do."""

    CREDENTIALS_INVALID = Meaning(401, "sign the EIP-712 message of docs/metascheduler.md with the provider's account")
    ACCESS_DENIED = Meaning(403, "the grid's admin approves providers: dps provider approve")
    NOT_FOUND = Meaning(404, "GET /openapi.json lists what there is")
    JOB_UNKNOWN = Meaning(404, "only jobs that wait have reasons; see where it is with: dps job show")
    METHOD_NOT_ALLOWED = Meaning(405, "GET /openapi.json lists what there is")
    STATUS_OUTDATED = Meaning(409, "send a later status than the one before, by a clock that is right")
    BODY_TOO_LARGE = Meaning(413, "send less in one request")
    INVALID_REQUEST = Meaning(422, "compare the request with GET /openapi.json")
    TOO_MANY_REQUESTS = Meaning(429, "wait as long as the Retry-After header says")
    INTERNAL_ERROR = Meaning(500, "report it to the meta-scheduler's operator with the request_id")
    STOPPING = Meaning(503, "try again in a moment: the meta-scheduler stops, perhaps to be started anew")
    STARTING = Meaning(503, "try again in some seconds: the chain is being read")
