"""The spool: one folder per job, shared with the nodes, in which each file has one owner.

    <spool>/events/           one line per ended job, if the site's jobcomp script writes some; only a wake-up
    <spool>/<tag>/            the supervisor's; the job's account may pass through, not change names here
        request.json          what was submitted, and when          (supervisor)
        submitted.json        the id that sbatch answered with      (supervisor)
        limit.json            the time limit that was set later     (supervisor)
        cancelled             we asked for the end of the job       (supervisor)
        script                the customer's script                 (account, closed to others)
        output                stdout and stderr                     (account; it can write it but not replace it)
        record/               started.json, ended.json              (account: claims, to be checked)
        work/                 the working directory                 (account)

A job's account can put anything into what it owns, so records are opened without following links, without waiting on
a pipe, only if they are small plain files of that account. The output lies in the supervisor's folder: a job cannot
make it a link to a file that only the supervisor may read.
"""

import json
import os
import pwd
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsquare.clusters.port import JobRequest
from deepsquare.clusters.records import read_json, sync_folder, write_json
from deepsquare.model import Address, InvalidTag, JobTag

RECORD_LIMIT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Claim:
    """A record that the job's account wrote, and when the file system says it did (nobody can set that time)."""

    values: Mapping[str, Any]
    written_at: float


class JobSpool:
    """The files of one job. Those of the supervisor are read once: nobody else writes them while it runs."""

    def __init__(self, path: Path, account: pwd.struct_passwd) -> None:
        self.path = path
        self.request = path / "request.json"
        self.submitted = path / "submitted.json"
        self.limit = path / "limit.json"
        self.cancelled = path / "cancelled"
        self.script = path / "script"
        self.output = path / "output"
        self.record = path / "record"
        self.work = path / "work"
        self._account = account
        self._known: dict[Path, Mapping[str, Any]] = {}

    def create(self, request: JobRequest, now: float) -> None:
        """Write everything that the job needs, each file with its owner; replaces what an earlier try left."""
        self.path.mkdir(mode=0o711, exist_ok=True)
        for folder in (self.record, self.work):
            if folder.is_symlink() or folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
            self._give(folder)
        self._write_for_job(self.script, request.script, 0o500)
        self._write_for_job(self.output, "", 0o600)
        self.limit.unlink(missing_ok=True)
        self._known.clear()
        content = {"tag": str(request.tag), "name": request.name, "submitted_at": now}
        self._write(self.request, {**content, "minutes": request.time_limit_minutes})

    def _write_for_job(self, path: Path, text: str, mode: int) -> None:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        self._give(path)

    def _give(self, path: Path) -> None:
        """Make the job's account the owner, where it is another than ours."""
        if self._account.pw_uid != os.geteuid():
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def claim(self, name: str) -> Claim | None:
        """One of the account's records; None where there is none, or something else than a record."""
        try:
            descriptor = os.open(self.record / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # not there, a link, a closed folder: all the same, no record
            return None
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or facts.st_uid != self._account.pw_uid:
                return None
            values = json.loads(os.read(descriptor, RECORD_LIMIT_BYTES))
        except (ValueError, RecursionError):
            return None
        finally:
            os.close(descriptor)
        return Claim(values, facts.st_ctime) if isinstance(values, dict) else None

    def submitted_at(self) -> float | None:
        """When the job was given to Slurm, or was about to be, as a timestamp."""
        return self._number(self.request, "submitted_at")

    def limit_minutes(self) -> float | None:
        """The present time limit, as far as it was set by us."""
        later = self._number(self.limit, "minutes")
        return later if later is not None else self._number(self.request, "minutes")

    def keep_limit(self, minutes: int) -> None:
        """Remember the time limit that was set later."""
        self._write(self.limit, {"minutes": minutes})

    def submitted_id(self) -> str | None:
        """The id that `sbatch` answered with; None where its answer was lost."""
        value = self._read(self.submitted).get("id")
        return value if isinstance(value, str) else None

    def keep_id(self, job_id: str) -> None:
        """Remember the id that `sbatch` answered with."""
        self._write(self.submitted, {"id": job_id})

    def _number(self, path: Path, key: str) -> float | None:
        value = self._read(path).get(key)
        return value if isinstance(value, int | float) else None

    def _read(self, path: Path) -> Mapping[str, Any]:
        """One of the supervisor's own files; empty where there is none yet."""
        known = self._known.get(path)
        if known is None:
            # Whoever wrote it meanwhile, in another thread, knows better.
            known = self._known.setdefault(path, read_json(path) or {})
        return known

    def _write(self, path: Path, values: Mapping[str, Any]) -> None:
        write_json(path, values)
        self._known[path] = values

    def mark_cancelled(self) -> None:
        """Remember that it was us who asked for the end, before we ask."""
        self.path.mkdir(mode=0o711, exist_ok=True)
        self.cancelled.touch(mode=0o600)
        sync_folder(self.path)

    def remove(self) -> None:
        """Delete the folder; links in it are deleted, not followed."""
        self._known.clear()
        if self.path.exists():
            shutil.rmtree(self.path)


class Spool:
    """All jobs' folders."""

    def __init__(self, path: Path, account: pwd.struct_passwd) -> None:
        self.path = path.absolute()
        self.events = self.path / "events"
        self._account = account
        self._jobs: dict[JobTag, JobSpool] = {}

    def create(self) -> None:
        """Make the folders that must be there."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o711)
        self.events.mkdir(exist_ok=True, mode=0o755)

    def job(self, tag: JobTag) -> JobSpool:
        """The folder of the job with this tag, whether it exists or not."""
        known = self._jobs.get(tag)
        if known is None:
            known = self._jobs[tag] = JobSpool(self.path / str(tag), self._account)
        return known

    def remove(self, tag: JobTag) -> None:
        """Delete the folder of a job."""
        self.job(tag).remove()
        self._jobs.pop(tag, None)

    def tags(self, contract: Address) -> list[JobTag]:
        """The tags of our contract that have a folder."""
        tags = []
        for path in self.path.iterdir():
            try:
                tags.append(JobTag.parse(path.name, contract))
            except InvalidTag:
                continue
        return tags
