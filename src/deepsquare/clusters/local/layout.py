"""Where everything lies under the root of a local cluster.

    <root>/lock            held by whoever reads and changes the queue
    <root>/nodes.json      the declared nodes and the rules of the site
    <root>/pulse           touched at every change of a job's state; watchers wake on it
    <root>/counter.json    the last job number
    <root>/bin/srun        the `srun` of the jobs
    <root>/jobs/<tag>/     one folder per job, complete from the moment it is there (renamed into place)

A job's folder tells its whole life: `request.json` and `script` from its submission, `allocation.json` when it
was given room, `started.json` before its first instruction, `ended.json` after its last, `limit.json` (a limit set
later) and `cancel` what was asked of it meanwhile, `lock` held by its keeper while that lives.
"""

import os
from pathlib import Path


class JobFolder:
    """The files of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.request = path / "request.json"
        self.script = path / "script"
        self.output = path / "output"
        self.work = path / "work"
        self.allocation = path / "allocation.json"
        self.limit = path / "limit.json"
        self.cancel = path / "cancel"
        self.started = path / "started.json"
        self.ended = path / "ended.json"
        self.lock = path / "lock"
        self.log = path / "keeper.log"

    @property
    def root(self) -> "Root":
        """The cluster that the job belongs to."""
        return Root(self.path.parent.parent)


class Root:
    """The files of one local cluster."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.jobs = path / "jobs"
        self.lock = path / "lock"
        self.nodes = path / "nodes.json"
        self.pulse = path / "pulse"
        self.counter = path / "counter.json"
        self.bin = path / "bin"
        self.srun = self.bin / "srun"

    def job(self, name: str) -> JobFolder:
        """The folder of the job with this id (its tag as text)."""
        return JobFolder(self.jobs / name)

    def folders(self) -> list[JobFolder]:
        """The folders of all jobs, in no order; those still being written have a dot in front and are left out."""
        return [JobFolder(path) for path in self.jobs.iterdir() if not path.name.startswith(".")]

    def somebody_waits(self) -> bool:
        """True where some job has not begun."""
        return any(not (folder.started.exists() or folder.ended.exists()) for folder in self.folders())

    def announce(self) -> None:
        """Wake everybody who watches this cluster."""
        os.utime(self.pulse)
