"""A job's output as one file that cannot fill the disk.

The beginning is kept up to a limit, then a line says so, and at the end come the last few kilobytes (there the
error stands) with the number of bytes left out. The file only ever grows at its end, so it can be followed.
A full disk costs output, never the job: what cannot be written counts as left out.
"""

import os
from pathlib import Path

TAIL_BYTES = 16_384


class CappedOutput:
    """The open output file of one job."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._room_bytes = limit_bytes
        self._limit_bytes = limit_bytes
        self._cut = False
        self._beyond_bytes = 0
        self._tail = bytearray()

    def write(self, data: bytes) -> None:
        """Add what the job printed."""
        if not self._cut:
            written = self._store(data[: self._room_bytes])
            self._room_bytes -= written
            data = data[written:]
            if data:
                self._cut = True
                self._store(f"\n[deepsquare] output cut here after {self._limit_bytes} bytes\n".encode())
        if data:
            self._beyond_bytes += len(data)
            self._tail += data[-TAIL_BYTES:]
            del self._tail[:-TAIL_BYTES]

    def close(self) -> None:
        """Add the end of a cut output and close the file."""
        if self._cut:
            left_out_bytes = self._beyond_bytes - len(self._tail)
            if left_out_bytes:
                self._store(f"[deepsquare] {left_out_bytes} bytes left out; the last {len(self._tail)}:\n".encode())
            self._store(bytes(self._tail))
        os.close(self._descriptor)

    def _store(self, data: bytes) -> int:
        """Write as much of `data` as the disk takes; the number of bytes written."""
        written = 0
        while written < len(data):
            try:
                written += os.write(self._descriptor, data[written:])
            except OSError:  # no space, over quota, device gone: the job goes on without its output
                break
        return written
