"""The exit codes of `dps`: an interface that scripts rely on. A number keeps its meaning for ever.

Below 10: the shell's conventions. 10-19: what you gave cannot be right. 20-29: something does not
answer. 30-39: somebody said no. 40-49: the same may work later. 50-59: how a watched job ended.
60-69: a grid on this machine, a service. 128+n: a signal. `docs/cli.md` has the same table, and a test compares.
"""

import enum

from deepsquare.model import JobStatus


class ExitCode(enum.IntEnum):
    """What a command's end means."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> "ExitCode":
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "done; with `--watch`: the job is FINISHED"
    BUG = 1, "something nobody expected: run again with `--debug` and report it"
    USAGE = 2, "an option or argument that the command does not know or cannot read"

    INVALID_WORKFLOW = 10, "the workflow has errors; each is printed as `file:line:column`"
    BAD_CONFIGURATION = 11, "a setting, a file or a value of an option is wrong"
    NO_KEY = 12, "no wallet, a wrong password, or a wallet file that others may read"
    WRONG_CHAIN = 13, "the node or the gateway serves another grid, or the contract is not there"
    NOT_FOUND = 14, "no such job, provider or log"

    CHAIN_UNREACHABLE = 20, "the chain's node does not answer"
    GATEWAY_UNREACHABLE = 21, "the gateway does not answer"

    NO_CREDITS = 30, "the account has fewer credits than asked for"
    NO_ALLOWANCE = 31, "the grid may not take that many credits and `--no-allow` forbids raising the allowance"
    NO_PROVIDER = 32, "no provider can ever run this job as it is"
    REFUSED_BY_CHAIN = 33, "the contract said no"
    REFUSED_BY_GATEWAY = 34, "the gateway said no"
    SCRIPT_DIFFERS = 35, "the gateway's script is not the one that this workflow compiles to"
    NO_GAS = 36, "the account cannot pay the chain for the transaction"
    REGISTRATION_CHANGED = 37, "the provider's registration is not the one that was shown"

    TRY_AGAIN = 40, "busy or not in time: the same command may work later"

    JOB_FAILED = 50, "the watched job is FAILED"
    JOB_CANCELLED = 51, "the watched job is CANCELLED"
    JOB_OUT_OF_CREDITS = 52, "the watched job is OUT_OF_CREDITS"
    JOB_PANICKED = 53, "the watched job is PANICKED: the provider lost it, nothing was paid"

    GRID_FAILED = 60, "the grid on this machine did not start"
    GRID_BUSY = 61, "another `dps` runs a grid in this folder"

    SERVICE_FAILED = 62, "a service could not start, or could not go on"

    INTERRUPTED = 130, "Ctrl-C"

    @classmethod
    def of_job(cls, status: JobStatus) -> "ExitCode":
        """How a job that ended in this state ends the command that watched it."""
        return _OUTCOMES[status]


_OUTCOMES = {
    JobStatus.FINISHED: ExitCode.OK,
    JobStatus.FAILED: ExitCode.JOB_FAILED,
    JobStatus.CANCELLED: ExitCode.JOB_CANCELLED,
    JobStatus.OUT_OF_CREDITS: ExitCode.JOB_OUT_OF_CREDITS,
    JobStatus.PANICKED: ExitCode.JOB_PANICKED,
}
