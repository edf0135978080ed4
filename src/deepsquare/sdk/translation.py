"""From the errors of the floors below to the one tree that users of the SDK see.

Lower floors write a message as `what happened; what to do`; the two halves become `message` and `next_step`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from deepsquare.chain import errors as chain
from deepsquare.gateway import errors as gateway
from deepsquare.model import JobStatus
from deepsquare.sdk import errors

_CHECK_NODE = "check that it runs (on this machine: dps up) and that `rpc` names it (dps config show)"

_ENOUGH = "it uses nothing while it waits: top it up once a provider has claimed it (see: dps job watch)"
_OVER = "its bill is final: submit it again, and lock more with --credits"
"""What to do about a job that cannot be topped up now, or any more."""

_CHAIN: tuple[tuple[type[chain.ChainError], type[errors.DeepSquareError]], ...] = (
    (chain.WrongChain, errors.WrongGrid),
    (chain.NoContract, errors.WrongGrid),
    (chain.CannotDeploy, errors.WrongGrid),
    (chain.UnknownJob, errors.NotFound),
    (chain.InsufficientGasFunds, errors.NoGas),
    (chain.InvalidKey, errors.KeyProblem),
    (chain.InvalidGridFile, errors.InvalidValue),
)

_GATEWAY: tuple[tuple[type[gateway.GatewayError], type[errors.DeepSquareError]], ...] = (
    (gateway.GatewayBusy, errors.Busy),
    (gateway.WrongGrid, errors.WrongGrid),
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise what happens inside as an error of `deepsquare.sdk.errors`."""
    try:
        yield
    except chain.ChainError as error:
        raise _of_chain(error) from error
    except gateway.GatewayError as error:
        raise _of_gateway(error) from error


def _halves(error: Exception) -> tuple[str, str]:
    happened, separator, remedy = str(error).rpartition("; ")
    return (happened, remedy) if separator else (remedy, "")


def _of_chain(error: chain.ChainError) -> errors.DeepSquareError:
    message, next_step = _halves(error)
    if isinstance(error, chain.ContractRefused):
        return _of_contract(error, message, next_step)
    if isinstance(error, chain.ChainUnreachable):
        return errors.ChainUnreachable(message, next_step=_CHECK_NODE)
    for kind, ours in _CHAIN:
        if isinstance(error, kind):
            return ours(message, next_step=next_step)
    return errors.RefusedByChain(message, type(error).__name__, next_step=next_step)


def _of_contract(error: chain.ContractRefused, message: str, next_step: str) -> errors.DeepSquareError:
    if error.name in {"ERC20InsufficientBalance", "InsufficientFunds"}:
        return errors.NoCredits(message, next_step=next_step)
    if error.name in {"InvalidJob", "NoProvider", "WaitingApprovalOnly"}:
        return errors.NotFound(message, next_step=next_step)
    if error.name == "RunningScheduledStatusOnly":
        next_step = _ENOUGH if error.arguments["current"] <= JobStatus.RUNNING else _OVER
    if error.name == "ERC20InsufficientAllowance":
        return errors.NoAllowance(message, next_step=next_step)
    return errors.RefusedByChain(message, error.name, next_step=next_step)


def _of_gateway(error: gateway.GatewayError) -> errors.DeepSquareError:
    message, next_step = _halves(error)
    if isinstance(error, gateway.InvalidWorkflow):
        return errors.InvalidWorkflow("the workflow", error.problems)
    if isinstance(error, gateway.RefusedByGateway):
        if error.status == 404:  # noqa: PLR2004 - HTTP's own number for it
            return errors.NotFound(error.message, next_step=error.hint)
        return errors.RefusedByGateway(error.message, error.status, error.code, next_step=error.hint)
    for kind, ours in _GATEWAY:
        if isinstance(error, kind):
            return ours(message, next_step=next_step)
    return errors.GatewayUnreachable(message, next_step=next_step)
