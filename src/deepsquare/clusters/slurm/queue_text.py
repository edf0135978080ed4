"""Slurm's text about jobs -> rows. Pure.

`squeue` prints fields of fixed width, cut by byte offset: whatever a job's user writes into their job's name or
comment stays inside its own field and cannot pose as a state or an exit code. In `sacct`'s lines, separated by a
character that no field of ours holds, the free text stands last.
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_FIELDS = (
    ("jobid", 16),
    ("userid", 16),
    ("state", 24),
    ("exit_code", 16),
    ("restartcnt", 8),
    ("starttime", 24),
    ("endtime", 24),
    ("timeused", 24),
    ("reason", 64),
    ("nodelist", 64),
    ("comment", 160),
    ("name", 160),
)

SQUEUE_FORMAT = ",".join(f"{name}:{width}" for name, width in _FIELDS)

SACCT_DELIMITER = "|"
SACCT_FORMAT = "JobID,UID,State%40,ExitCode,Start,End,NodeList%40,JobName%160"
_SACCT_FIELDS = 8

_ROWS_REMEMBERED = 10_000

_NO_NODES = ("", "(null)", "None assigned")
_DURATION = re.compile(r"\A(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)\Z")


@dataclass(frozen=True, slots=True)
class Row:
    """One job as Slurm tells it."""

    id: str
    uid: int
    state: str
    """Slurm's word, in full (`OUT_OF_MEMORY`)."""
    exit_code: int | None
    """128+n for a signal; None where Slurm does not say."""
    restarts: int | None
    """How often Slurm has queued the job again; None where it does not say."""
    started_at: datetime | None
    """None for a job that never had a node: Slurm stamps such a one with the moment of its cancel."""
    ended_at: datetime | None
    used: timedelta | None
    """Time run, without suspensions."""
    reason: str
    tag_texts: tuple[str, ...]
    """What may be the tag: the comment and the name."""
    cancelled_by_uid: int | None = None


def parse_squeue(text: str) -> list[Row]:
    """The rows of `squeue -h -O SQUEUE_FORMAT`, oldest id first; lines of another shape are left out."""
    rows = (_squeue_row(line) for line in text.encode().split(b"\n"))
    return sorted((row for row in rows if row is not None), key=lambda row: int(row.id))


@functools.lru_cache(maxsize=_ROWS_REMEMBERED)
def _squeue_row(line: bytes) -> Row | None:
    """One line of it. Slurm tells of jobs that are over for minutes, always in the same words."""
    values, offset = {}, 0
    for name, width in _FIELDS:
        values[name] = line[offset : offset + width].decode(errors="replace").strip()
        offset += width
    if not values["jobid"].isdigit() or not values["userid"].isdigit():
        return None
    return Row(
        id=values["jobid"],
        uid=int(values["userid"]),
        state=values["state"],
        exit_code=parse_exit_code(values["exit_code"]),
        restarts=int(values["restartcnt"]) if values["restartcnt"].isdigit() else 0,
        started_at=_moment(values["starttime"]) if values["nodelist"] else None,
        ended_at=_moment(values["endtime"]),
        used=_duration(values["timeused"]),
        reason="" if values["reason"] == "None" else values["reason"],
        tag_texts=(values["comment"], values["name"]),
    )


def parse_sacct(text: str) -> list[Row]:
    """The rows of `sacct -n -P -o SACCT_FORMAT`, oldest run of a job first; steps are left out."""
    rows = []
    for line in text.splitlines():
        values = line.split(SACCT_DELIMITER, _SACCT_FIELDS - 1)
        if len(values) != _SACCT_FIELDS or not values[0].isdigit() or not values[1].isdigit():
            continue
        state, _, by = values[2].partition(" by ")
        rows.append(
            Row(
                id=values[0],
                uid=int(values[1]),
                state=state,
                exit_code=parse_exit_code(values[3]),
                restarts=None,
                started_at=_moment(values[4]) if values[6] not in _NO_NODES else None,
                ended_at=_moment(values[5]),
                used=None,
                reason="",
                tag_texts=(values[7],),
                cancelled_by_uid=int(by) if by.isdigit() else None,
            )
        )
    return rows


def parse_exit_code(text: str) -> int | None:
    """The shell's exit code in `3:0`, `0:9` (a signal) or a raw wait status (768)."""
    code, colon, signal_number = text.partition(":")
    if not code.isdigit():
        return None
    if not colon:
        status = int(code)
        return 128 + (status & 0x7F) if status & 0x7F else status >> 8
    if signal_number.isdigit() and int(signal_number):
        return 128 + int(signal_number)
    return int(code)


def newest_by_tag_text(rows: Iterable[Row]) -> dict[str, Row]:
    """For each comment and name the last of the rows that have it."""
    return {text: row for row in rows for text in row.tag_texts}


def _moment(text: str) -> datetime | None:
    """Seconds since 1970; None for `N/A`, `Unknown`, and 0 (Slurm's "never")."""
    return datetime.fromtimestamp(int(text), UTC) if text.isdigit() and int(text) else None


def _duration(text: str) -> timedelta | None:
    """`1-02:03:04`, `02:03:04` or `3:04`."""
    match = _DURATION.match(text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
