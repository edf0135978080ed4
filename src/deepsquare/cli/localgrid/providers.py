"""Who offers what in a grid on this machine: two providers, so that there is something to choose between.

`valley` is cheap and small, `summit` is larger and costs more. Both run on the embedded cluster; where Slurm is
asked for, `summit` is this machine's Slurm.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from deepsquare.cli.failure import GridFailed
from deepsquare.cli.localgrid.folder import StateFolder


@dataclass(frozen=True, slots=True)
class LocalProvider:
    """One provider of the grid."""

    name: str
    tier: str
    cpu_per_minute: str
    memory_mb_per_minute: str
    nodes: tuple[tuple[int, int], ...]
    """CPUs and MB of each node; they share this machine."""
    is_slurm: bool = False

    def settings(self, folder: StateFolder) -> str:
        """Its `supervisor.toml`."""
        data = folder.data(self.name)
        lines = [
            f"journal = {json.dumps(str(data / 'journal.sqlite'))}",
            "[prices]",
            f'cpu_per_minute = "{self.cpu_per_minute}"',
            f'memory_mb_per_minute = "{self.memory_mb_per_minute}"',
            "[labels]",
            f'site = "{self.name}"',
            f'tier = "{self.tier}"',
            "[volumes]",
            f"shared_root = {json.dumps(str(data / 'volumes'))}",
            *self._cluster(data),
        ]
        return "\n".join(lines) + "\n"

    def _cluster(self, data: Path) -> list[str]:
        if self.is_slurm:
            lines = ["[cluster]", 'kind = "slurm"', f"spool = {json.dumps(str(data / 'spool'))}"]
            conf = os.environ.get("SLURM_CONF")
            return [*lines, f"conf = {json.dumps(conf)}"] if conf else lines
        lines = ["[cluster]", 'kind = "local"', f"root = {json.dumps(str(cluster_root(folder_data=data)))}"]
        for number, (cpus, memory_mb) in enumerate(self.nodes, start=1):
            lines += [
                "[[cluster.nodes]]",
                f'name = "{self.name}-{number}"',
                f"cpus = {cpus}",
                f"memory_mb = {memory_mb}",
            ]
        return lines


def cluster_root(*, folder_data: Path) -> Path:
    """Where a provider's embedded cluster lies below its data."""
    return folder_data / "cluster"


VALLEY = LocalProvider("valley", "economy", "0.01", "0.000001", ((4, 8192),))
SUMMIT = LocalProvider("summit", "premium", "0.03", "0.000002", ((8, 16384), (8, 16384)))
SLURM_SUMMIT = LocalProvider("summit", "premium", "0.03", "0.000002", (), is_slurm=True)


def providers(*, with_slurm: bool) -> tuple[LocalProvider, LocalProvider]:
    """The two providers. Raises `GridFailed` where Slurm is asked for and not here."""
    if with_slurm and shutil.which("sbatch") is None:
        raise GridFailed("this machine has no Slurm: sbatch is not on the PATH", next_step="leave --slurm out")
    return (VALLEY, SLURM_SUMMIT if with_slurm else SUMMIT)
