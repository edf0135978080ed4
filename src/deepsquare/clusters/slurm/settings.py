"""What an operator says about their Slurm. Every field stands in docs/clusters.md (a test holds that)."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SlurmSettings(BaseModel):
    """How to reach Slurm and as whom jobs run there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spool: Path
    """A folder that the supervisor and every node of the cluster see under the same path; one folder per job."""

    user: str | None = None
    """The Unix account that jobs run as; another than the supervisor's own needs root. None: the supervisor's own."""

    partition: str | None = None
    """None: Slurm's default partition."""

    account: str | None = None
    """The Slurm account that is charged. None: the user's default account."""

    qos: str | None = None
    """The quality of service. None: the default of account and partition."""

    extra_options: tuple[str, ...] = ()
    """Further options of `sbatch`, one argument each (`--constraint=infiniband`)."""

    mpi: Literal["none", "pmix", "pmix_v4", "pmi2"] | None = None
    """How MPI starts where a step does not say. None: Slurm's own default (MpiDefault of slurm.conf)."""

    conf: Path | None = None
    """The slurm.conf to use. None: the supervisor's own SLURM_CONF, or what Slurm's commands find."""

    bin_folder: Path | None = None
    """Where `sbatch` and the others lie. None: on the PATH."""

    command_timeout_seconds: float = Field(default=20.0, gt=0)
    """After so long a command that does not answer is given up; Slurm then counts as unreachable."""

    parallel_commands: int = Field(default=8, ge=1)
    """How many Slurm commands may run at the same time."""

    output_limit_bytes: int = Field(default=64 << 20, ge=1)
    """How much of a job's output is kept from its beginning; the last 16 KiB are kept as well."""

    settle_seconds: float = Field(default=60.0, gt=0)
    """When a job's own record says it is over and Slurm does not, Slurm has so long to agree; then the record holds."""
