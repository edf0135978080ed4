"""Which runtimes of containers this site has, as labels: `container.apptainer=1.4.5`.

They are asked on the machine of the supervisor, which has the programs that the nodes have, or whose operator says
otherwise by a label of the same key.
"""

import asyncio
import re
import subprocess
from collections.abc import Sequence

from deepsquare.model import Label
from deepsquare.supervisor.settings import SupervisorSettings

_PATIENCE_SECONDS = 20.0
_VERSION = re.compile(r"\b[0-9]+(?:\.[0-9]+)+")
_QUESTIONS = {"apptainer": "--version", "enroot": "version"}
"""How each of them is asked for its version."""


class InstalledRuntimes:
    """The runtimes of this machine that the site's settings allow."""

    def __init__(self, settings: SupervisorSettings) -> None:
        self._programs = {name: getattr(settings.tools, name) for name in settings.containers.runtimes}

    async def labels(self) -> Sequence[Label]:
        """A label for each that is there and tells its version."""
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> list[Label]:
        versions = {name: _version([program, _QUESTIONS[name]]) for name, program in self._programs.items()}
        return [Label(f"container.{name}", version) for name, version in versions.items() if version]


def _version(command: Sequence[str]) -> str:
    """The version that a program prints; empty where there is no such program, or none that tells."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _VERSION.search(done.stdout)
    return found[0] if found and done.returncode == 0 else ""
