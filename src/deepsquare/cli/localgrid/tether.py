"""Tie a process to its parent: `python -m deepsquare.cli.localgrid.tether PARENT COMMAND...` becomes COMMAND.

The kernel then sends TERM to it when the parent dies, however that happens (PR_SET_PDEATHSIG). A small
program of its own instead of a hook between fork and exec, where Python code is not safe.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_ARGUMENTS = 3


def main(arguments: list[str]) -> None:
    """Become the command in `arguments`, tied to the parent whose process id stands before it."""
    if len(arguments) < _ARGUMENTS:
        raise SystemExit("usage: tether PARENT COMMAND...")
    parent, command = int(arguments[1]), arguments[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        # The parent died before it could be watched: the signal will never come.
        raise SystemExit("the parent is gone")
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the purpose


if __name__ == "__main__":
    main(sys.argv)
