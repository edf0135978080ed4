"""What a supervisor needs of Slurm and may not have: each finding with the command that an admin must run."""

import asyncio
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from deepsquare.clusters.slurm.commands import CommandFailed, Commands
from deepsquare.clusters.slurm.options import site_options
from deepsquare.clusters.slurm.settings import SlurmSettings
from deepsquare.clusters.slurm.spool import Spool

COMMANDS = ("sbatch", "squeue", "scontrol", "scancel", "sacct")
_OPERATORS = ("Operator", "Administrator")
OPERATOR_ADVICE = (
    "an admin must make the supervisor's account an operator: "
    "sacctmgr -i modify user $(id -un) set adminlevel=Operator (without accounting: run the supervisor as SlurmUser)"
)


async def missing_on(
    settings: SlurmSettings, commands: Commands, account: pwd.struct_passwd, spool: Spool
) -> list[str]:
    """All that is missing. Raises a transient `ClusterError` while Slurm does not answer."""
    folder = None if settings.bin_folder is None else str(settings.bin_folder)
    absent = [name for name in COMMANDS if shutil.which(name, path=folder) is None]
    if absent:
        return [f"the commands {', '.join(absent)} are missing: apt-get install slurm-client, or set bin_folder"]
    if account.pw_uid != os.geteuid() and os.geteuid() != 0:
        return [_other_account(account.pw_name)]
    return [
        *await _submission(settings, commands, account),
        *await _operator(commands),
        *await asyncio.to_thread(_spool, account, spool),
    ]


async def _submission(settings: SlurmSettings, commands: Commands, account: pwd.struct_passwd) -> list[str]:
    """Whether Slurm would take a job of ours: partition, account, quality of service, groups."""
    try:
        if settings.partition is not None:
            await commands.run("scontrol", "show", "partition", settings.partition)
    except CommandFailed as error:
        if error.transient:
            raise
        name = shlex.quote(settings.partition or "")
        return [f"Slurm has no partition {settings.partition}: scontrol create PartitionName={name} Nodes=ALL State=UP"]
    options = [*site_options(settings, account), "--chdir=/", "--output=/dev/null", "--time=1"]
    try:
        await commands.run("sbatch", "--test-only", *options, "--wrap=true")
    except CommandFailed as error:
        if error.transient:
            raise
        return [_not_let_in(settings, account.pw_name, error.reason)]
    return []


def _other_account(name: str) -> str:
    return (
        f"only root may submit jobs as {name}: run the supervisor as root, or as {name} itself "
        f"(systemctl edit deepsquare-supervisor, User={name})"
    )


def _not_let_in(settings: SlurmSettings, name: str, reason: str) -> str:
    charged = shlex.quote(settings.account or "default")
    partition = shlex.quote(settings.partition or "<partition>")
    return (
        f"Slurm would refuse our jobs ({reason}): an admin must let {name} in, for example "
        f"sacctmgr -i add user {name} account={charged}, or "
        f"scontrol update PartitionName={partition} AllowGroups=ALL AllowAccounts=ALL"
    )


async def _operator(commands: Commands) -> list[str]:
    """Whether we may raise the time limit of running jobs, which a top-up needs."""
    if os.geteuid() == 0:
        return []
    name = pwd.getpwuid(os.geteuid()).pw_name
    config = await commands.run("scontrol", "show", "config")
    if f"SlurmUser = {name}(" in " ".join(config.split()):
        return []
    try:
        level = await commands.run("sacctmgr", "-n", "-P", "show", "user", name, "format=AdminLevel")
    except CommandFailed:  # no accounting, or none that answers: then nobody but root and SlurmUser has the right
        level = ""
    if level.strip() in _OPERATORS:
        return []
    return [f"running jobs cannot be prolonged when a customer tops up: {OPERATOR_ADVICE}"]


def _spool(account: pwd.struct_passwd, spool: Spool) -> list[str]:
    """Whether the jobs' account reaches its folders in the spool; tried out, as that account."""
    try:
        trial = Path(tempfile.mkdtemp(prefix=".check-", dir=spool.path))
    except OSError as error:
        path = shlex.quote(str(spool.path))
        return [f"the spool is not ours to write ({error}): install -d -m 0711 -o $(id -un) {path}"]
    try:
        if account.pw_uid == os.geteuid():
            return []
        os.chown(trial, account.pw_uid, account.pw_gid)
        done = subprocess.run(
            ["touch", str(trial / "file")],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            capture_output=True,
            check=False,
            cwd="/",
        )
    finally:
        shutil.rmtree(trial)
    if done.returncode == 0:
        return []
    closed = [str(folder) for folder in (spool.path, *spool.path.parents) if not folder.stat().st_mode & 0o001]
    return [
        f"the account {account.pw_name} cannot reach the spool {spool.path}: chmod o+x {shlex.join(closed or ['/'])}"
    ]
