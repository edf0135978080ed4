"""What a job fetches before its first step and sends after its last one, as calls of the runtime.

Addresses and keys are arguments of bash functions, never of programs: the runtime hands them on in ways that no
other process can read.
"""

from urllib.parse import unquote, urlsplit

from deepsquare.compiler.flow import write_scope
from deepsquare.compiler.plan import Plan
from deepsquare.compiler.writer import Writer
from deepsquare.workflow import HttpData, S3Data, Transport

_MAX_FILE_NAME_BYTES = 200
_NAMELESS = "data"
"""What the input is called where its address names no file."""


def write_job(plan: Plan, writer: Writer) -> None:
    """The function `job`: all steps, and the data around them."""
    is_synced = plan.is_sent_continuously and plan.sent is not None and plan.sent.s3 is not None
    if is_synced:
        with writer.block("all_steps() {", "}"):
            write_scope(plan.body, writer)
        writer.line()
    with writer.block("job() {", "}"):
        _write_fetch(plan, writer)
        if not is_synced:
            write_scope(plan.body, writer)
        _write_send(plan, writer)


def _write_fetch(plan: Plan, writer: Writer) -> None:
    """The input; where it fails, the function around it returns."""
    match plan.fetched:
        case Transport(http=HttpData(url=url)):
            _call(writer, "input", "http_input", "fetch_http", url, _file_name(url), orelse="return")
        case Transport(s3=S3Data() as data):
            _call(writer, "input", "s3_input", "fetch_s3", *_place(data), orelse="return")
        case _:
            return
    if plan.fetched_mode is not None:
        writer.needs("mode")
        writer.word("set_mode", f"{plan.fetched_mode:o}", f"{_enterable(plan.fetched_mode):o}", orelse="return")
    writer.line()


def _write_send(plan: Plan, writer: Writer) -> None:
    """The output; it is the last thing that the function around it does, so its failure is the job's."""
    match plan.sent:
        case Transport(http=HttpData(url=url)):
            _call(writer, "output", "http_output", "send_http", url, "shown" if _is_open(url) else "hidden")
        case Transport(s3=S3Data() as data) if plan.is_sent_continuously:
            _call(writer, "output", "s3_sync", "sync_s3", "all_steps", _verb(data), *_place(data))
        case Transport(s3=S3Data() as data):
            _call(writer, "output", "s3_output", "send_s3", _verb(data), *_place(data))
        case _:
            pass


def _call(writer: Writer, title: str, part: str, *words: str, orelse: str = "") -> None:
    writer.line(f"# {title}")
    writer.needs(part)
    writer.word(*words, orelse=orelse)


def _place(data: S3Data) -> tuple[str, ...]:
    """In the words of the runtime's `s3`: region, endpoint, bucket and path, keys."""
    where = data.bucket_url.removeprefix("s3://") + data.path
    return (data.region, data.endpoint_url, where, data.access_key_id, data.secret_access_key)


def _verb(data: S3Data) -> str:
    return "sync" if data.delete_sync else "copy"


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
