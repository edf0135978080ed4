"""Runs job scripts in a real bash, with a stand-in for srun that records what it was given.

The stand-in starts as many tasks as it is asked for, each in a process group of its own, passes signals on to these
groups and returns the highest exit code, as Slurm's does. It writes each call to a file of its own: arguments,
working directory, environment.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepsquare import compiler, workflow

_STAND_IN = """\
#!{python} -IS
import os, sys
import _signal as signal

arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
options = {{}}
while arguments and arguments[0].startswith(b"--"):
    name, _, value = arguments.pop(0).partition(b"=")
    options[name] = value
record = {{
    "options": options, "program": arguments, "directory": os.getcwdb(), "environment": dict(os.environb.items())
}}
folder = {calls!r}
with open(os.path.join(folder, f"{{len(os.listdir(folder)):05d}}-{{os.getpid()}}"), "w") as file:
    file.write(repr(record))
if {record_only!r}:
    sys.exit(0)
# Blocked signals wait until they are asked for: none comes just before a system call that then sleeps over it.
passed_on = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]
heard = [*passed_on, signal.SIGCHLD]
signal.pthread_sigmask(signal.SIG_BLOCK, heard)
tasks = []
for rank in range(int(options.get(b"--ntasks", b"1"))):
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.environ["SLURM_PROCID"] = str(rank)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python
            signal.signal(ignored, signal.SIG_DFL)
        os.execvp(arguments[0], arguments)
    try:
        os.setpgid(pid, pid)
    except PermissionError:
        pass  # it is another program already, and has done so itself
    tasks.append(pid)
codes = []
while tasks:
    came = signal.sigwait(heard)
    if came in passed_on:
        for pid in tasks:
            os.killpg(pid, came)
    for pid in list(tasks):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            tasks.remove(pid)
            codes.append(os.waitstatus_to_exitcode(status))
sys.exit(max(128 - code if code < 0 else code for code in codes))
"""
# It starts with every step of every script, so it imports what C has: `json` and `signal` took half of its time.


BASH = os.environ.get("DEEPSQUARE_TEST_BASH", "/bin/bash")
"""The bash that runs scripts: sites have older and newer ones."""

_WITH_DEFAULT_SIGNALS = ("env", "--default-signal=INT,TERM,HUP,PIPE")
"""What a shell inherits as ignored it can never hear; how pytest itself was started must not matter."""


@dataclass(frozen=True)
class Call:
    """One call of srun."""

    options: dict[str, str]
    program: list[str]
    directory: str
    environment: dict[str, str]


def shell_words(text: str) -> list[str]:
    """The program that is a command: what begins like an option stands behind `--`."""
    return ["/bin/sh", "-c", *(["--"] if text[:1] in ("-", "+") else []), text]


@dataclass(frozen=True)
class Outcome:
    """What a script left behind when it was over."""

    exit_code: int
    stdout: str
    stderr: str
    calls: list[Call]


_BARE = """\
#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
"""
"""An srun that becomes its one task: fast, and records nothing."""


class ScriptSite:
    """A site of one machine: its volumes and its srun.

    `record_only`: no command is run, only recorded. `is_bare`: every command runs as one task, unrecorded, quickly.
    `launcher`: the words of a program that starts the job somewhere.
    """

    def __init__(
        self, folder: Path, *, record_only: bool = False, is_bare: bool = False, launcher: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.shared = folder / "shared"
        self._calls = folder / "calls"
        self._calls.mkdir(parents=True)
        self._srun = folder / "srun"
        stand_in = _STAND_IN.format(python=sys.executable, calls=str(self._calls), record_only=record_only)
        self._srun.write_text(_BARE if is_bare else stand_in)
        self._srun.chmod(0o755)
        self._script = folder / "job.sh"
        self._launcher = tuple(launcher)

    @property
    def environment(self) -> dict[str, str]:
        """What a job of this site starts with."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "DEEPSQUARE_SITE_SHARED_ROOT": str(self.shared),
            "DEEPSQUARE_SITE_SRUN": str(self._srun),
        }

    def start(
        self, script: str, environment: Mapping[str, str] | None = None, *, stdout: int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        """A job on its way; the caller waits for it."""
        self._script.write_text(script, encoding="utf-8", newline="")
        return subprocess.Popen(
            [*self._launcher, *_WITH_DEFAULT_SIGNALS, BASH, str(self._script)],
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )

    def finish(self, process: subprocess.Popen[bytes]) -> Outcome:
        """Wait for a job and see what it left."""
        stdout, stderr = process.communicate(timeout=60)
        return Outcome(process.returncode, _text(stdout), _text(stderr), self.take_calls())

    def run(self, script: str, environment: Mapping[str, str] | None = None) -> Outcome:
        """A job from its start to its end."""
        return self.finish(self.start(script, environment))

    def take_calls(self) -> list[Call]:
        """What srun was called with since the last time."""
        files = sorted(self._calls.iterdir())
        calls = [_call(**ast.literal_eval(file.read_text())) for file in files]
        for file in files:
            file.unlink()
        return calls

    def scratch_folders(self) -> list[Path]:
        """Folders of jobs that are still there."""
        return sorted(self.shared.glob("job-*"))


def _call(
    options: Mapping[bytes, bytes], program: list[bytes], directory: bytes, environment: Mapping[bytes, bytes]
) -> Call:
    return Call(_texts(options), [_text(argument) for argument in program], _text(directory), _texts(environment))


def _texts(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in raw.items()}


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "surrogateescape")


def script_of(text: str) -> str:
    """The script of a workflow's text; an `InvalidWorkflow` tells why there is none."""
    return compiler.compile(workflow.load(text).require(), salt="0" * 32).text


def script_of_steps(*steps: workflow.Step, env: Mapping[str, str] | None = None, tasks: int = 4) -> str:
    """The script of a logged job of so many tasks with these steps."""
    job = workflow.Workflow(
        resources=workflow.JobResources(tasks=tasks, cpus_per_task=2, memory_per_cpu_mb=100, gpus=0),
        steps=steps,
        env=variables(env or {}),
        enable_logging=True,
    )
    return compiler.compile(job, salt="0" * 32).text


def variables(env: Mapping[str, str]) -> tuple[workflow.EnvVar, ...]:
    return tuple(workflow.EnvVar(key=key, value=value) for key, value in env.items())


def command(text: str, *, name: str | None = None, env: Mapping[str, str] | None = None) -> workflow.Step:
    """A step that runs `text` in /bin/sh."""
    return workflow.Step(name=name, run=workflow.Run(command=text, env=variables(env or {})))
