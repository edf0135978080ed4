"""What `squeue` prints, as a test wants it."""

from deepsquare.clusters.slurm.queue_text import SQUEUE_FORMAT

WIDTHS = {name: int(width) for name, width in (field.split(":") for field in SQUEUE_FORMAT.split(","))}
ROW = {
    "jobid": "17",
    "userid": "65534",
    "state": "FAILED",
    "exit_code": "768",
    "restartcnt": "1",
    "starttime": "1795173690",
    "endtime": "1795173700",
    "timeused": "0:10",
    "reason": "NonZeroExitCode",
    "nodelist": "n[1-2]",
    "comment": "tag-1",
    "name": "tag-1",
}


def printed(**changes: str) -> str:
    """A line as squeue prints it: each field padded, or cut, to its width in bytes."""
    fields = {**ROW, **changes}
    line = b"".join(fields[name].encode()[:width].ljust(width) for name, width in WIDTHS.items())
    return line.decode(errors="replace")
