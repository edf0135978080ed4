"""What any cluster refuses before it looks at its own rules: a request that makes no sense."""

import re

from deepsquare.clusters.port import JobRequest

_SLURMS_OWN = ("SLURM_", "SBATCH_", "SRUN_")
_VARIABLE_NAME = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]*\Z")


def problem_of(request: JobRequest) -> str:
    """Why no cluster can run this request, as a sentence; empty where nothing is wrong with it."""
    for name in ("tasks", "cpus_per_task", "memory_per_cpu_mb", "time_limit_minutes"):
        if getattr(request, name) < 1:
            return f"the job {request.tag} asks for {getattr(request, name)} {name}; it must be at least 1"
    if request.gpus < 0:
        return f"the job {request.tag} asks for {request.gpus} gpus; it must be 0 or more"
    if not request.script.startswith("#!/"):
        return f"the script of the job {request.tag} must begin with #! and the path of its interpreter"
    if "\0" in request.script or "\0" in request.name:
        return f"the script and the name of the job {request.tag} must not hold a zero byte"
    unusable = [name for name, value in request.environment.items() if not _may_be_variable(name, value)]
    if unusable:
        return (
            f"{unusable[0]!r} cannot be a variable of the job {request.tag}: names have letters, digits and _ only and "
            "do not begin as Slurm's own (SLURM_, SBATCH_, SRUN_); values have no zero byte"
        )
    return ""


def _may_be_variable(name: str, value: str) -> bool:
    return bool(_VARIABLE_NAME.match(name)) and not name.startswith(_SLURMS_OWN) and "\0" not in value
