"""Who may do what at the gateway, decided in one place, each denial with its reason.

The rules are pure: a job as the chain shows it now, an account that has proved who it is, and the answer.
`DOORS` names the rule of every route; a route that is not listed is closed to everybody. All facts that a
denial tells stand on the public chain anyway.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from deepsquare.model import Address, Job, JobStatus


class Purpose(enum.StrEnum):
    """What a challenge is good for; the word is part of what the account signs."""

    FETCH_SCRIPT = "fetch-script"
    READ_LOG = "read-log"


class Door(enum.Enum):
    """The rule of a route."""

    PUBLIC = "anybody, within the rate and body limits"
    FETCH_SCRIPT = "the provider that the chain names for the job, until the job is over"
    READ_LOG = "the customer of the job"
    APPEND_LOG = "the provider that the chain names for the job's current attempt"
    CLOSE_LOG = "the provider that the chain names for the job's current attempt, too"

    @property
    def purpose(self) -> Purpose | None:
        """What the challenge of this door must be for; None where no challenge is asked for."""
        return {Door.FETCH_SCRIPT: Purpose.FETCH_SCRIPT, Door.READ_LOG: Purpose.READ_LOG}.get(self)


DOORS: Mapping[tuple[str, str], Door] = MappingProxyType(
    {
        ("GET", "/healthz"): Door.PUBLIC,
        ("GET", "/openapi.json"): Door.PUBLIC,
        ("GET", "/v1/about"): Door.PUBLIC,
        ("POST", "/graphql"): Door.PUBLIC,
        ("POST", "/v1/workflows"): Door.PUBLIC,
        ("POST", "/v1/workflows/validate"): Door.PUBLIC,
        ("POST", "/v1/jobs/{job_id}/challenges"): Door.PUBLIC,
        ("GET", "/v1/jobs/{job_id}/script"): Door.FETCH_SCRIPT,
        ("GET", "/v1/jobs/{job_id}/logging"): Door.READ_LOG,
        ("GET", "/v1/jobs/{job_id}/log"): Door.READ_LOG,
        ("GET", "/v1/jobs/{job_id}/log/follow"): Door.READ_LOG,
        ("POST", "/v1/jobs/{job_id}/log/{attempt}"): Door.APPEND_LOG,
        ("POST", "/v1/jobs/{job_id}/log/{attempt}/close"): Door.CLOSE_LOG,
    }
)
"""Every route and its rule. The public ones give nothing away: they take work in, or tell what anybody may know."""


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an account may not do something, in words for its owner."""

    reason: str


def denial(door: Door, job: Job, account: Address, attempt: int | None = None) -> Denial | None:
    """None if `account` may pass `door` for `job`, else the reason why not."""
    if door is Door.PUBLIC:
        return None
    return _RULES[door](job, account, attempt)


def _fetch_script(job: Job, account: Address, _attempt: int | None) -> Denial | None:
    if job.status not in (JobStatus.META_SCHEDULED, JobStatus.SCHEDULED, JobStatus.RUNNING):
        return Denial(f"job {job.id} is {job.status.name}: its script is for a provider that holds the job")
    return _is_provider(job, account)


def _read_log(job: Job, account: Address, _attempt: int | None) -> Denial | None:
    if job.customer != account:
        return Denial(f"the log of job {job.id} belongs to {job.customer}, not to {account}")
    return None


def _write_log(job: Job, account: Address, attempt: int | None) -> Denial | None:
    if job.status is JobStatus.PENDING:
        return Denial(f"job {job.id} is PENDING: nobody runs it, nobody writes its log")
    if (denied := _is_provider(job, account)) is not None:
        return denied
    if attempt != job.terms.attempt:
        return Denial(f"job {job.id} is at attempt {job.terms.attempt}; attempt {attempt} is not written any more")
    return None


def _is_provider(job: Job, account: Address) -> Denial | None:
    if job.provider is None:
        return Denial(f"job {job.id} is with no provider")
    if job.provider != account:
        return Denial(f"job {job.id} is with {job.provider}, not with {account}")
    return None


_RULES: Mapping[Door, Callable[[Job, Address, int | None], Denial | None]] = MappingProxyType(
    {
        Door.FETCH_SCRIPT: _fetch_script,
        Door.READ_LOG: _read_log,
        Door.APPEND_LOG: _write_log,
        Door.CLOSE_LOG: _write_log,
    }
)
