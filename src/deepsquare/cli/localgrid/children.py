"""The processes of a grid: started in order, restarted when they die, ended in the opposite order.

A child is restarted after a pause that doubles with each death and starts anew once it has lived for a
while. One that dies again and again before it was ever ready fails the grid: waiting would not help. No
child outlives this process (see `tether`), and none gets the terminal's Ctrl-C: they end in order.
"""

import asyncio
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deepsquare.cli.failure import GridFailed
from deepsquare.clock import Clock

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STABLE_SECONDS = 60.0
"""A child that lived this long is restarted at once when it dies."""
EARLY_DEATHS = 3
"""So many deaths before a child was ever ready, and the grid gives up."""
READY_SECONDS = 60.0
READY_LOOK_SECONDS = 0.05
TERM_SECONDS = 15.0
"""How long a child may take to end before it is killed."""
LOG_TAIL_LINES = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One service: how to start it and how to know that it serves."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    is_ready: Callable[[], Awaitable[bool]]


class Child:
    """One part and its process."""

    def __init__(self, part: Part, clock: Clock, say: Callable[[str], None]) -> None:
        self.part = part
        self._clock = clock
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._was_ready = False
        self._deaths = 0
        self._keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while the process lives."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start the process; return once it serves. Raises `GridFailed`."""
        self._process = await self._spawn()
        self._keeping = asyncio.create_task(self._keep(), name=f"keep {self.part.name}")
        await self.ready()

    async def ready(self) -> None:
        """Return as soon as the part serves; raise `GridFailed` where it never will."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await self.part.is_ready():
                    if self._keeping is not None and self._keeping.done():
                        await self._keeping
                    await self._clock.sleep(READY_LOOK_SECONDS)
        except TimeoutError:
            raise self._failed(f"did not get ready within {READY_SECONDS:.0f} s") from None
        self._was_ready = True

    async def stop(self) -> None:
        """TERM, wait, KILL if it must be."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(TERM_SECONDS):
                await process.wait()
        except TimeoutError:
            _log.warning("%s did not end within %g s and is killed", self.part.name, TERM_SECONDS)
            process.kill()
            await process.wait()

    async def watch(self) -> None:
        """Run until the part cannot be kept alive; raise `GridFailed` then."""
        if self._keeping is not None:
            await asyncio.shield(self._keeping)

    async def _keep(self) -> None:
        """Restart the process whenever it dies."""
        process = self._process
        while process is not None:
            started = self._clock.now()
            code = await process.wait()
            lived = (self._clock.now() - started).total_seconds()
            self._deaths = 0 if lived >= STABLE_SECONDS else self._deaths + 1
            if not self._was_ready and self._deaths >= EARLY_DEATHS:
                raise self._failed(f"ended {self._deaths} times with {_ending(code)}")
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** max(0, self._deaths - 1))
            self._say(f"{self.part.name} ended with {_ending(code)}; starting it again in {pause:g} s")
            await self._clock.sleep(pause)
            process = self._process = await self._spawn()

    async def _spawn(self) -> asyncio.subprocess.Process:
        tether = (sys.executable, "-P", "-m", "deepsquare.cli.localgrid.tether", str(os.getpid()))
        with self.part.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *tether,
                *self.part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.part.environment),
                start_new_session=True,
            )

    def _failed(self, how: str) -> GridFailed:
        tail = " | ".join(_last_lines(self.part.log)) or "it wrote nothing"
        return GridFailed(f"{self.part.name} {how}: {tail}", next_step=f"read {self.part.log}")


class Children:
    """The processes of one grid, in the order in which they were started."""

    def __init__(self, clock: Clock, say: Callable[[str], None]) -> None:
        self._clock = clock
        self._say = say
        self._children: list[Child] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each part that runs now."""
        return {child.part.name: child.pid for child in self._children if child.pid is not None}

    async def start(self, *parts: Part) -> None:
        """Start parts side by side; return once all of them serve."""
        children = [Child(part, self._clock, self._say) for part in parts]
        self._children += children
        try:
            async with asyncio.TaskGroup() as group:
                for child in children:
                    group.create_task(child.start())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def watch(self) -> None:
        """Keep all of them alive until cancelled; raise `GridFailed` where that cannot be done."""
        await asyncio.gather(*(child.watch() for child in self._children))

    async def stop(self) -> None:
        """End all of them, the last started first."""
        while self._children:
            await self._children.pop().stop()


def _ending(code: int) -> str:
    """A process's end in words: `exit code 3` or `signal KILL`."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name.removeprefix('SIG')}"


def _last_lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return [line.strip() for line in deque(lines, maxlen=LOG_TAIL_LINES) if line.strip()]
    except FileNotFoundError:
        return []
