"""What can go wrong around a gateway, split by who can act.

    GatewayError
     ├── GatewayUnreachable      transient: nobody answered; the same call may succeed later
     │    └── GatewayBusy        transient: it answered "later" (too many requests, its chain or store is away)
     ├── UnexpectedAnswer        something answered that is no gateway of this version
     ├── WrongGrid               the gateway wants signatures for another grid than the client's
     ├── InvalidWorkflow         the workflow has errors; `.problems` holds all of them, each with its place
     ├── RefusedByGateway        the gateway said no, and why (`.status`, `.code`, `.message`, `.hint`)
     │    └── LogGap             bytes before this offset are missing; `.expected_offset` is where to go on
     ├── StoreUnavailable        (inside the service) the database does not answer or cannot write
     │    └── StoreFull          (inside the service) no room for another script until old ones are gone
     ├── WrongStore              (inside the service) the database belongs to another grid or version
     ├── LogGapFound             (inside the service) an append or a close that skips bytes
     └── LogIsClosed             (inside the service) new bytes for a log that was declared complete

`transient` says whether trying the very same thing again makes sense. No message ever holds a script, a
signature or a password.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepsquare.workflow import Problem


class GatewayError(Exception):
    """Anything that went wrong with a gateway."""

    transient = False
    """True where the same call may succeed later without anybody changing anything."""


class GatewayUnreachable(GatewayError):
    """The gateway did not answer, or not in time. Nothing is known about the outcome of the call."""

    transient = True

    def __init__(self, url: str, reason: str) -> None:
        self.what = f"the gateway at {url} does not answer ({reason})"
        """What happened, without what to do: for whoever tries again by itself."""
        super().__init__(f"{self.what}; check its address and that it runs, then try again")
        self.url = url


class GatewayBusy(GatewayUnreachable):
    """The gateway answered that it cannot serve this call now; nothing was done."""

    def __init__(self, url: str, code: str, message: str, retry_after_seconds: float) -> None:
        super().__init__(url, message)
        self.what = f"the gateway at {url} is busy: {message}"
        self.args = (f"{self.what}; try again in {retry_after_seconds:g} s",)
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class UnexpectedAnswer(GatewayError):
    """What answered does not speak as a gateway of this version does."""

    def __init__(self, url: str, what: str) -> None:
        super().__init__(f"{url} answered {what}, which no gateway of this version says; check the gateway's address")
        self.url = url


class WrongGrid(GatewayError):
    """The gateway wants signatures for another grid than the client's."""

    def __init__(self, url: str, said: str, expected: str) -> None:
        super().__init__(f"{url} serves {said}; expected {expected}; nothing was signed; check the gateway's address")
        self.url = url


class InvalidWorkflow(GatewayError):
    """The workflow has errors; all of them are in `problems`, in the order of the text."""

    def __init__(self, message: str, problems: "Sequence[Problem]") -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class RefusedByGateway(GatewayError):
    """The gateway understood the call and said no; the same call will be refused again."""

    def __init__(self, status: int, code: str, message: str, hint: str = "", request_id: str = "") -> None:
        super().__init__(f"the gateway refused: {message}" + (f"; {hint}" if hint else ""))
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.request_id = request_id


class LogGap(RefusedByGateway):
    """The gateway holds this log only up to `expected_offset`: send what follows there."""

    def __init__(self, refusal: RefusedByGateway, expected_offset: int) -> None:
        super().__init__(refusal.status, refusal.code, refusal.message, refusal.hint, refusal.request_id)
        self.expected_offset = expected_offset


class StoreUnavailable(GatewayError):
    """The gateway's database does not answer or cannot write (a full disk, a lost connection)."""

    transient = True


class StoreFull(StoreUnavailable):
    """The store holds as many scripts that no job names as it may."""


class WrongStore(GatewayError):
    """The database holds the data of another grid, or of another version of this service."""


class LogGapFound(GatewayError):
    """An append or a close that skips bytes: the log is known up to `expected_offset`."""

    def __init__(self, expected_offset: int) -> None:
        super().__init__(f"the log is known up to offset {expected_offset}; what follows there must come next")
        self.expected_offset = expected_offset


class LogIsClosed(GatewayError):
    """New bytes for a log that was declared complete."""

    def __init__(self) -> None:
        super().__init__("the log was declared complete; nothing can follow")
