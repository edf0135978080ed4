"""Git as a program that is given little: no hooks, no prompts, no other protocol, bounded time, files and memory.

It gets the variables that it needs and no others, so that no key of ours reaches a helper of its own. What it says
is read for what kind of failure it was, and never repeated: addresses may hold secrets.
"""

import math
import os
import signal
import subprocess
import time
from pathlib import Path

from deepsquare.workflow import ModuleUnavailable

_MEGABYTE = 1024 * 1024

_MEMORY_MEGABYTES = 1024
"""Of one process of git: a few bytes as they travel can stand for gigabytes, which git would hold as a whole."""

_PASSED_ON = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_CONFIG_GLOBAL", "TMPDIR"),
    }
)

_ALWAYS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.fsync=none",
    "core.alternateRefsCommand=false",
    "credential.interactive=false",
    "fetch.unpackLimit=1",
    "fetch.recurseSubmodules=false",
    "fetch.fsckObjects=true",
    "gc.auto=0",
    "http.followRedirects=false",
    "maintenance.auto=false",
    "safe.directory=*",
    "submodule.recurse=false",
)

_TOO_LARGE = ("index-pack", "file too large", "out of memory")

_MEANINGS = (
    (("could not resolve host", "failed to connect", "timed out", "connection"), "its host cannot be reached", ""),
    (
        ("could not read username", "authentication failed", "not found", "403", "401", "does not exist"),
        "there is no such repository, or it is private",
        "check its name; for a private one set up a credential helper of git",
    ),
    (("redirect",), "its host has moved it", "write where it is now"),
)


class GitFailed(ModuleUnavailable):
    """Git said no."""


class Git:
    """The program, and its limits: `seconds` for each call, `all_seconds` for all of them together."""

    def __init__(self, program: str, *, seconds: float, megabytes: int, all_seconds: float = math.inf) -> None:
        self._program = program
        self._seconds = seconds
        self._all_seconds = all_seconds
        self._left_seconds = all_seconds
        self._megabytes = megabytes

    def run(self, *arguments: str, folder: Path | None = None, protocol: str = "") -> bytes:
        """What git prints; `protocol` is the one that it may use. Raises `GitFailed` and `ModuleUnavailable`."""
        if self._left_seconds <= 0:
            message = f"git took longer than {self._all_seconds:g} s for the modules of one workflow"
            raise ModuleUnavailable(message, "try again later, or use fewer of them")
        started = time.monotonic()
        try:
            return self._run(*arguments, folder=folder, protocol=protocol)
        finally:
            self._left_seconds -= time.monotonic() - started

    def _run(self, *arguments: str, folder: Path | None, protocol: str) -> bytes:
        options = [word for setting in _ALWAYS for word in ("-c", setting)]
        if folder is not None:
            options.append(f"--git-dir={folder}")
        limits = (f"--fsize={self._megabytes * _MEGABYTE}", f"--data={_MEMORY_MEGABYTES * _MEGABYTE}")
        command = ["prlimit", *limits, "--", self._program, *options, *arguments]
        try:
            process = subprocess.Popen(
                command,
                env=_environment(protocol),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise ModuleUnavailable(f"git cannot be run here: {error.strerror}", "install git and util-linux") from None
        try:
            output, complaint = process.communicate(timeout=self._seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise ModuleUnavailable(f"git took longer than {self._seconds:g} s", "try again later") from None
        if process.returncode:
            raise self._failure(process.returncode, complaint.decode("utf-8", "replace").lower())
        return output

    def _failure(self, code: int, complaint: str) -> GitFailed:
        if code == -signal.SIGXFSZ or any(words in complaint for words in _TOO_LARGE):
            message = f"the repository is larger than {self._megabytes} MB, or damaged"
            return GitFailed(message, "put the module into a smaller one")
        for words, message, hint in _MEANINGS:
            if any(word in complaint for word in words):
                return GitFailed(message, hint)
        return GitFailed("git could not read the repository", "check that it can be cloned")


def _environment(protocol: str) -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    ours = {"GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    return given | ours | {"GIT_ALLOW_PROTOCOL": protocol or "none"}
