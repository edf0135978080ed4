"""A gateway in memory, for those who only need one to talk to: scripts by job, logs by attempt."""

from collections import defaultdict
from typing import Protocol

from deepsquare.gateway.errors import GatewayUnreachable, LogGap, RefusedByGateway
from deepsquare.model import Address, JobId


class _Account(Protocol):
    @property
    def address(self) -> Address: ...


class MemoryGateway:
    """Believes everybody; refuses and fails when told to."""

    def __init__(self) -> None:
        self.scripts: dict[JobId, str] = {}
        self.logs: defaultdict[tuple[JobId, int], bytearray] = defaultdict(bytearray)
        self.closed: dict[tuple[JobId, int], int] = {}
        self.is_down = False
        self.refuses_logs = ""
        """The code with which appends are refused; empty where they are taken."""
        self.fetches = 0
        self.appends = 0
        self.closes = 0
        """Closes that were asked for alone."""
        self.largest_append = 0

    async def fetch_script(self, job_id: JobId, signer: _Account) -> str:  # noqa: ARG002 - the port's shape
        self._answer()
        self.fetches += 1
        if job_id not in self.scripts:
            raise RefusedByGateway(404, "script_unknown", "no such script")
        return self.scripts[job_id]

    async def append_log(
        self,
        job_id: JobId,
        attempt: int,
        offset: int,
        data: bytes,
        signer: _Account,  # noqa: ARG002
        *,
        closes: bool = False,
    ) -> int:
        self._answer()
        self.appends += 1
        if self.refuses_logs:
            raise RefusedByGateway(403, self.refuses_logs, "not yours")
        log = self.logs[job_id, attempt]
        if offset > len(log):
            raise LogGap(RefusedByGateway(409, "log_gap", "bytes are missing"), len(log))
        log[offset : offset + len(data)] = data
        self.largest_append = max(self.largest_append, len(data))
        if closes:
            self._close(job_id, attempt, offset + len(data))
        return len(log)

    async def close_log(self, job_id: JobId, attempt: int, length: int, signer: _Account) -> None:  # noqa: ARG002
        self._answer()
        self.closes += 1
        if self.refuses_logs:
            raise RefusedByGateway(403, self.refuses_logs, "not yours")
        self._close(job_id, attempt, length)

    def _close(self, job_id: JobId, attempt: int, length: int) -> None:
        held = len(self.logs[job_id, attempt])
        if length != held:
            raise LogGap(RefusedByGateway(409, "log_gap", "the log has another length"), held)
        self.closed[job_id, attempt] = length

    def _answer(self) -> None:
        if self.is_down:
            raise GatewayUnreachable("http://gateway.invalid", "connection refused")
