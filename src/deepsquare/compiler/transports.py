"""What a job fetches before its first step and sends after its last one, as calls of the runtime.

Addresses and keys are arguments of bash functions, never of programs: the runtime hands them on in ways that no
other process can read.
"""

from urllib.parse import unquote, urlsplit

from deepsquare.compiler.plan import Plan
from deepsquare.compiler.writer import Writer
from deepsquare.workflow import Transport

_MAX_FILE_NAME_BYTES = 200
_NAMELESS = "data"
"""What the input is called where its address names no file."""


def write_fetch(plan: Plan, writer: Writer) -> None:
    """The input; where it fails, the function around it returns."""
    if plan.fetched is None:
        return
    writer.line("# input")
    _fetch(plan.fetched, writer)
    if plan.fetched_mode is not None:
        writer.needs("mode")
        writer.word("set_mode", f"{plan.fetched_mode:o}", f"{_enterable(plan.fetched_mode):o}", orelse="return")
    writer.line()


def write_send(plan: Plan, writer: Writer) -> None:
    """The output; it is the last thing that the function around it does, so its failure is the job's."""
    if plan.sent is None or plan.sent.http is None:
        return
    writer.line()
    writer.line("# output")
    writer.needs("http_output")
    writer.word("send_http", plan.sent.http.url, "shown" if _is_open(plan.sent.http.url) else "hidden")


def _fetch(transport: Transport, writer: Writer) -> None:
    if transport.http is not None:
        writer.needs("http_input")
        writer.word("fetch_http", transport.http.url, _file_name(transport.http.url), orelse="return")


def _file_name(url: str) -> str:
    """What an address calls its file; another name where that one is none, or no file could have it."""
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    is_good = name not in {"", ".", ".."} and "/" not in name and name.isprintable()
    return name if is_good and len(name.encode()) <= _MAX_FILE_NAME_BYTES else _NAMELESS


def _is_open(url: str) -> bool:
    """Whether an address carries no credentials, so that its server's answer, which may repeat it, can be shown."""
    parts = urlsplit(url)
    return not parts.query and parts.username is None


def _enterable(mode: int) -> int:
    """The mode of folders among files of this mode: whoever may read one may enter it."""
    return mode | (mode & 0o444) >> 2
