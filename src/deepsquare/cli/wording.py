"""How jobs, bills, providers and candidates are written: as table rows, as lines, as JSON. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from deepsquare.cli.output import Column, JsonValue, Table, record
from deepsquare.model import Job, JobStatus, Node, Provider, format_credits
from deepsquare.scheduling import Candidate, Offer, Rejection, Site
from deepsquare.sdk.amounts import in_credits, to_credits, to_wei
from deepsquare.sdk.bill import Bill

NOTHING = "-"
_SHOWN_ADDRESS_START, _SHOWN_ADDRESS_END = 8, 4
_SHOWN_DECIMALS = 6
"""Of credits in the list of jobs; `dps job show` and `--json` are exact."""
_NAMED_PROVIDERS = 3
"""More are counted where something is said of them."""
_DAYS_PER_YEAR = 365


def short(address: str) -> str:
    """An address as a person compares it: `0x12ab34…9f`."""
    return f"{address[:_SHOWN_ADDRESS_START]}…{address[-_SHOWN_ADDRESS_END:]}"


def local_time(moment: datetime | None) -> str:
    """A moment on this machine's clock."""
    return NOTHING if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def json_time(moment: datetime | None) -> str | None:
    """A moment for programs: ISO 8601 in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def duration(seconds: float | None) -> str:
    """`1 h 30 min`, `12 s`; from a day on days and hours, from a year on years; without bound where there is none."""
    if seconds is None:
        return "without bound"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days >= _DAYS_PER_YEAR:
        return counted(days // _DAYS_PER_YEAR, "year")
    parts = [(days, "d"), (hours, "h")] if days else [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount) or "0 s"


def counted(number: int, noun: str) -> str:
    """`1 CPU`, `4 CPUs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def headline(reason: str) -> str:
    """The first line of a reason: a failed job's goes on with the last lines of its output."""
    return reason.partition("\n")[0]


def resources(nodes: Iterable[Node]) -> str:
    """The resources of some nodes together."""
    cpus, memory_mb, gpus = 0, 0, 0
    for node in nodes:
        cpus, memory_mb, gpus = cpus + node.cpus, memory_mb + node.memory_mb, gpus + node.gpus
    return f"{counted(cpus, 'CPU')}, {memory_mb} MB" + (f", {counted(gpus, 'GPU')}" if gpus else "")


def labels(provider: Provider) -> str:
    """A provider's labels on one line."""
    return " ".join(str(label) for label in provider.labels)


_CANDIDATE_COLUMNS = (
    Column("provider"),
    Column("credits/min", right=True),
    Column("free now"),
    Column("expected start"),
    Column("answer"),
)


def candidate_tables(candidates: Sequence[Candidate], *, told: str = "") -> tuple[Table, ...]:
    """What each provider offers, or why it does not; below that what would help, but what is `told` anyway."""
    full = Table(_CANDIDATE_COLUMNS, [_candidate_row(row) for row in candidates], _remedies(candidates, told))
    return (full, full.without("free now"))


def _remedies(candidates: Sequence[Candidate], told: str) -> list[str]:
    """What would help where providers reject the job, each thing once."""
    whom: dict[str, list[str]] = {}
    for row in candidates:
        if isinstance(row.answer, Rejection):
            whom.setdefault(row.answer.help, []).append(_name(row.site.provider))
    return [
        f"What would help{_among(names, len(candidates))}: {remedy}" for remedy, names in whom.items() if remedy != told
    ]


def _among(names: Sequence[str], number: int) -> str:
    """Which of so many providers are meant; nothing where it is all of them."""
    if len(names) == number:
        return ""
    return f" at {', '.join(names)}" if len(names) <= _NAMED_PROVIDERS else f" at {len(names)} of them"


def _name(provider: Provider) -> str:
    """A provider as people know it: its site, and as much of its address as tells it from others."""
    return f"{provider.label('site') or ''} {short(provider.address)}".strip()


def _candidate_row(row: Candidate) -> tuple[str, ...]:
    name = _name(row.site.provider)
    free = resources(row.site.free)
    if isinstance(row.answer, Offer):
        verdict = "CHOSEN" if row.is_chosen else "possible"
        return (name, format_credits(row.answer.price_per_minute), free, "now", verdict)
    start = local_time(row.answer.expected_start)
    return (name, NOTHING, free, start, row.answer.message)


def candidate_documents(candidates: Sequence[Candidate]) -> list[JsonValue]:
    """The same for programs."""
    return [_candidate_document(row) for row in candidates]


def _candidate_document(row: Candidate) -> dict[str, JsonValue]:
    document: dict[str, JsonValue] = {"provider": row.site.provider.address, "chosen": row.is_chosen}
    if isinstance(row.answer, Offer):
        return document | {
            "offers": True,
            "price_per_minute": format_credits(row.answer.price_per_minute),
            "max_duration_seconds": row.answer.max_duration_seconds,
            "expected_start": "now",
        }
    return document | {
        "offers": False,
        "rule": row.answer.rule.value,
        "message": row.answer.message,
        "help": row.answer.help,
        "expected_start": json_time(row.answer.expected_start),
    }


def bill_line(bill: Bill) -> str:
    """The bill on one line: where the locked credits went, or would go if the job ended now."""
    locked, time = in_credits(bill.locked), f"{bill.seconds} s at {bill.price_per_minute} credits/min"
    if bill.is_final:
        return f"Bill: {locked} locked = {bill.paid} paid + {bill.fee} fee + {bill.refunded} refunded ({time})"
    if not bill.cost:
        return f"Bill so far: {locked} locked, none used; what the job does not use comes back when it is over"
    return (
        f"Bill so far: {locked} locked; if the job ended now: {bill.paid} paid + {bill.fee} fee + {bill.refunded} back "
        f"({time})"
    )


def bill_document(bill: Bill) -> dict[str, JsonValue]:
    """The bill for programs."""
    return {
        "locked": str(bill.locked),
        "paid": str(bill.paid),
        "fee": str(bill.fee),
        "refunded": str(bill.refunded),
        "price_per_minute": str(bill.price_per_minute),
        "seconds": bill.seconds,
        "final": bill.is_final,
    }


_JOB_COLUMNS = (
    Column("job", right=True),
    Column("name"),
    Column("state"),
    Column("provider"),
    Column("submitted"),
    Column("locked", right=True),
    Column("cost", right=True),
)


def job_tables(jobs: Iterable[tuple[Job, Bill]]) -> tuple[Table, ...]:
    """One row per job; on a narrow terminal without the time of submission, then without what is locked."""
    full = Table(_JOB_COLUMNS, [_job_row(*entry) for entry in jobs])
    timeless = full.without("submitted")
    return (full, timeless, timeless.without("locked"))


def _job_row(job: Job, bill: Bill) -> tuple[str, ...]:
    provider = short(job.provider) if job.provider else NOTHING
    submitted = local_time(job.time.submitted_at)
    return (str(job.id), job.name, job.status.name, provider, submitted, _rounded(bill.locked), _rounded(bill.cost))


def _rounded(amount: Decimal) -> str:
    return str(to_credits(to_wei(round(amount, _SHOWN_DECIMALS))))


def job_document(job: Job, bill: Bill) -> dict[str, JsonValue]:
    """A job for programs."""
    definition = job.definition
    return {
        "job": job.id,
        "name": job.name,
        "status": job.status.name,
        "customer": job.customer,
        "provider": job.provider,
        "exit_code": job.exit_code if job.status.is_cold else None,
        "last_error": job.last_error,
        "cancel_requested": job.cancel_requested,
        "attempt": job.terms.attempt,
        "max_attempts": job.terms.max_attempts,
        "terms": {
            "lease_seconds": job.terms.lease_seconds,
            "report_delay_seconds": job.terms.report_delay_seconds,
            "cancel_grace_seconds": job.terms.cancel_grace_seconds,
            "cancel_timeout_seconds": job.terms.cancel_timeout_seconds,
        },
        "resources": {
            "tasks": definition.tasks,
            "cpus_per_task": definition.cpus_per_task,
            "memory_per_cpu_mb": definition.memory_per_cpu_mb,
            "gpus": definition.gpus,
        },
        "script_hash": definition.script_hash,
        "submitted_at": json_time(job.time.submitted_at),
        "claimed_at": json_time(job.time.claimed_at),
        "started_at": json_time(job.time.started_at),
        "ended_at": json_time(job.time.ended_at),
        "bill": bill_document(bill),
    }


def job_lines(job: Job, bill: Bill) -> str:
    """A job in full."""
    definition = job.definition
    cpus, gpus = counted(definition.cpus_per_task, "CPU"), counted(definition.gpus, "GPU")
    has_exit_code = job.status.is_cold and job.time.started_at and job.status is not JobStatus.PANICKED
    lines = [
        ("Job", f"{job.id} {job.name}".strip()),
        ("State", job.status.name + (" (cancel requested)" if job.cancel_requested and job.status.is_hot else "")),
        ("Customer", job.customer),
        ("Provider", job.provider or NOTHING),
        ("Asks for", f"{definition.tasks} x {cpus}, {definition.memory_mb} MB, {gpus}"),
        ("Wishes", " ".join(map(str, (*definition.uses, *definition.affinities))) or NOTHING),
        ("Attempt", f"{job.terms.attempt} of {job.terms.max_attempts}"),
        ("Submitted", local_time(job.time.submitted_at)),
        ("Started", local_time(job.time.started_at)),
        ("Ended", local_time(job.time.ended_at)),
        ("Exit code", str(job.exit_code) if has_exit_code else NOTHING),
        ("Last error", job.last_error or NOTHING),
        ("Script", definition.script_hash),
    ]
    return "\n".join([record(lines), bill_line(bill)])


def cancel_terms(job: Job) -> str:
    """What the customer of a running job may rely on after asking for its end."""
    requested_at = job.time.cancel_requested_at or job.time.submitted_at
    unbilled, forced = (
        local_time(requested_at + timedelta(seconds=seconds))
        for seconds in (job.terms.cancel_grace_seconds, job.terms.cancel_timeout_seconds)
    )
    return (
        f"Nothing is billed after {unbilled}. Should it still run at {forced}, end it yourself: dps job cancel {job.id}"
    )


_SITE_COLUMNS = (
    Column("provider"),
    Column("state"),
    Column("hardware"),
    Column("free"),
    Column("credits/min: CPU, GB, GPU"),
    Column("labels"),
)
_BRIEF_SITE_COLUMNS = (Column("provider"), Column("state"), Column("free"), Column("credits/min: CPU, GB, GPU"))


def site_tables(sites: Iterable[tuple[Site, str]]) -> tuple[Table, ...]:
    """One row per provider and its state; on a narrow terminal its name, what is free and its prices."""
    rows = [(site, _site_row(site, state)) for site, state in sites]
    brief_rows = [(_name(site.provider), state, free, price) for site, (_, state, _, free, price, _) in rows]
    brief = Table(_BRIEF_SITE_COLUMNS, brief_rows)
    return (Table(_SITE_COLUMNS, [row for _, row in rows]), brief, brief.without("free"))


def site_fields(site: Site, state: str) -> list[tuple[str, str]]:
    """A provider in full, title by title."""
    return [(column.title, text) for column, text in zip(_SITE_COLUMNS, _site_row(site, state), strict=True)]


def _site_row(site: Site, state: str) -> tuple[str, str, str, str, str, str]:
    provider = site.provider
    prices = provider.prices
    each = (prices.cpu_per_minute, prices.memory_mb_per_minute * 1000, prices.gpu_per_minute)
    nodes = provider.hardware.nodes
    hardware = f"{counted(len(nodes), 'node')}: {resources(nodes)}"
    price = ", ".join(map(format_credits, each))
    return (provider.address, state, hardware, resources(site.free), price, labels(provider))


def site_document(site: Site, state: str) -> dict[str, JsonValue]:
    """A provider for programs."""
    provider = site.provider
    prices = provider.prices
    return {
        "provider": provider.address,
        "state": state,
        "nodes": [_node_document(node) for node in provider.hardware.nodes],
        "free": [_node_document(node) for node in site.free],
        "jobs": [job.id for job in site.bound],
        "prices_per_minute": {
            "cpu": format_credits(prices.cpu_per_minute),
            "memory_mb": format_credits(prices.memory_mb_per_minute),
            "gpu": format_credits(prices.gpu_per_minute),
        },
        "labels": {label.key: label.value for label in provider.labels},
        "lease_end": json_time(site.lease_end),
    }


def _node_document(node: Node) -> dict[str, JsonValue]:
    return {"cpus": node.cpus, "memory_mb": node.memory_mb, "gpus": node.gpus}
