"""The numbers in a request's path and query, read once, bounded, refused with a sentence."""

from fastapi import Request

from deepsquare.chain.keccak import checksum_address
from deepsquare.gateway.codes import ErrorCode
from deepsquare.model import Address, InvalidJobId, JobId, parse_job_id
from deepsquare.modules import COMMIT, Pins
from deepsquare.web.refusal import Refusal
from deepsquare.workflow.formats import check_module_source

MAX_ATTEMPT = 2**31 - 1
MAX_OFFSET = 2**62
_MAX_DIGITS = 20
_MAX_JOB_ID_CHARACTERS = 80


def job_id_of(request: Request) -> JobId:
    """The job in the path: `7`, or the 32 bytes in hex that contracts use."""
    text = request.path_params["job_id"]
    try:
        return parse_job_id(text[:_MAX_JOB_ID_CHARACTERS])
    except InvalidJobId as problem:
        raise Refusal(ErrorCode.INVALID_REQUEST, str(problem)) from None


def attempt_of(request: Request) -> int:
    """The attempt in the path."""
    return _number("attempt", request.path_params["attempt"], 1, MAX_ATTEMPT)


def wanted_attempt_of(request: Request) -> int | None:
    """The attempt in the query; None where none is asked for."""
    text = request.query_params.get("attempt")
    return None if text is None else _number("attempt", text, 1, MAX_ATTEMPT)


def customer_of(request: Request) -> Address | None:
    """The account in the query for which something is submitted; None where none is named."""
    text = request.query_params.get("customer")
    try:
        return None if text is None else checksum_address(text)
    except ValueError:
        raise Refusal(ErrorCode.INVALID_REQUEST, "customer must be an address: 0x and 40 hexadecimal digits") from None


def pins_of(request: Request) -> Pins:
    """The commits in the query at which the customer found the modules: `module=<source>=<commit>`, each."""
    pins = {}
    for text in request.query_params.getlist("module"):
        source, _, commit = text.rpartition("=")
        if check_module_source(source) is not None or COMMIT.match(commit) is None:
            raise Refusal(
                ErrorCode.INVALID_REQUEST, "module must be a source of a workflow, =, and a commit's 40 digits"
            )
        pins[source] = commit
    return pins


def offset_of(request: Request) -> int:
    """Where the body stands in the log."""
    return _number("offset", request.query_params.get("offset", ""), 0, MAX_OFFSET)


def closes_of(request: Request) -> bool:
    """Whether the log is complete with the body."""
    text = request.query_params.get("closes", "false")
    if text not in {"true", "false"}:
        raise Refusal(ErrorCode.INVALID_REQUEST, "closes must be true or false")
    return text == "true"


def length_of(request: Request) -> int:
    """How many bytes the log has in all."""
    return _number("length", request.query_params.get("length", ""), 0, MAX_OFFSET)


def _number(name: str, text: str, lowest: int, highest: int) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not is_number or not lowest <= int(text) <= highest:
        raise Refusal(ErrorCode.INVALID_REQUEST, f"{name} must be a whole number from {lowest} to {highest}")
    return int(text)
