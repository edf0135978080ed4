"""The errors of the SDK: one tree, split by who can act.

    DeepSquareError
    ├── BadInput                 you: what was given can never work
    │   ├── InvalidWorkflow        the workflow has errors (`.problems`, each with its line)
    │   ├── InvalidValue           an argument or a setting is wrong
    │   ├── KeyProblem             no key, a wrong password, a wallet that others may read
    │   ├── WrongGrid              the node or the gateway serves another grid, or the contract is not there
    │   └── NotFound               no such job, provider or log
    ├── Unreachable              the network: nobody answered, nothing is known about the outcome
    │   ├── ChainUnreachable       the chain's node
    │   └── GatewayUnreachable     the gateway
    ├── Refused                  somebody else: they answered, and said no
    │   ├── NoCredits              the account has too few credits
    │   ├── NoAllowance            the grid may not take that many credits
    │   ├── NoProvider             no provider can ever run the job (`.reasons`, one per provider)
    │   ├── NoGas                  the account cannot pay for the transaction
    │   ├── RefusedByChain         the contract reverted (`.name` is its error)
    │   ├── RefusedByGateway       the gateway answered with an error (`.status`, `.code`)
    │   └── ScriptDiffers          the gateway's script is not what the workflow compiles to
    └── TryAgain                 time: the same call may work later
        ├── Busy                   too many requests, or a server that is starting
        └── NotInTime              a `wait` whose time ran out; the job itself goes on

Every error says what happened and what was expected (`message`), and what to do (`next_step`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepsquare.model import Address
    from deepsquare.workflow import Problem


class DeepSquareError(Exception):
    """Whatever this SDK raises on purpose."""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}; {self.next_step}" if self.next_step else self.message


class BadInput(DeepSquareError):
    """What was given can never work; change it."""


class InvalidWorkflow(BadInput):
    """The workflow has errors; all of them are in `problems`, in the order of the file."""

    def __init__(self, source: str, problems: "Sequence[Problem]") -> None:
        super().__init__(f"{source} has errors", next_step="correct them and try again")
        self.source = source
        self.problems = tuple(problems)


class InvalidValue(BadInput):
    """An argument or a setting is wrong; the message names it."""


class KeyProblem(BadInput):
    """There is no key to sign with, or it cannot be opened."""


class WrongGrid(BadInput):
    """The node serves another chain, the gateway another grid, or no contract lies at the grid's address."""


class NotFound(BadInput):
    """No such job, provider or log."""


class Unreachable(DeepSquareError):
    """Nobody answered. Whether the request had an effect is not known."""


class ChainUnreachable(Unreachable):
    """The chain's node does not answer."""


class GatewayUnreachable(Unreachable):
    """The gateway does not answer."""


class Refused(DeepSquareError):
    """Somebody answered, and said no."""


class NoCredits(Refused):
    """The account has fewer credits than the call needs."""


class NoAllowance(Refused):
    """The grid may not take as many credits from the account as the call needs."""


class NoProvider(Refused):
    """No provider can ever run the job as it is; `reasons` says why, provider by provider."""

    def __init__(self, message: str, reasons: "Mapping[Address, str]", *, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.reasons = dict(reasons)


class NoGas(Refused):
    """The account cannot pay the chain for the transaction."""


class RefusedByChain(Refused):
    """The contract said no; `name` is the name of its error."""

    def __init__(self, message: str, name: str, *, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.name = name


class RefusedByGateway(Refused):
    """The gateway said no; `status` is the HTTP status, `code` the gateway's own word."""

    def __init__(self, message: str, status: int, code: str, *, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.status = status
        self.code = code


class ScriptDiffers(Refused):
    """The gateway answered with a hash that the workflow does not compile to: it was not submitted."""


class TryAgain(DeepSquareError):
    """The same call may work later."""


class Busy(TryAgain):
    """Too many requests at once, or a server that is not ready yet."""


class NotInTime(TryAgain):
    """The time given to `wait` ran out; the job itself goes on."""
