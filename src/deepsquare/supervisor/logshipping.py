"""The way of a job's output from its file on the cluster to the gateway, where only its owner reads it.

By absolute offset: sending a piece twice does no harm, so the offset in the journal may lag behind and
saves only work after a restart. One bounded piece per job is in memory. A gateway that is away is
waited for; nothing else waits for it.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from deepsquare.gateway.errors import GatewayError, LogGap, RefusedByGateway
from deepsquare.model import JobTag
from deepsquare.supervisor import output
from deepsquare.supervisor.entry import AttemptKey
from deepsquare.supervisor.errors import JournalUnavailable
from deepsquare.supervisor.pace import Pace
from deepsquare.supervisor.ports import Ports

_log = logging.getLogger(__name__)

_NOTE_EVERY_BYTES = 4 * 1024 * 1024
_PIECES_IN_A_ROW = 16


@dataclass(frozen=True, slots=True)
class Source:
    """One log that is not complete at the gateway."""

    tag: JobTag
    is_over: bool
    """True once the job's file does not grow any more."""
    is_ours: bool
    """True while the chain names this provider for the job; else a refusal is final."""

    @property
    def key(self) -> AttemptKey:
        """The attempt's key in the journal."""
        return self.tag.job_id, self.tag.attempt


class LogShipper:
    """Sends what is new in the outputs of jobs."""

    def __init__(self, ports: Ports, *, chunk_bytes: int, at_once: int) -> None:
        self._ports = ports
        self._chunk_bytes = chunk_bytes
        self._slots = asyncio.Semaphore(at_once)
        self._pace = Pace()
        self._offsets: dict[AttemptKey, int] = {}

    async def ship(self, sources: Iterable[Source]) -> bool:
        """Send everything that is new, and declare complete what is over; whether any log became complete.

        Raises nothing: a gateway that fails is tried again in a later call.
        """
        now = self._ports.clock.now()
        due = [source for source in sources if self._pace.is_due(source.key, "ship", now)]
        if not due:
            return False
        paths = [self._ports.cluster.output_path(source.tag) for source in due]
        lengths = await asyncio.to_thread(output.sizes, paths)
        found = zip(due, lengths, strict=True)
        work = [self._ship(source, length) for source, length in found if self._is_wanted(source, length)]
        return any(await asyncio.gather(*work))

    def forget(self, key: AttemptKey) -> None:
        """Drop what is remembered of a log that is gone."""
        self._offsets.pop(key, None)
        self._pace.keep(key, ())

    def _is_wanted(self, source: Source, length: int | None) -> bool:
        """Whether there is anything to send or to declare: most jobs print nothing most of the time."""
        offset = self._offset(source.key)
        return offset is not None and (source.is_over or (length is not None and length > offset))

    async def _ship(self, source: Source, length: int | None) -> bool:
        try:
            async with self._slots:
                is_all = length is None or await self._send(source, length)
                return is_all and source.is_over and await self._note(source.key, complete=True)
        except LogGap as gap:
            # The gateway lost what it had (its store was replaced): go on where it stands.
            self._offsets[source.key] = gap.expected_offset
        except RefusedByGateway as refusal:
            return await self._refused(source, refusal)
        except (GatewayError, JournalUnavailable) as error:
            self._trouble(source, error)
        return False

    async def _send(self, source: Source, length: int) -> bool:
        """Send what stands before `length`, but no more than others can wait for; whether that was all.

        Where the job is over the last piece closes the log; where no piece is left, that is said alone.
        """
        key, gateway = source.key, self._ports.gateway
        for _ in range(_PIECES_IN_A_ROW):
            offset = self._offset(key)
            if offset is None:
                return True
            piece = await self._piece(source, offset, length)
            if not piece:
                if source.is_over:
                    await gateway.close_log(*key, offset, self._ports.signer)
                return True
            is_last = source.is_over and offset + len(piece) == length
            self._offsets[key] = await gateway.append_log(*key, offset, piece, self._ports.signer, closes=is_last)
            self._pace.keep(key, ())
            if is_last:
                return True
            entry = self._ports.journal.entry(key)
            if entry is not None and self._offsets[key] - entry.log_offset >= _NOTE_EVERY_BYTES:
                await self._note(key, complete=False)
        return False

    async def _piece(self, source: Source, offset: int, length: int) -> bytes:
        """The output from `offset` on, no longer than one request may be; empty where `length` is reached."""
        if offset >= length:
            return b""
        path = self._ports.cluster.output_path(source.tag)
        return await asyncio.to_thread(output.read, path, offset, min(self._chunk_bytes, length - offset))

    def _offset(self, key: AttemptKey) -> int | None:
        """Where to go on; None for an attempt that was forgotten meanwhile."""
        entry = self._ports.journal.entry(key)
        if entry is None:
            return None
        return self._offsets.setdefault(key, entry.log_offset)

    async def _note(self, key: AttemptKey, *, complete: bool) -> bool:
        offset = self._offsets.get(key, 0)
        await self._ports.journal.amend({key: lambda now: replace(now, log_offset=offset, log_complete=complete)})
        return complete

    async def _refused(self, source: Source, refusal: RefusedByGateway) -> bool:
        if source.is_ours and refusal.code != "log_closed":
            self._trouble(source, refusal)
            return False
        _log.info("job %d: the gateway takes no more of its log: %s", source.tag.job_id, refusal)
        try:
            return await self._note(source.key, complete=True)
        except JournalUnavailable as error:
            self._trouble(source, error)
            return False

    def _trouble(self, source: Source, error: Exception) -> None:
        self._pace.tried(source.key, "ship", self._ports.clock.now())
        _log.warning("job %d: its log waits: %s", source.tag.job_id, error)
