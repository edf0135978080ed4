"""What shellcheck says about a script."""

import shutil
import subprocess


def complaints(script: str) -> str:
    """What shellcheck says at the level of warnings."""
    assert shutil.which("shellcheck"), "shellcheck is not installed: apt-get install shellcheck"
    done = subprocess.run(["shellcheck", "-S", "warning", "-"], input=script.encode(), capture_output=True, check=False)
    return done.stdout.decode() + done.stderr.decode()
