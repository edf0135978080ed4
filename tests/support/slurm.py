"""A whole Slurm on loopback for tests and benchmarks: munged, slurmctld and four slurmd, in a folder of its own.

    with slurm_lab() as lab:
        lab.run("sbatch", ...)

Several labs run side by side: ports are free ones, node names hold the process id (Slurm names cgroups after
nodes). Daemons are stopped by their pid files, their cgroups removed. It needs root, cgroup v1 and the packages
that `.ci/run` installs; where one is missing `unavailable()` says which.
"""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NODES = 4
CPUS_PER_NODE = 8
MEMORY_PER_NODE_MB = 2000
GPUS_OF_FIRST_NODE = 2
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.02
JOB_ACCOUNT = "nobody"
"""The unprivileged account that the lab's jobs run as."""

_lab_numbers = itertools.count(1)

_CONF = """\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool-%n
SlurmdParameters=config_overrides
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
EnforcePartLimits=ALL
MailProg=/bin/true
ReturnToService=2
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
JobAcctGatherType=jobacct_gather/cgroup
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=5,default_queue_depth=1000,bf_interval=2,bf_continue
KillWait=2
SlurmdTimeout=5
MinJobAge={minimum_job_age_seconds}
{job_completion}
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=closed Nodes=ALL Default=NO MaxTime=INFINITE State=UP AllowAccounts=somebody AllowGroups=shadow
"""

_CGROUP_CONF = """\
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
ConstrainRAMSpace=yes
ConstrainSwapSpace=yes
ConstrainDevices=no
ConstrainCores=no
"""


def unavailable() -> str:
    """Why no lab can run here; empty where one can."""
    missing = [name for name in ("slurmctld", "slurmd", "munged", "sbatch") if _daemon(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}; run .ci/run as root, or apt-get install slurmctld slurmd munge"
    if os.geteuid() != 0:
        return "a Slurm lab needs root (slurmd starts jobs as other users); run the system tests as root"
    if not Path("/sys/fs/cgroup/memory").is_dir():
        return "a Slurm lab needs the memory controller of cgroup v1 in /sys/fs/cgroup/memory"
    return ""


def _daemon(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def slurm_lab(**options: Any) -> Iterator["SlurmLab"]:
    """A lab in a folder of its own that other users may enter (pytest's are closed to them)."""
    with tempfile.TemporaryDirectory(prefix="dps-lab-") as folder, SlurmLab(Path(folder), **options) as lab:
        yield lab


class SlurmLab:
    """One running cluster. `with_history` keeps finished jobs in a job completion file, read by `sacct -c`."""

    def __init__(self, folder: Path, *, with_history: bool = True, minimum_job_age_seconds: int = 300) -> None:
        self.folder = folder
        self.with_history = with_history
        self._minimum_job_age_seconds = minimum_job_age_seconds
        prefix = f"l{os.getpid()}x{next(_lab_numbers)}n"
        self.nodes = tuple(f"{prefix}{index}" for index in range(NODES))
        self.environment: Mapping[str, str] = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "SLURM_CONF": str(self.conf),
        }

    @property
    def conf(self) -> Path:
        """The cluster's slurm.conf."""
        return self.folder / "slurm.conf"

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.stop)
            self._write_configuration()
            self._start_munge()
            self.start_controller()
            for node in self.nodes:
                self.start_node(node)
            self.wait_until(lambda: self._idle_nodes() == NODES, "all nodes are idle")
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def run(self, *argv: str) -> str:
        """The output of one Slurm command."""
        done = subprocess.run(argv, env=self.environment, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise AssertionError(f"{argv} failed: {done.stderr}")
        return done.stdout

    def start_controller(self) -> None:
        """Start slurmctld; its state is on disk."""
        self._start("slurmctld", "-f", str(self.conf))
        self.wait_until(self._controller_answers, "slurmctld answers")

    def kill_controller(self) -> None:
        """kill -9 slurmctld."""
        self._end(self.folder / "slurmctld.pid", signal.SIGKILL)

    def start_node(self, node: str) -> None:
        """Start the slurmd of one node."""
        self._start("slurmd", "-N", node, "-f", str(self.conf))

    def kill_node(self, node: str) -> None:
        """kill -9 the slurmd of one node and all job steps on it, as a power cut would."""
        self._end(self.folder / f"slurmd-{node}.pid", signal.SIGKILL)
        for pid in self._pids_of_node(node):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def suspended_since(self, job_id: str) -> float:
        """When the job was suspended, in seconds since 1970."""
        shown = self.run("env", "SLURM_TIME_FORMAT=%s", "scontrol", "show", "job", job_id, "-o")
        return float(shown.partition(" SuspendTime=")[2].split()[0])

    def wait_until(self, condition: object, what: str) -> None:
        """Look again and again until `condition()` holds; an assertion with the daemons' logs after a while."""
        assert callable(condition)
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > give_up_at:
                raise AssertionError(f"after {PATIENCE_SECONDS:.0f} s still not: {what}\n{self.logs()}")
            time.sleep(PAUSE_SECONDS)

    def logs(self) -> str:
        """The last lines of every daemon's log."""
        return "\n".join(f"== {log.name}\n{log.read_text()[-1500:]}" for log in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        """End daemons and jobs, remove what they left in the kernel. Nothing of a lab is worth a clean goodbye."""
        self.kill_controller()
        for node in self.nodes:
            self.kill_node(node)
        self._end(self.folder / "munge/pid", signal.SIGKILL)
        for node in self.nodes:
            self._remove_cgroups(node)

    def _write_configuration(self) -> None:
        self.folder.chmod(0o755)  # munged and the jobs run as other users
        for name in ("state", "munge", *(f"spool-{node}" for node in self.nodes)):
            (self.folder / name).mkdir(parents=True)
        controller_port, *ports = _free_ports(NODES + 1)
        host = socket.gethostname().partition(".")[0]
        gpus = [self.folder / f"gpu{index}" for index in range(GPUS_OF_FIRST_NODE)]
        for gpu in gpus:
            os.mknod(gpu, 0o20666, os.makedev(1, 3))
        nodes = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS_PER_NODE} "
            f"RealMemory={MEMORY_PER_NODE_MB}" + (f" Gres=gpu:a100:{GPUS_OF_FIRST_NODE}" if index == 0 else "")
            for index, (node, port) in enumerate(zip(self.nodes, ports, strict=True))
        ]
        job_completion = (
            f"JobCompType=jobcomp/filetxt\nJobCompLoc={self.folder}/jobcomp.txt" if self.with_history else ""
        )
        values = {
            "host": host,
            "folder": self.folder,
            "controller_port": controller_port,
            "minimum_job_age_seconds": self._minimum_job_age_seconds,
            "job_completion": job_completion,
            "nodes": "\n".join(nodes),
        }
        self.conf.write_text(_CONF.format(**values))
        (self.folder / "cgroup.conf").write_text(_CGROUP_CONF)
        (self.folder / "gres.conf").write_text(
            f"NodeName={self.nodes[0]} Name=gpu Type=a100 File={self.folder}/gpu[0-{GPUS_OF_FIRST_NODE - 1}]\n"
        )

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        key = folder / "key"
        key.write_bytes(os.urandom(128))
        munge = pwd.getpwnam("munge")
        for path, mode in ((folder, 0o755), (key, 0o600)):
            path.chmod(mode)
            os.chown(path, munge.pw_uid, munge.pw_gid)
        options = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        argv = [f"--{option}={folder / name}" for option, name in options.items()]
        self._start("munged", *argv, user=munge.pw_uid, group=munge.pw_gid)

    def _start(self, daemon: str, *arguments: str, user: int | None = None, group: int | None = None) -> None:
        program = _daemon(daemon)
        assert program is not None
        done = subprocess.run(
            [program, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )
        assert done.returncode == 0, f"{daemon} did not start: {done.stderr}\n{self.logs()}"

    def _controller_answers(self) -> bool:
        ping = subprocess.run(
            ["scontrol", "ping"], env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )
        return " UP" in ping.stdout

    def _idle_nodes(self) -> int:
        return self.run("sinfo", "-h", "-N", "-p", "main", "-o", "%T").split().count("idle")

    def _pids_of_node(self, node: str) -> set[int]:
        """Every process in the cgroups of the node's jobs, and the step daemons that lead them."""
        found: set[int] = set()
        for procs in Path("/sys/fs/cgroup").glob(f"*/slurm_{node}/**/cgroup.procs"):
            with suppress(OSError):
                found.update(int(pid) for pid in procs.read_text().split())
        return found

    def _remove_cgroups(self, node: str) -> None:
        for top in Path("/sys/fs/cgroup").glob(f"*/slurm_{node}"):
            folders = [path for path in top.rglob("*") if path.is_dir()]
            for folder in (*sorted(folders, key=lambda path: -len(path.parts)), top):
                self.wait_until(lambda folder=folder: _removed(folder), f"{folder} is removed")

    def _end(self, pid_file: Path, number: signal.Signals) -> None:
        """End the daemon behind a pid file and wait until it is gone."""
        try:
            pid = int(pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        self.wait_until(lambda: _is_gone(pid), f"process {pid} of {pid_file.name} is gone")
        pid_file.unlink(missing_ok=True)


def _is_gone(pid: int) -> bool:
    """True for a process that has ended, reaped or not: daemons belong to the machine's init, which takes its time."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return "State:\tZ" in status


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _free_ports(count: int) -> Sequence[int]:
    """Ports that are free now, all different."""

    def sockets() -> Iterator[socket.socket]:
        for _ in range(count):
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            yield listener

    held = list(sockets())
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports
