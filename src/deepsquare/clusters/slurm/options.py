"""The arguments and the environment of `sbatch` for one job. Pure but for the name of our own account."""

import os
import pwd

from deepsquare.clusters.port import JobRequest
from deepsquare.clusters.slurm.settings import SlurmSettings
from deepsquare.clusters.slurm.spool import JobSpool

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def sbatch_arguments(
    settings: SlurmSettings, account: pwd.struct_passwd, request: JobRequest, spool: JobSpool
) -> list[str]:
    """Every option of the submission, one argument each; the tag is the job's name and its comment."""
    tag = str(request.tag)
    return [
        "--parsable",
        f"--job-name={tag}",
        f"--comment={tag}",
        f"--ntasks={request.tasks}",
        f"--cpus-per-task={request.cpus_per_task}",
        f"--mem-per-cpu={request.memory_per_cpu_mb}M",
        *([f"--gpus={request.gpus}"] if request.gpus else []),
        f"--time={request.time_limit_minutes}",
        f"--output={_literal(str(spool.output))}",
        "--open-mode=append",
        "--input=/dev/null",
        f"--chdir={spool.work}",
        "--export=ALL",
        "--propagate=NONE",
        *site_options(settings, account),
    ]


def site_options(settings: SlurmSettings, account: pwd.struct_passwd) -> list[str]:
    """The options that are the same for every job of this site."""
    options = []
    if account.pw_uid != os.geteuid():
        options += [f"--uid={account.pw_uid}", f"--gid={account.pw_gid}"]
    for name in ("partition", "account", "qos"):
        if value := getattr(settings, name):
            options.append(f"--{name}={value}")
    return [*options, *settings.extra_options]


def job_environment(settings: SlurmSettings, account: pwd.struct_passwd, request: JobRequest) -> dict[str, str]:
    """What `--export=ALL` hands to the job: its account's basics and what the request brings, nothing of ours.

    The wrapper adds the language: its own programs need none, and to load one takes each of them 0.25 ms.
    """
    return {
        "PATH": _PATH,
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "SHELL": "/bin/sh",
        **({"SLURM_MPI_TYPE": settings.mpi} if settings.mpi else {}),
        **request.environment,
    }


def _literal(path: str) -> str:
    """A path that Slurm takes as it is: `%` begins a pattern there."""
    return path.replace("%", "%%")
