"""Which runtimes of containers this site has, as labels: `container.apptainer=1.4.5`."""

import re

from deepsquare.model import Label
from deepsquare.supervisor.inquiry import answer_of
from deepsquare.supervisor.settings import SupervisorSettings

_VERSION = re.compile(r"\b[0-9]+(?:\.[0-9]+)+")
_QUESTIONS = {"apptainer": "--version", "enroot": "version"}
"""How each of them is asked for its version."""


def runtime_labels(settings: SupervisorSettings) -> list[Label]:
    """A label for each that jobs may use, that is there and tells its version."""
    versions = {name: _version(getattr(settings.tools, name), name) for name in settings.containers.runtimes}
    return [Label(f"container.{name}", version) for name, version in versions.items() if version]


def _version(program: str, name: str) -> str:
    found = _VERSION.search(answer_of(program, _QUESTIONS[name]) or "")
    return found[0] if found else ""
