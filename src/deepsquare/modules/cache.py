"""What was fetched, in a folder: texts by their commits, for ever; commits by versions, for a while.

Several processes may use one folder: files appear whole or not at all. A folder that cannot be written is no failure,
for it would only save time.
"""

import contextlib
import hashlib
import json
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from deepsquare.workflow import ModuleSource

MAX_FILES = 4096
"""Files of each kind; beyond it the oldest go."""

_MODE = 0o700


class Cache:
    """One folder; None: nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def text(self, source: ModuleSource, commit: str) -> str | None:
        """The module's text in this commit, where it is known."""
        return self._read("texts", f"{source.place}@{commit}")

    def keep_text(self, source: ModuleSource, commit: str, text: str) -> None:
        """Remember a module's text."""
        self._write("texts", f"{source.place}@{commit}", text)

    def commit(self, source: ModuleSource, now: datetime, age: timedelta) -> str | None:
        """The commit of a version, where it was found out within this time."""
        kept = self._read("versions", f"{source.place}@{source.version}")
        if kept is None:
            return None
        try:
            entry = json.loads(kept)
            found = datetime.fromisoformat(entry["found"])
            return str(entry["commit"]) if timedelta(0) <= now - found < age else None
        except (ValueError, KeyError, TypeError):
            return None

    def keep_commit(self, source: ModuleSource, commit: str, now: datetime) -> None:
        """Remember where a version stands."""
        entry = {"commit": commit, "found": now.isoformat()}
        self._write("versions", f"{source.place}@{source.version}", json.dumps(entry))

    def _path(self, folder: Path, kind: str, name: str) -> Path:
        return folder / kind / hashlib.sha256(name.encode()).hexdigest()

    def _read(self, kind: str, name: str) -> str | None:
        if self._folder is None:
            return None
        try:
            return self._path(self._folder, kind, name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def _write(self, kind: str, name: str, text: str) -> None:
        if self._folder is None:
            return
        path = self._path(self._folder, kind, name)
        part = path.with_name(f".{secrets.token_hex(8)}")
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=_MODE, parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
            part.replace(path)
            _prune(path.parent)


def _prune(folder: Path) -> None:
    files = list(os.scandir(folder))
    if len(files) > MAX_FILES:
        for file in sorted(files, key=lambda file: file.stat().st_mtime)[: len(files) - MAX_FILES]:
            Path(file).unlink(missing_ok=True)
