"""Scripts on the Slurm of a lab, submitted as a supervisor does."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.slurm import SlurmLab

RESOURCES = ("--ntasks=4", "--cpus-per-task=2", "--mem-per-cpu=100M")
_UNDER_WAY = ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING")


class Slurm:
    """One job at a time, with its own volumes and the output of the last one."""

    def __init__(self, lab: SlurmLab, folder: Path) -> None:
        self._lab = lab
        self.shared = folder / "shared"
        self._script = folder / "job.sh"
        self._output = folder / "output"
        self._environment = {**lab.environment, "DEEPSQUARE_SITE_SHARED_ROOT": str(self.shared)}

    def submit(self, script: str, options: Sequence[str] = RESOURCES) -> str:
        """The number of a job that is on its way."""
        self._script.write_text(script, encoding="utf-8", newline="")
        argv = ["sbatch", "--parsable", "--export=ALL", f"--output={self._output}", *options, str(self._script)]
        return subprocess.run(argv, env=self._environment, capture_output=True, text=True, check=True).stdout.strip()

    def exit_code(self, job: str) -> int:
        """The exit code of a job, as soon as it has ended. (`sbatch --wait` looks ever more rarely.)"""
        self._lab.wait_until(lambda: self._shown(job, "JobState") not in _UNDER_WAY, f"job {job} has ended")
        code, _, ended_by = self._shown(job, "ExitCode").partition(":")
        return int(code) or 128 * bool(int(ended_by)) + int(ended_by)

    def run(self, script: str, options: Sequence[str] = RESOURCES) -> tuple[int, str]:
        """The exit code and the output of a job."""
        exit_code = self.exit_code(self.submit(script, options))
        return exit_code, self.output()

    def _shown(self, job: str, key: str) -> str:
        shown = self._lab.run("scontrol", "show", "job", job, "-o")
        return shown.partition(f" {key}=")[2].split()[0]

    def output(self) -> str:
        """What the last job printed, but for srun's own remarks (that it waits for the step before, for example)."""
        if not self._output.exists():
            return ""
        lines = self._output.read_text(encoding="utf-8").splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("srun: "))
