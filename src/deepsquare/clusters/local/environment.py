"""The environment that a local job starts with: Slurm's names for what it was given, and nothing of ours.

It is built from nothing: a job never sees the environment of the supervisor, in which secrets may stand.
"""

import os
import pwd
from collections.abc import Mapping, Sequence
from typing import Any

from deepsquare.clusters.local.layout import JobFolder

JOB_FOLDER_VARIABLE = "DEEPSQUARE_LOCAL_JOB"
"""Names the job's folder to its `srun`, and marks every process of the job for who cleans up after a crash."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def job_environment(
    folder: JobFolder, request: Mapping[str, Any], shares: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Every variable of the batch script; what the request brings comes on top."""
    account = pwd.getpwuid(os.geteuid())
    number = str(request["number"])
    tasks = str(request["tasks"])
    nodes = [str(share["node"]) for share in shares]
    gpus = [str(gpu) for share in shares for gpu in share["gpus"]]
    srun = folder.root.srun
    return {
        "PATH": f"{srun.parent}:{_PATH}",
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        JOB_FOLDER_VARIABLE: str(folder.path),
        "DEEPSQUARE_SITE_SRUN": str(srun),
        "SLURM_JOB_ID": number,
        "SLURM_JOBID": number,
        "SLURM_JOB_NAME": str(request["name"]),
        "SLURM_SUBMIT_DIR": str(folder.work),
        "SLURM_NTASKS": tasks,
        "SLURM_NPROCS": tasks,
        "SLURM_CPUS_PER_TASK": str(request["cpus_per_task"]),
        "SLURM_MEM_PER_CPU": str(request["memory_per_cpu_mb"]),
        "SLURM_NNODES": str(len(nodes)),
        "SLURM_JOB_NUM_NODES": str(len(nodes)),
        "SLURM_NODELIST": ",".join(nodes),
        "SLURM_JOB_NODELIST": ",".join(nodes),
        "SLURM_CPUS_ON_NODE": str(len(shares[0]["cpus"])),
        "SLURMD_NODENAME": nodes[0],
        "SLURM_NODEID": "0",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_GPUS": str(len(gpus)),
        "CUDA_VISIBLE_DEVICES": ",".join(gpus),
        **request["environment"],
    }
