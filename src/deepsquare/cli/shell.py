"""What a person types in this folder: paths, and the line that makes `dps` a command of a new shell."""

import os
import sys
from pathlib import Path


def activation() -> str:
    """The line that makes `dps` known to a new shell in this folder; empty where every shell knows it."""
    if sys.prefix == sys.base_prefix:
        return ""
    return f". {from_here(Path(sys.prefix) / 'bin' / 'activate')}"


def from_here(path: Path) -> Path:
    """The path as one types it in this folder: relative where it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def is_activated() -> bool:
    """Whether the shell that called this program knows `dps` already."""
    return not activation() or os.environ.get("VIRTUAL_ENV") == sys.prefix
