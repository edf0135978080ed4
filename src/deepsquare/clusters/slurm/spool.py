"""The spool: one folder per job, shared with the nodes, in which each file has one owner.

    <spool>/events/           one line per ended job, if the site's jobcomp script writes some; only a wake-up
    <spool>/<tag>/            the supervisor's; the job's account may pass through, not change names here
        facts.jsonl           what we did with the job              (supervisor)
        script                the customer's script                 (account, closed to others)
        output                stdout and stderr                     (account; it can write it but not replace it)
        record                how it went: claims, to be checked    (account; it can write it but not replace it)
        work/                 the working directory                 (account)

Output and record lie in the supervisor's folder: a job cannot make them links to a file that only the supervisor may
read. Where it runs as the supervisor's own account it can; so records are opened without following links, without
waiting on a pipe, and only if they are plain files of that account. What a job can write is never read whole.

Facts and record grow by a line at a time. The facts are what was submitted and when, the id that `sbatch` answered
with, a limit that was set later, that we asked for the end; the record is the start and the end of the newest run. A
line is on disk before the next step begins; half a line counts as none. There are few files because each one costs:
ext4 takes half a millisecond to make one where hundreds were removed lately.
"""

import os
import pwd
import shutil
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsquare.clusters.port import JobRequest
from deepsquare.clusters.records import (
    UNTRUSTED,
    append_json,
    join_json_lines,
    read_json_lines,
    sync_folder,
    write_file,
)
from deepsquare.model import Address, InvalidTag, JobTag

RECORD_LIMIT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Claim:
    """What the job's account says, and when the file system says it last did (nobody can set that time)."""

    values: Mapping[str, Any]
    written_at: float


class JobSpool:
    """The files of one job. The facts are read once: nobody else writes them while the supervisor runs."""

    def __init__(self, path: Path, account: pwd.struct_passwd) -> None:
        self.path = path
        self.facts = path / "facts.jsonl"
        self.script = path / "script"
        self.output = path / "output"
        self.record = path / "record"
        self.work = path / "work"
        self._account = account
        self._known: Mapping[str, Any] | None = None
        self._knowing = threading.Lock()

    def create(self, request: JobRequest, now: float) -> None:
        """Write everything that the job needs, each file with its owner; replaces what an earlier try left."""
        facts = {
            "tag": str(request.tag),
            "name": request.name,
            "submitted_at": now,
            "minutes": request.time_limit_minutes,
        }
        # Known before it is on disk: who meets a folder that is half made need not search for the job's past.
        self._know(facts)
        self._make_folder()
        self.work.mkdir(mode=0o700)
        self._give(self.work)
        self._write_for_job(self.script, request.script, 0o500)
        self._write_for_job(self.output, "", 0o600)
        self._write_for_job(self.record, "", 0o600)
        append_json(self.facts, facts)
        sync_folder(self.path)

    def _make_folder(self) -> None:
        try:
            self.path.mkdir(mode=0o711)
        except FileExistsError:
            shutil.rmtree(self.path)
            self.path.mkdir(mode=0o711)

    def _write_for_job(self, path: Path, text: str, mode: int) -> None:
        # Slurm may start the job after a power cut: a script that became empty would end well.
        write_file(path, text, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode=mode, durable=bool(text))
        self._give(path)

    def _give(self, path: Path) -> None:
        """Make the job's account the owner, where it is another than ours."""
        if self._account.pw_uid != os.geteuid():
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def claim(self) -> Claim | None:
        """The end of the account's record; None where it is empty, or something else than a record."""
        try:
            descriptor = os.open(self.record, os.O_RDONLY | UNTRUSTED)
        except OSError:  # not there, a link, a closed folder: all the same, no record
            return None
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or facts.st_uid != self._account.pw_uid:
                return None
            text = os.pread(descriptor, RECORD_LIMIT_BYTES, max(0, facts.st_size - RECORD_LIMIT_BYTES))
        finally:
            os.close(descriptor)
        values = join_json_lines(text)
        return Claim(values, facts.st_ctime) if values else None

    def submitted_at(self) -> float | None:
        """When the job was given to Slurm, or was about to be, as a timestamp."""
        return self._number("submitted_at")

    def limit_minutes(self) -> float | None:
        """The present time limit, as far as it was set by us."""
        return self._number("minutes")

    def keep_limit(self, minutes: int) -> None:
        """Remember the time limit that was set later."""
        self._keep({"minutes": minutes})

    def submitted_id(self) -> str | None:
        """The id that `sbatch` answered with; None where its answer was lost."""
        value = self._facts().get("id")
        return value if isinstance(value, str) else None

    def keep_id(self, job_id: str) -> None:
        """Remember the id that `sbatch` answered with."""
        self._keep({"id": job_id})

    def cancel_asked(self) -> bool:
        """Whether it was us who asked for the end."""
        return self._facts().get("cancel_asked") is True

    def mark_cancelled(self) -> None:
        """Remember that it was us who asked for the end, before we ask."""
        self.path.mkdir(mode=0o711, exist_ok=True)
        self._keep({"cancel_asked": True})
        sync_folder(self.path)  # the folder may have been lost, and its files with it

    def remove(self) -> None:
        """Delete the folder; links in it are deleted, not followed."""
        self._know(None)
        try:
            self._remove_what_we_know()
        except OSError:  # a job may leave whatever it likes
            if self.path.exists():
                shutil.rmtree(self.path)

    def _remove_what_we_know(self) -> None:
        """Remove a folder in which nothing unusual lies: a search of each folder would cost four times as much."""
        for path in (self.script, self.output, self.record, self.facts):
            path.unlink(missing_ok=True)
        for folder in (self.work, self.path):
            folder.rmdir()

    def _number(self, key: str) -> float | None:
        value = self._facts().get(key)
        return value if isinstance(value, int | float) else None

    def _facts(self) -> Mapping[str, Any]:
        """Every line of the facts in one; empty where there are none yet."""
        with self._knowing:
            if self._known is None:
                self._known = read_json_lines(self.facts)
            return self._known

    def _keep(self, facts: Mapping[str, Any]) -> None:
        append_json(self.facts, facts)
        with self._knowing:
            self._known = {**(read_json_lines(self.facts) if self._known is None else self._known), **facts}

    def _know(self, facts: Mapping[str, Any] | None) -> None:
        with self._knowing:
            self._known = facts


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
