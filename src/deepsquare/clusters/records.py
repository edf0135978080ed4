"""Small JSON files that survive anything: a reader sees all of a file, or of a line, or none of it.

Whoever writes here may be killed at any moment, so a file is written beside its place, synced and renamed; a line is
added and synced.
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

UNTRUSTED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How to open what a job may have made a link or a pipe by now."""


def write_json(path: Path, value: Mapping[str, Any], *, durable: bool = True) -> None:
    """Replace `path` by `value` in one step; only the owner may read it.

    Without `durable` it survives every killed process but perhaps no power cut: for what a restart makes worthless.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    write_file(temporary, json.dumps(value), os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, durable=durable)
    temporary.replace(path)
    if durable:
        sync_folder(path.parent)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in `path`; None where there is no such file, or nothing sensible in it."""
    content = _read_plain(path)
    return None if content is None else _object(content)


def append_json(path: Path, value: Mapping[str, Any]) -> None:
    """Add `value` as a line and have it on disk; for the name of a file that is new see `sync_folder`."""
    # A power cut may have left half of the line before: that one ends here.
    write_file(path, f"\n{json.dumps(value)}\n", os.O_CREAT | os.O_APPEND | UNTRUSTED)


def read_json_lines(path: Path) -> dict[str, Any]:
    """What the lines of `path` say together; empty where there is no such file."""
    return join_json_lines(_read_plain(path) or b"")


def join_json_lines(text: bytes) -> dict[str, Any]:
    """One object of many, one each line: a later one has the last word; lines that make no sense are left out."""
    joined: dict[str, Any] = {}
    for line in text.splitlines():
        joined.update(_object(line) or {})
    return joined


def write_file(path: Path, text: str, flags: int, *, mode: int = 0o600, durable: bool = True) -> None:
    """Write all of `text` to a file that is opened with these flags, or raise; with `durable` it is on disk then."""
    descriptor = os.open(path, os.O_WRONLY | flags, mode)
    try:
        rest = memoryview(text.encode())
        while rest:  # a disk that gets full takes a part first
            rest = rest[os.write(descriptor, rest) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_plain(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | UNTRUSTED)
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST_BYTES:
            return None
        return os.read(descriptor, facts.st_size)
    finally:
        os.close(descriptor)


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
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
