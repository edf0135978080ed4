"""Small JSON files that survive anything: a reader sees all of a file or none of it.

Whoever writes here may be killed at any moment, so a file is written beside its place, synced and renamed.
Whatever is read here may have been written by a job's user: links, pipes, anything huge and anything that cannot be
understood count as absent.
This module is on the way to a job's first instruction, so it imports next to nothing.
"""

import errno
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LARGEST_BYTES = 4 << 20
"""More than any request with its environment takes."""

_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
"""Nothing there, or a link, or a socket."""


def write_json(path: Path, value: Mapping[str, Any], *, durable: bool = True) -> None:
    """Replace `path` by `value` in one step; only the owner may read it.

    Without `durable` it survives every killed process but perhaps no power cut: for what a restart makes worthless.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    temporary.replace(path)
    if durable:
        sync_folder(path.parent)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in `path`; None where there is no such file, or nothing sensible in it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST_BYTES:
            return None
        try:
            value = json.loads(file.read(LARGEST_BYTES))
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable: a rename alone may be lost in a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
