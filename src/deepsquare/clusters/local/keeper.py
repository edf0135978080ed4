"""The keeper: one small process per job that starts it, bounds it, writes down how it went and cleans up.

    python -m deepsquare.clusters.local.keeper <job folder> <descriptor of the life lock>

It is started detached (`setsid --fork`), so it survives the supervisor. It is the parent of every process of the job
(a subreaper), so none escapes the limits or outlives the job. What it is told stands in files that it looks at ten
times a second: `cancel` and `limit.json`; where the folder itself was removed it ends the job. What it has to tell
stands in files too: `started.json` is durable BEFORE the first instruction of the job, so a job without it has never
run; `ended.json` once nothing of the job is left.
When the job is over it gives its room to the next in the queue. It speaks to no network and to no other process.
"""

import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from deepsquare.clusters.local import processes
from deepsquare.clusters.local.environment import job_environment
from deepsquare.clusters.local.layout import JobFolder
from deepsquare.clusters.local.output import CappedOutput
from deepsquare.clusters.records import read_json, write_json

LOOK_SECONDS = 0.1
"""How often orders, time and memory are looked at."""

UNKILLABLE_SECONDS = 10.0
"""After so long without success KILL will not help any more (a process stuck in the kernel)."""

FULL_DISK_SECONDS = 1.0
"""How long to wait before the end record is tried again."""

PIPE_BYTES = 1 << 20
NOT_EXECUTABLE = 126
KILLED_EXIT_CODE = 128 + signal.SIGKILL


class Keeper:
    """The life of one job, from its start record to its end record."""

    def __init__(self, folder: JobFolder) -> None:
        request, allocation = read_json(folder.request), read_json(folder.allocation)
        if request is None or allocation is None:
            raise SystemExit(f"{folder.path} is no folder of a job that was given room")
        self._folder = folder
        self._request = request
        self._allocation = allocation
        self._memory_bytes = (
            int(request["tasks"]) * int(request["cpus_per_task"]) * int(request["memory_per_cpu_mb"]) << 20
        )
        self._tree = processes.ProcessTree()
        self._wanted_end = ""
        """Why the job is being stopped, as a state; empty while it may run."""
        self._detail = ""
        self._kill_at = float("inf")
        self._main_status: int | None = None

    def run(self) -> None:
        """Everything from start to end record."""
        self._started_at = time.time()
        self._started_monotonic = time.monotonic()
        if self._folder.cancel.exists():
            self._write_end("cancelled", None, started=False)
            return
        write_json(self._folder.started, {"at": self._started_at, "keeper": os.getpid()})
        self._folder.root.announce()
        self._listen_to_signals()
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        self._main = self._start_job(write_end)
        os.close(write_end)
        os.set_blocking(read_end, False)
        self._pipe = read_end
        self._output = CappedOutput(self._folder.output, int(self._request["output_limit_bytes"]))
        self._watch_over_job()
        everything_gone = self._end_what_is_left()
        self._read_output()
        self._output.close()
        if not everything_gone:
            self._detail = f"{self._detail} (some processes could not be killed)".strip()
        self._write_end(*self._verdict(), started=True)

    def _listen_to_signals(self) -> None:
        """Have the end of a child wake the loop, and TERM (a machine that shuts down) end the job as lost."""
        self._wakeup, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._stop("lost", "the machine stopped the job's keeper"))

    def _start_job(self, output: int) -> int:
        """Fork the batch script; its process id."""
        environment = job_environment(self._folder, self._request, self._allocation["shares"])
        pid = os.fork()
        if pid:
            return pid
        try:
            self._become_job(output, environment)
        except OSError as error:
            os.write(output, f"[deepsquare] the script cannot be started: {error}\n".encode())
        finally:
            os._exit(NOT_EXECUTABLE)

    def _become_job(self, output: int, environment: dict[str, str]) -> None:
        """Turn this process into the batch script, in its own session and on its own CPUs."""
        os.setsid()
        processes.die_with_parent()
        _be_first_for_the_oom_killer()
        os.sched_setaffinity(0, self._allocation["affinity"])
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these, and what is ignored is inherited
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(self._folder.work)
        # The interpreter is started by name: the script itself may still be held open by a fork of its writer.
        with self._folder.script.open("rb") as script:
            interpreter = script.readline()[2:].decode().split(maxsplit=1)
        arguments = [*(part.strip() for part in interpreter), str(self._folder.script)]
        os.execve(interpreter[0], arguments, environment)  # noqa: S606 - to become the job without a shell is the point

    def _watch_over_job(self) -> None:
        """Serve the job until its script has ended or its time to go has run out."""
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        next_look = 0.0
        while not self._script_is_over() and time.monotonic() < self._kill_at:
            wait_seconds = max(0.0, min(next_look, self._kill_at) - time.monotonic())
            for descriptor, _ in poll.poll(wait_seconds * 1000):
                if descriptor == self._wakeup:
                    os.read(self._wakeup, PIPE_BYTES)
                elif not self._read_output():
                    poll.unregister(self._pipe)
            self._reap()
            if not self._script_is_over() and time.monotonic() >= next_look:
                self._look()
                next_look = time.monotonic() + LOOK_SECONDS

    def _script_is_over(self) -> bool:
        return self._main_status is not None

    def _read_output(self) -> bool:
        """Move what the job printed into its file, at most some megabytes at a time; False at the end of the pipe."""
        for _ in range(8):
            try:
                data = os.read(self._pipe, PIPE_BYTES)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._output.write(data)
        return True

    def _look(self) -> None:
        """Compare the job with its limits and with what was asked of it."""
        pids = self._tree.look()
        if processes.memory_bytes(pids) > self._memory_bytes < processes.fair_memory_bytes(pids):
            self._stop(
                "out-of-memory", f"used more memory than asked for ({self._memory_bytes >> 20} MB)", at_once=True
            )
        elif self._folder.cancel.exists():
            self._stop("cancelled", "")
        elif not self._folder.path.exists():
            self._stop("lost", "its folder was removed", at_once=True)
        elif time.monotonic() - self._started_monotonic > self._limit_seconds():
            self._stop("timeout", "reached its time limit")

    def _limit_seconds(self) -> float:
        """The job's present time limit, counted from its start; it may be raised at any time."""
        later = read_json(self._folder.limit) or {}
        return float(later.get("seconds", self._request["limit_seconds"]))

    def _stop(self, state: str, detail: str, *, at_once: bool = False) -> None:
        """Tell the whole job to go: TERM now and KILL after the grace, or KILL at once."""
        if at_once:
            self._kill_at = time.monotonic()
        elif not self._wanted_end:
            self._kill_at = time.monotonic() + float(self._request["grace_seconds"])
            processes.send(signal.SIGTERM, processes.ProcessTree().look())
        if not self._wanted_end:  # the first reason is the reason
            self._wanted_end, self._detail = state, detail

    def _end_what_is_left(self) -> bool:
        """KILL until nothing of the job exists; False where the kernel does not let go of something."""
        give_up_at = time.monotonic() + UNKILLABLE_SECONDS
        while self._reap():
            processes.send(signal.SIGKILL, processes.ProcessTree().look())
            if time.monotonic() > give_up_at:
                return False
            self._read_output()
            select.select([self._wakeup], [], [], LOOK_SECONDS / 10)
        return True

    def _reap(self) -> bool:
        """Collect children that have ended; True while any process of the job is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._main:
                self._main_status = status

    def _verdict(self) -> tuple[str, int | None]:
        """The job's state and exit code."""
        exit_code = None if self._main_status is None else _shell_exit_code(self._main_status)
        if self._wanted_end == "out-of-memory":
            return "out-of-memory", KILLED_EXIT_CODE
        if self._wanted_end:
            return self._wanted_end, exit_code
        return ("completed" if exit_code == 0 else "failed"), exit_code

    def _write_end(self, state: str, exit_code: int | None, *, started: bool) -> None:
        """The end record, durable before anybody is told: it counts when the life lock falls."""
        record: dict[str, Any] = {
            "state": state,
            "exit_code": exit_code,
            "started_at": self._started_at if started else None,
            "ended_at": time.time(),
            "detail": self._detail,
        }
        while True:
            try:
                write_json(self._folder.ended, record)
            except OSError as error:  # a full disk must not lose a result: wait for room
                if not self._folder.path.exists():  # nobody is left to tell
                    return
                sys.stderr.write(f"the end record cannot be written, trying again: {error}\n")
                time.sleep(FULL_DISK_SECONDS)
            else:
                break


def _shell_exit_code(status: int) -> int:
    """A wait status as a shell tells it: 128+n for signal n."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _be_first_for_the_oom_killer() -> None:
    """When the machine runs out of memory, jobs go before keepers and supervisors."""
    Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def main() -> None:
    """Keep the job, then let the next one in."""
    folder, life_lock = JobFolder(Path(sys.argv[1])), int(sys.argv[2])
    os.set_inheritable(life_lock, False)  # the job must not hold the lock that says that its keeper lives
    processes.become_subreaper()
    Keeper(folder).run()
    os.close(life_lock)  # from here on the end record counts
    if not folder.root.path.exists():
        return
    folder.root.announce()
    if not folder.root.somebody_waits():
        return

    from deepsquare.clusters.local.queue import Queue  # noqa: PLC0415 - not needed until the job is over

    Queue(folder.root).tend()


if __name__ == "__main__":
    main()
