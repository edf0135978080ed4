"""Asking a program of this machine what it is, or whether something works."""

import subprocess

_PATIENCE_SECONDS = 20.0


def answer_of(*command: str) -> str | None:
    """What a program prints; None where there is no such program, where it fails, or does not end."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
