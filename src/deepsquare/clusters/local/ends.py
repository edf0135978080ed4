"""The end record of a local job, read with suspicion.

A job runs under the account of its keeper and may write what it likes into its own folder. So an end counts only
where the keeper does not live any more, and a record that makes no sense is none: the job was lost then. That keeps
one job's nonsense from everybody else's jobs; it is no wall around a job that is out to cheat.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deepsquare.clusters.local.layout import JobFolder
from deepsquare.clusters.port import RunState
from deepsquare.clusters.records import read_json

_LAST_SECOND = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class EndRecord:
    """How a job went, as its keeper (or whoever settled it) wrote it down."""

    state: RunState
    started_at: datetime | None
    ended_at: datetime
    exit_code: int | None
    detail: str


def read_end(folder: JobFolder) -> EndRecord | None:
    """The end of a job whose keeper is gone; None where there is no record, or one that makes no sense."""
    record = read_json(folder.ended)
    if record is None:
        return None
    try:
        state, began, ended = RunState(record["state"]), _moment(record["started_at"]), _moment(record["ended_at"])
        exit_code, detail = record["exit_code"], record["detail"]
    except (KeyError, ValueError):
        return None
    if not state.is_over or ended is None or not isinstance(exit_code, int | None) or not isinstance(detail, str):
        return None
    return EndRecord(state, began, ended, exit_code, detail)


def started_at(folder: JobFolder) -> datetime | None:
    """When the job began, as its start record says; None where that says nothing sensible."""
    try:
        return _moment((read_json(folder.started) or {}).get("at"))
    except ValueError:
        return None


def _moment(seconds: Any) -> datetime | None:
    """A unix time, where None says that it has not happened. Raises `ValueError` for what is neither."""
    if seconds is None:
        return None
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or not 0 <= seconds < _LAST_SECOND:
        raise ValueError("not a moment")
    return datetime.fromtimestamp(seconds, UTC)
