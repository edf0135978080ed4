"""Which names an environment variable of a user may have.

What is reserved would break the job's own machinery or let a variable reach into the loader, the shell,
Slurm or the container engine. The same list stands in the job script (`compiler/runtime.sh`), because a
step may write any name into `$DEEPSQUARE_ENV`; a test compares the two.
"""

import re
from fnmatch import fnmatchcase

from deepsquare.workflow.shapes import Complaint

RESERVED_NAMES = (
    "PATH",
    "LD_*",
    "BASH_ENV",
    "ENV",
    "SLURM_*",
    "SPANK_*",
    "APPTAINER*",
    "SINGULARITY*",
    "ENROOT_*",
    "DEEPSQUARE_*",
    "STORAGE_PATH",
)
"""Patterns of names that no workflow may set."""

RESOURCE_NAMES = ("NTASKS", "CPUS_PER_TASK", "MEM_PER_CPU", "GPUS", "CPUS", "MEM")
"""Variables that the job's resources set; they win over the job's env and `$DEEPSQUARE_ENV`."""

VARIABLE_PATTERN = "^[A-Za-z_][A-Za-z0-9_]*$"
"""A name's form, for editors."""

_NAME = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]*\Z")


def is_reserved(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in RESERVED_NAMES)


def check_variable_name(name: str) -> Complaint | None:
    """Why `name` cannot be the key of an `env` entry, or None."""
    if _NAME.match(name) is None:
        return Complaint("a variable's name has letters, digits and underscores and starts with no digit")
    if name == "PATH":
        return Complaint("PATH is reserved", "set it in the command, for example `export PATH=/my/bin:$PATH`")
    if is_reserved(name):
        return Complaint(f"{name} is reserved for the grid and the machine", "choose another name")
    return None


def check_export_prefix(prefix: str) -> Complaint | None:
    """Why the variables `<prefix>_KEY` cannot be exported, or None."""
    if _NAME.match(prefix) is None:
        return Complaint("a variable's name has letters, digits and underscores and starts with no digit")
    if is_reserved(f"{prefix}_"):
        return Complaint(f"{prefix}_* is reserved for the grid and the machine", "choose another name")
    return None
