"""Slurm's commands: started by argument list, bounded in time and number, their failures told apart.

`run` gives the text that a command printed. What Slurm refuses and what it cannot answer now are different things:
`CommandFailed.transient` says which. A shell is never involved and the environment is built from nothing, so the
supervisor's secrets and stray SLURM_ variables stay out.

Programs are started by `subprocess`, which borrows our memory until the program has begun (vfork). The event loop's
own way copies the tables of all of it: ten milliseconds of CPU, more than `squeue` itself takes. The event loop reads
what they print: a thread for each would cost twice as much.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from deepsquare.clusters.port import ClusterError
from deepsquare.clusters.slurm.pipes import read_all
from deepsquare.clusters.slurm.settings import SlurmSettings

_UNREACHABLE = (
    "unable to contact slurm controller",
    "unable to establish controller",
    "could not establish a configuration source",
    "failed to fetch config",
    "connection refused",
    "connection timed out",
    "connection reset",
    "socket timed out",
    "zero bytes were transmitted",
    "slurm backup controller in standby",
    "slurm temporarily unable to accept",
    "transport endpoint",
    "unexpected message received",
    "protocol authentication error",
    "authentication credential",
    "munge",
    "resource temporarily unavailable",
    "unable to connect to database",
    "problem talking to the database",
)
"""Parts of the messages that mean "not now"; everything else that fails is a "no"."""


class CommandFailed(ClusterError):
    """A Slurm command ended with an error; `reason` is what it printed."""

    def __init__(self, program: str, reason: str, *, transient: bool) -> None:
        advice = "it may work later: look at slurmctld and munge" if transient else "see the message"
        super().__init__(f"{program} failed: {reason or 'without a word'} ({advice})", transient=transient)
        self.reason = reason


class Commands:
    """Runs Slurm's programs as the settings say."""

    def __init__(self, settings: SlurmSettings) -> None:
        self._settings = settings
        self._room = asyncio.Semaphore(settings.parallel_commands)

    def _environment(self, given: Mapping[str, str] | None) -> dict[str, str]:
        """Where Slurm is, and what was given; without that, what makes texts easy to read: times in seconds since 1970.

        Whatever `sbatch` starts with becomes the job's, so nothing is added to what was given.
        """
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        conf = self._settings.conf or os.environ.get("SLURM_CONF")
        if conf:
            environment["SLURM_CONF"] = str(conf)
        return {**environment, **({"LC_ALL": "C", "SLURM_TIME_FORMAT": "%s"} if given is None else given)}

    async def run(self, program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """The output of one command. Raises `CommandFailed`. `environment` is what `sbatch` hands on to the job."""
        path = program if self._settings.bin_folder is None else str(self._settings.bin_folder / program)
        async with self._room:
            try:
                process = subprocess.Popen(  # noqa: ASYNC220 - it returns within a millisecond
                    [path, *arguments],
                    bufsize=0,
                    env=self._environment(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    process_group=0,
                )
            except FileNotFoundError as error:
                raise CommandFailed(program, "no such program; install Slurm's commands", transient=False) from error
            return await self._result(program, process)

    async def _result(self, program: str, process: subprocess.Popen[bytes]) -> str:
        timeout_seconds = self._settings.command_timeout_seconds
        assert process.stdout is not None  # noqa: S101 - both are pipes
        assert process.stderr is not None  # noqa: S101
        try:
            async with asyncio.timeout(timeout_seconds):
                output, errors = await read_all(process.stdout, process.stderr)
                if process.poll() is None:  # it has closed its pipes and will be over in a moment
                    await asyncio.to_thread(process.wait)
        except TimeoutError:
            raise CommandFailed(program, f"no answer within {timeout_seconds:g} s", transient=True) from None
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):  # with all that it started, so that nobody holds its pipes
                    os.killpg(process.pid, signal.SIGKILL)
                await asyncio.to_thread(process.wait)
        if process.returncode:
            reason = _one_line(errors.decode(errors="replace"))
            transient = any(part in reason.lower() for part in _UNREACHABLE)
            raise CommandFailed(program, reason, transient=transient)
        return output.decode(errors="replace")


def _one_line(text: str) -> str:
    return " ".join(text.split())
