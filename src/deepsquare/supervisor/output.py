"""Reading the output file of a job, which its user may have replaced by anything.

The supervisor may read more than a job's user may. So a link is not followed, and what is no regular
file (a pipe that never ends, a device) counts as no output at all. At most one bounded piece is ever in
memory. Blocking calls: run them in a thread.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from deepsquare.clusters.records import UNTRUSTED


def size(path: Path) -> int | None:
    """Bytes of output so far; None where there is no file that may be read."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def sizes(paths: Iterable[Path]) -> list[int | None]:
    """`size` of each path."""
    return [size(path) for path in paths]


def read(path: Path, offset: int, limit_bytes: int) -> bytes:
    """At most `limit_bytes` from `offset` on; empty where there are none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | UNTRUSTED)
    except OSError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return os.pread(descriptor, limit_bytes, offset)
    finally:
        os.close(descriptor)


def tail(path: Path, limit_bytes: int) -> str:
    """The last of the output as text; what is no UTF-8 is replaced."""
    length = size(path)
    if length is None:
        return ""
    return read(path, max(0, length - limit_bytes), limit_bytes).decode("utf-8", "replace")
