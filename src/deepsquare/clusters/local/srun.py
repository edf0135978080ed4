"""The `srun` of local jobs: starts N tasks of one program, each a process of its own, and waits for them.

It takes the options of Slurm's `srun` that scripts use and gives tasks the same variables (SLURM_PROCID ...). Like
Slurm's it returns the highest exit code of its tasks (128+n for a signal), passes TERM, INT, HUP, USR1 and USR2 on to
their process groups and hands its standard input to every task. Unlike Slurm's, steps of one job may overlap. Limits
are the keeper's business: a task is a descendant of the job like any other process.
"""

import argparse
import contextlib
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepsquare.clusters.local.environment import JOB_FOLDER_VARIABLE
from deepsquare.clusters.local.layout import JobFolder
from deepsquare.clusters.local.processes import die_with_parent, send
from deepsquare.clusters.records import read_json

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
NOT_FOUND_EXIT_CODE = 2


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options that scripts use; those that change nothing on one machine are taken and left alone."""
    parser = argparse.ArgumentParser(
        prog="srun", allow_abbrev=False, add_help=False, usage="srun [options] program ..."
    )
    parser.add_argument("-n", "--ntasks", type=int)
    parser.add_argument("-c", "--cpus-per-task", type=int)
    parser.add_argument("--gpus-per-task", type=_gpu_count)
    parser.add_argument("-G", "--gpus", type=_gpu_count)
    parser.add_argument("--cpu-bind", default="")
    parser.add_argument("--export", default="ALL")
    parser.add_argument("-D", "--chdir")
    parser.add_argument("-K", "--kill-on-bad-exit", nargs="?", const="1", default="0")
    for name in (
        "-J --job-name",
        "--mpi",
        "-N --nodes",
        "--ntasks-per-node",
        "--mem-per-cpu",
        "--mem",
        "-p --partition",
    ):
        parser.add_argument(*name.split())
    for name in ("-u --unbuffered", "--overlap", "--exact", "--exclusive", "-Q --quiet"):
        parser.add_argument(*name.split(), action="store_true")
    parser.add_argument("program", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if options.program[:1] == ["--"]:
        del options.program[0]
    if not options.program:
        parser.error("no program to run")
    return options


def _gpu_count(text: str) -> int:
    """The number in `2` or `a100:2`."""
    return int(text.rpartition(":")[2])


class Step:
    """One parallel run of a program within the job's shares."""

    def __init__(self, options: argparse.Namespace, folder: JobFolder) -> None:
        allocation, request = read_json(folder.allocation), read_json(folder.request)
        if allocation is None or request is None:
            raise SystemExit(f"srun: error: {folder.path} is no job's folder")
        self._options = options
        self._affinity: list[int] = allocation["affinity"]
        self._gpus = [str(gpu) for share in allocation["shares"] for gpu in share["gpus"]]
        self._tasks = int(options.ntasks or request["tasks"])
        self._cpus_per_task = int(options.cpus_per_task or request["cpus_per_task"])
        self._nodes = self._nodes_of_tasks(allocation["shares"])
        self._running: dict[int, int] = {}
        """Process id to rank."""

    def _nodes_of_tasks(self, shares: list[dict[str, Any]]) -> list[tuple[int, str, int]]:
        """For each rank its node's index, its node's name and its rank there. Refuses what the job has no CPUs for."""
        places = []
        for index, share in enumerate(shares):
            fitting = len(share["cpus"]) // self._cpus_per_task
            places += [(index, share["node"], local) for local in range(fitting)]
        if self._tasks > len(places):
            raise SystemExit(
                f"srun: error: {self._tasks} tasks of {self._cpus_per_task} CPUs are more than the job was given room "
                f"for ({len(places)}); ask for less here or for more in the job's resources"
            )
        return places[: self._tasks]

    def run(self) -> int:
        """Start all tasks, wait for all of them; the highest exit code."""
        for number in FORWARDED:
            signal.signal(number, self._forward)
        program = shutil.which(self._options.program[0])
        if program is None:
            sys.stderr.write(f"srun: error: {self._options.program[0]}: no such program\n")
            return NOT_FOUND_EXIT_CODE
        standard_input = _shareable_input(self._tasks)
        for rank in range(self._tasks):
            pid = os.fork()
            if pid == 0:
                self._become_task(rank, program, standard_input)
            self._lead_its_own_group(pid)
            self._running[pid] = rank
        return self._wait_for_all()

    def _become_task(self, rank: int, program: str, standard_input: Path | None) -> None:
        """Turn this process into the task of this rank; never returns."""
        try:
            die_with_parent()
            os.setpgid(0, 0)
            for number in (*FORWARDED, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            if standard_input is not None:
                os.dup2(os.open(standard_input, os.O_RDONLY), 0)
            os.sched_setaffinity(0, self._cpus_of(rank))
            if self._options.chdir:
                os.chdir(self._options.chdir)
            environment = self._environment(rank)
            os.execve(program, self._options.program, environment)  # noqa: S606 - to become the task is the point
        except OSError as error:
            os.write(2, f"srun: error: task {rank}: {error}\n".encode())
        finally:
            os._exit(NOT_FOUND_EXIT_CODE)

    def _cpus_of(self, rank: int) -> list[int]:
        """The task's own CPUs where the job has enough real ones, else all of the job's."""
        first = rank * self._cpus_per_task
        if self._options.cpu_bind.endswith("none") or self._tasks * self._cpus_per_task > len(self._affinity):
            return self._affinity
        return self._affinity[first : first + self._cpus_per_task]

    def _environment(self, rank: int) -> dict[str, str]:
        node_index, node, local_rank = self._nodes[rank]
        environment = {
            **exported(self._options.export, dict(os.environ)),
            "SLURM_PROCID": str(rank),
            "SLURM_LOCALID": str(local_rank),
            "SLURM_NODEID": str(node_index),
            "SLURMD_NODENAME": node,
            "SLURM_NTASKS": str(self._tasks),
            "SLURM_NPROCS": str(self._tasks),
            "SLURM_STEP_NUM_TASKS": str(self._tasks),
            "SLURM_CPUS_PER_TASK": str(self._cpus_per_task),
        }
        per_task = self._options.gpus_per_task
        if per_task is not None:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(self._gpus[rank * per_task : (rank + 1) * per_task])
        elif self._options.gpus is not None:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(self._gpus[: self._options.gpus])
        return environment

    @staticmethod
    def _lead_its_own_group(pid: int) -> None:
        """As in Slurm: a signal reaches the whole group of a task, and none of the group that srun is in."""
        with contextlib.suppress(PermissionError, ProcessLookupError):  # it was faster
            os.setpgid(pid, pid)

    def _forward(self, number: int, _frame: object) -> None:
        for pid in list(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)

    def _wait_for_all(self) -> int:
        highest = 0
        while self._running:
            pid, status = os.wait()
            rank = self._running.pop(pid, None)
            if rank is None:
                continue
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else 128 - code
            highest = max(highest, code)
            if code:
                sys.stderr.write(f"srun: error: task {rank} ended with exit code {code}\n")
                if self._options.kill_on_bad_exit != "0":
                    send(signal.SIGKILL, list(self._running))
        return highest


def exported(rule: str, environment: dict[str, str]) -> dict[str, str]:
    """The variables that `--export=<rule>` lets through: ALL, NONE, or names and settings separated by commas."""
    chosen: dict[str, str] = {}
    for entry in rule.split(","):
        name, is_setting, value = entry.partition("=")
        if is_setting:
            chosen[name] = value
        elif entry == "ALL":
            chosen |= {known: text for known, text in environment.items() if known not in chosen}
        elif entry in environment:
            chosen[entry] = environment[entry]
    ours = {name: text for name, text in environment.items() if name.startswith("SLURM")}
    ours[JOB_FOLDER_VARIABLE] = environment[JOB_FOLDER_VARIABLE]
    return ours | chosen


def _shareable_input(tasks: int) -> Path | None:
    """A file from which every task reads the whole standard input for itself; None where all may use it as it is.

    With several tasks a pipe or a file is read to its end first: what one task reads the others would miss.
    """
    kind = os.fstat(0).st_mode
    if tasks == 1 or not (stat.S_ISFIFO(kind) or stat.S_ISREG(kind) or stat.S_ISSOCK(kind)):
        return None
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this process: tasks open it by its descriptor
    with os.fdopen(0, "rb", closefd=False) as source:
        shutil.copyfileobj(source, copy)
    copy.flush()
    descriptor = os.dup(copy.fileno())
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")


def main() -> None:
    """The program: `python -m deepsquare.clusters.local.srun`."""
    options = parse(sys.argv[1:])
    folder = os.environ.get(JOB_FOLDER_VARIABLE)
    if folder is None:
        raise SystemExit(f"srun: error: this srun works inside a local job only ({JOB_FOLDER_VARIABLE} is not set)")
    sys.exit(Step(options, JobFolder(Path(folder))).run())


if __name__ == "__main__":
    main()
