"""Asking a program of this machine what it is, or whether something works."""

import subprocess

from deepsquare.clusters.port import ClusterError

_PATIENCE_SECONDS = 20.0


def answer_of(*command: str, patience_seconds: float = _PATIENCE_SECONDS) -> str | None:
    """What a program prints; None where there is no such program, or where it fails.

    Raises `ClusterError` where it does not end in time: on a machine that is too busy, what was there still is.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience_seconds, check=False)
    except OSError:
        return None
    except subprocess.TimeoutExpired as timeout:
        raise ClusterError(
            f"{command[0]} has not answered in {patience_seconds:g} s, so what jobs can use here is not known; "
            "it is asked again, until then what is registered stands",
            transient=True,
        ) from timeout
    return done.stdout if done.returncode == 0 else None
