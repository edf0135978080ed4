"""From an error to what a person needs: one sentence, the next step, an exit code.

Errors arrive as the SDK's tree; this module adds only the exit code. What is not in the tree is a bug
and says so. A traceback appears with `--debug` and never else.
"""

from dataclasses import dataclass

import click

from deepsquare.cli.exits import ExitCode
from deepsquare.sdk import errors


class GridFailed(errors.DeepSquareError):
    """The grid on this machine could not be started, or a part of it keeps dying."""


class GridBusy(errors.TryAgain):
    """Another `dps` runs a grid in this folder."""


class RegistrationChanged(errors.DeepSquareError):
    """A provider's registration is not the one that the admin was shown."""


class ServiceFailed(errors.DeepSquareError):
    """A service could not start, or cannot go on."""


_EXIT_CODES: tuple[tuple[type[errors.DeepSquareError], ExitCode], ...] = (
    (errors.InvalidWorkflow, ExitCode.INVALID_WORKFLOW),
    (errors.KeyProblem, ExitCode.NO_KEY),
    (errors.WrongGrid, ExitCode.WRONG_CHAIN),
    (errors.NotFound, ExitCode.NOT_FOUND),
    (errors.BadInput, ExitCode.BAD_CONFIGURATION),
    (errors.ChainUnreachable, ExitCode.CHAIN_UNREACHABLE),
    (errors.GatewayUnreachable, ExitCode.GATEWAY_UNREACHABLE),
    (errors.NoCredits, ExitCode.NO_CREDITS),
    (errors.NoAllowance, ExitCode.NO_ALLOWANCE),
    (errors.NoProvider, ExitCode.NO_PROVIDER),
    (errors.NoGas, ExitCode.NO_GAS),
    (errors.RefusedByChain, ExitCode.REFUSED_BY_CHAIN),
    (errors.RefusedByGateway, ExitCode.REFUSED_BY_GATEWAY),
    (errors.ScriptDiffers, ExitCode.SCRIPT_DIFFERS),
    (RegistrationChanged, ExitCode.REGISTRATION_CHANGED),
    (GridBusy, ExitCode.GRID_BUSY),
    (GridFailed, ExitCode.GRID_FAILED),
    (ServiceFailed, ExitCode.SERVICE_FAILED),
    (errors.TryAgain, ExitCode.TRY_AGAIN),
)
"""The first match counts: the special before the general."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a command says when it could not do what it was asked to."""

    message: str
    next_step: str
    exit_code: ExitCode
    details: tuple[str, ...] = ()
    """Lines that stand before the sentence: one for each error of a workflow."""

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """The failure behind any exception."""
        if isinstance(error, errors.DeepSquareError):
            code = next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), ExitCode.BUG)
            return cls(error.message, error.next_step, code, _details(error))
        if isinstance(error, OSError) and error.filename is not None:
            where = f"{error.filename}: {error.strerror}"
            return cls(where, "check the path and its permissions", ExitCode.BAD_CONFIGURATION)
        message = f"{type(error).__name__}: {error}"
        return cls(message, "this is a bug: run it again with --debug and report what it prints", ExitCode.BUG)

    def show(self, *, as_json: bool) -> None:
        """Say it on stderr; with `--json` in the one error shape that the gateway uses too."""
        if as_json:
            import json  # noqa: PLC0415 - only a failing command pays for it

            body = {
                "code": self.exit_code.name.lower(),
                "message": self.message,
                "next_step": self.next_step,
                "details": list(self.details),
            }
            click.echo(json.dumps({"error": body}), err=True)
            return
        for line in self.details:
            click.echo(line, err=True)
        click.echo(f"dps: {self.message}", err=True)
        if self.next_step:
            click.echo(f"  next: {self.next_step}", err=True)


def _details(error: errors.DeepSquareError) -> tuple[str, ...]:
    if isinstance(error, errors.InvalidWorkflow):
        return tuple(problem.describe(error.source) for problem in error.problems)
    if isinstance(error, errors.NoProvider):
        return tuple(f"{provider}: {reason}" for provider, reason in error.reasons.items())
    return ()
