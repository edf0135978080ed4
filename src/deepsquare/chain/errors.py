"""What can go wrong between us and a chain, split by who can act.

    ChainError
     ├── ChainUnreachable     transient: the node does not answer; the same call may succeed later
     │    ├── NotIndexed      it answers, and cannot find transactions and receipts yet
     │    └── OutcomeUnknown  a transaction was sent and nobody can say whether it counts: read the chain
     ├── RpcError             the node answered with an error of its own
     ├── WrongChain           the node serves another chain than the grid's
     ├── NoContract           nothing, or something else, is deployed at the grid's address
     ├── ContractRefused      the contract said no, for a reason it names: nothing changed
     ├── InsufficientGasFunds the account cannot pay for the transaction itself
     ├── NonceUsed            another transaction took the nonce that this one was to have
     ├── CannotDeploy         contracts cannot be put on this chain, or not with what was begun there before
     ├── UnknownJob           no job has this number
     ├── InvalidValue         a value that the contract has no room for
     ├── InvalidSignature     bytes that are no signature
     ├── InvalidKey           a private key, keystore or password that cannot be used
     └── InvalidGridFile      a grid file that cannot be read

`transient` says whether trying the very same thing again makes sense. No message ever holds a key or a
password.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepsquare.model import Address, JobId


class ChainError(Exception):
    """Anything that went wrong with the chain."""

    transient = False
    """True where the same call may succeed later without anybody changing anything."""


class ChainUnreachable(ChainError):
    """The node did not answer, or not in time."""

    transient = True


class NotIndexed(ChainUnreachable):
    """The node answers, and cannot find transactions and receipts yet."""


class OutcomeUnknown(ChainUnreachable):
    """A transaction may have reached the chain before the node went away.

    Whoever repeats it must first read from the chain whether its effect is already there.
    """

    def __init__(self, message: str, transaction_hash: str) -> None:
        super().__init__(message)
        self.transaction_hash = transaction_hash


class RpcError(ChainError):
    """The node answered with a JSON-RPC error."""

    def __init__(self, method: str, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{method} failed: the node says {message!r} (code {code})")
        self.method = method
        self.code = code
        self.node_message = message
        self.data = data


class WrongChain(ChainError):
    """The node serves another chain."""

    def __init__(self, actual: int, expected: int) -> None:
        super().__init__(
            f"the node serves chain {actual}, the grid lives on chain {expected}; "
            "correct the rpc address or the chain id in the grid file"
        )
        self.actual = actual
        self.expected = expected


class NoContract(ChainError):
    """The grid's contract is not where it should be."""

    def __init__(self, address: Address) -> None:
        super().__init__(
            f"no MetaScheduler contract is deployed at {address}; "
            "correct meta_scheduler in the grid file, or wait until the node has caught up with its chain"
        )
        self.address = address


class ContractRefused(ChainError):
    """The contract refused a call and changed nothing.

    `name` is the contract's custom error (`InsufficientFunds`), or `Error`, `Panic` or `Unknown`;
    `arguments` are its decoded arguments by name. The message says what happened, and what to do next.
    """

    def __init__(self, name: str, arguments: Mapping[str, Any], what: str, next_step: str) -> None:
        super().__init__(f"{what}; {next_step}")
        self.name = name
        self.arguments = dict(arguments)


class InsufficientGasFunds(ChainError):
    """The account holds too little of the chain's own coin to pay for a transaction."""

    def __init__(self, account: Address) -> None:
        super().__init__(
            f"the account {account} cannot pay for the transaction's gas; "
            "send it some of the chain's own coin (credits do not pay for gas)"
        )
        self.account = account


class NonceUsed(ChainError):
    """Another transaction of the account has the nonce that this one was bound to: this one will never count."""

    def __init__(self, account: Address, nonce: int) -> None:
        super().__init__(
            f"another transaction of {account} has nonce {nonce}; "
            "read from the chain whether it was yours before you send this one anew"
        )
        self.account = account
        self.nonce = nonce


class CannotDeploy(ChainError):
    """A grid cannot be deployed: the chain is too old, or what is found there is not what was begun."""


class UnknownJob(ChainError):
    """No job has this number."""

    def __init__(self, job_id: JobId) -> None:
        super().__init__(f"there is no job {job_id} on this grid; check the number and the grid file")
        self.job_id = job_id


class InvalidValue(ChainError):
    """A value does not fit into what the contract keeps (a negative amount, a name of 40 bytes)."""


class InvalidSignature(ChainError):
    """Bytes that are no signature of anybody."""


class InvalidKey(ChainError):
    """A private key, a keystore or its password cannot be used. The message never repeats any of them."""


class InvalidGridFile(ChainError):
    """A grid file cannot be used; the message says where in the file, and what is expected there."""

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        place = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{place}: {problem}")
        self.path = path
        self.line = line
