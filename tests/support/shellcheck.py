"""What shellcheck says about a script."""

import subprocess

from tests.support.needs import need_program


def complaints(script: str) -> str:
    """What shellcheck says at the level of warnings."""
    need_program("shellcheck")
    done = subprocess.run(["shellcheck", "-S", "warning", "-"], input=script.encode(), capture_output=True, check=False)
    return done.stdout.decode() + done.stderr.decode()
