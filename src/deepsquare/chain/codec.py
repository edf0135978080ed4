"""Between the contracts' structs and the values of the model: the one place that knows the order of their fields."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from deepsquare.chain.errors import InvalidValue
from deepsquare.chain.keccak import checksum_address
from deepsquare.chain.texts import lines, one_line
from deepsquare.model import (
    Address,
    Affinity,
    AffinityOperator,
    Hardware,
    Job,
    JobCost,
    JobDefinition,
    JobId,
    JobStatus,
    JobTerms,
    JobTime,
    Label,
    Node,
    Prices,
    Provider,
    StorageType,
)

LONGEST_TEXT_BYTES = 1024
"""What the contract keeps of a reason; sending more would only cost gas."""

_ZERO_ADDRESS = "0x" + "0" * 40
_NAME_BYTES = 32
_LAST_SECOND = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


def job(published: Sequence[Any], terms: Sequence[Any]) -> Job:
    """A job from the two structs that the contract keeps of it."""
    job_id, status, customer, provider, wanted, cost, time, name, cancel_requested, last_error, exit_code = published
    max_cost, final_cost, _, delegates = cost
    price, fee, attempt, max_attempts, claimed_at, assigned_at, max_price, latest_start, *settings, avoided = terms
    lease, report_delay, cancel_grace, cancel_timeout = settings
    submitted_at, started_at, ended_at, cancel_requested_at, changed_in_block, _ = time
    return Job(
        id=job_id_of(job_id),
        status=JobStatus(status),
        customer=checksum_address(customer),
        provider=None if provider == _ZERO_ADDRESS else checksum_address(provider),
        definition=definition(wanted),
        cost=JobCost(max_cost, final_cost, delegates),
        time=JobTime(
            submitted_at=moment(submitted_at),
            assigned_at=moment_or_none(assigned_at),
            claimed_at=moment_or_none(claimed_at),
            started_at=moment_or_none(started_at),
            ended_at=moment_or_none(ended_at),
            cancel_requested_at=moment_or_none(cancel_requested_at),
            block_of_last_change=changed_in_block,
        ),
        name=one_line(name.rstrip(b"\0").decode("utf-8", errors="replace")),
        cancel_requested=cancel_requested,
        last_error=lines(last_error),
        exit_code=exit_code,
        terms=JobTerms(
            price_per_minute=price,
            fee_basis_points=fee,
            attempt=attempt,
            max_attempts=max_attempts,
            avoided=frozenset(checksum_address(address) for address in avoided),
            max_price_per_minute=max_price,
            latest_start=moment_or_none(latest_start),
            lease_seconds=lease,
            report_delay_seconds=report_delay,
            cancel_grace_seconds=cancel_grace,
            cancel_timeout_seconds=cancel_timeout,
        ),
    )


def definition(fields: Sequence[Any]) -> JobDefinition:
    """What a job asks for."""
    gpus, memory_per_cpu, cpus_per_task, tasks, location, storage_type, uses, affinities = fields
    return JobDefinition(
        tasks=tasks,
        cpus_per_task=cpus_per_task,
        memory_per_cpu_mb=memory_per_cpu,
        gpus=gpus,
        script_hash=one_line(location),
        storage_type=StorageType(storage_type),
        uses=labels(uses),
        affinities=tuple(
            Affinity(_label(label), AffinityOperator(operator.rstrip(b"\0").decode("ascii")))
            for label, operator in affinities
        ),
    )


def definition_fields(wanted: JobDefinition) -> tuple[Any, ...]:
    """What a job asks for, as the contract takes it."""
    return (
        wanted.gpus,
        wanted.memory_per_cpu_mb,
        wanted.cpus_per_task,
        wanted.tasks,
        wanted.script_hash,
        int(wanted.storage_type),
        label_fields(wanted.uses),
        [
            ((rule.label.key, rule.label.value), rule.operator.value.encode("ascii").ljust(2, b"\0"))
            for rule in wanted.affinities
        ],
    )


def provider(fields: Sequence[Any], *, is_approved: bool) -> Provider | None:
    """A provider's registration; None where the contract holds none."""
    address, hardware, prices, its_labels, is_banned = fields
    if address == _ZERO_ADDRESS:
        return None
    _, gpus, cpus, memory = hardware
    return Provider(
        address=checksum_address(address),
        hardware=Hardware(
            tuple(
                Node(cpus=node_cpus, memory_mb=node_memory, gpus=node_gpus)
                for node_gpus, node_cpus, node_memory in zip(gpus, cpus, memory, strict=True)
            )
        ),
        prices=Prices(*prices),
        labels=labels(its_labels),
        is_banned=is_banned,
        is_approved=is_approved,
    )


def offer_fields(hardware: Hardware, prices: Prices, its_labels: Sequence[Label]) -> tuple[Any, ...]:
    """What a provider offers, as `register` takes it."""
    return hardware_fields(hardware), price_fields(prices), label_fields(its_labels)


def hardware_fields(hardware: Hardware) -> tuple[Any, ...]:
    """A cluster's machines, as the contract takes them."""
    nodes = hardware.nodes
    return (
        len(nodes),
        [node.gpus for node in nodes],
        [node.cpus for node in nodes],
        [node.memory_mb for node in nodes],
    )


def price_fields(prices: Prices) -> tuple[int, int, int]:
    """Prices, as the contract takes them."""
    return (prices.gpu_per_minute, prices.cpu_per_minute, prices.memory_mb_per_minute)


def labels(pairs: Sequence[Sequence[str]]) -> tuple[Label, ...]:
    """Labels, as anybody wrote them."""
    return tuple(map(_label, pairs))


def _label(pair: Sequence[str]) -> Label:
    key, value = pair
    return Label(one_line(key), one_line(value))


def label_fields(its_labels: Sequence[Label]) -> list[tuple[str, str]]:
    """Labels, as the contract takes them."""
    return [(label.key, label.value) for label in its_labels]


def job_id_of(raw: bytes) -> JobId:
    """The job in a bytes32."""
    return JobId(int.from_bytes(raw, "big"))


def job_id_field(job_id: JobId) -> bytes:
    """A job's number as bytes32."""
    if not 0 <= job_id < 2**256:
        raise InvalidValue(f"{job_id} is no job number; jobs are numbered from 1")
    return job_id.to_bytes(32, "big")


def name_field(name: str) -> bytes:
    """A job's name as bytes32. Raises `InvalidValue` where it is longer."""
    raw = name.encode()
    if len(raw) > _NAME_BYTES:
        raise InvalidValue(f"the job name {name!r} has {len(raw)} bytes; at most {_NAME_BYTES} are kept on chain")
    return raw.ljust(_NAME_BYTES, b"\0")


def text_field(text: str) -> str:
    """A reason, cut to what the contract keeps, at the border of a character."""
    return text.encode()[:LONGEST_TEXT_BYTES].decode("utf-8", errors="ignore")


def moment(seconds: int) -> datetime:
    """A unix time; what lies past the year 9999 is its last second."""
    return datetime.fromtimestamp(min(seconds, _LAST_SECOND), UTC)


def moment_or_none(seconds: int) -> datetime | None:
    """A unix time, where 0 says that it has not happened."""
    return moment(seconds) if seconds else None


def seconds_field(time: datetime | None) -> int:
    """A moment as unix time, 0 for None."""
    return int(time.timestamp()) if time is not None else 0


def addresses_of(words: Sequence[bytes]) -> list[Address]:
    """Addresses kept right-aligned in bytes32."""
    return [checksum_address(word[-20:]) for word in words]
