"""Scripts on the Slurm of a lab, submitted as a supervisor does."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.slurm import SlurmLab

RESOURCES = ("--ntasks=4", "--cpus-per-task=2", "--mem-per-cpu=100M")


class Slurm:
    """One job at a time, with its own volumes and the output of the last one."""

    def __init__(self, lab: SlurmLab, folder: Path) -> None:
        self._lab = lab
        self.shared = folder / "shared"
        self._script = folder / "job.sh"
        self._output = folder / "output"
        self._environment = {**lab.environment, "DEEPSQUARE_SITE_SHARED_ROOT": str(self.shared)}

    def submit(self, script: str, options: Sequence[str] = RESOURCES) -> subprocess.Popen[bytes]:
        """A `sbatch` that waits for its job and ends as the job ends."""
        self._script.write_text(script, encoding="utf-8", newline="")
        argv = ["sbatch", "--wait", "--export=ALL", f"--output={self._output}", *options, str(self._script)]
        return subprocess.Popen(argv, env=self._environment, stdout=subprocess.DEVNULL)

    def run(self, script: str, options: Sequence[str] = RESOURCES) -> tuple[int, str]:
        """The exit code and the output of a job."""
        exit_code = self.submit(script, options).wait(60)
        return exit_code, self.output()

    def output(self) -> str:
        """What the last job printed, but for srun's own remarks (that it waits for the step before, for example)."""
        lines = self._output.read_text(encoding="utf-8").splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("srun: "))
