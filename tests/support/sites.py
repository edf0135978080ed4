"""Small builders of sites and jobs for placement tests: plain numbers in, values of the model out."""

from datetime import UTC, datetime, timedelta

from deepsquare.model import (
    WEI_PER_CREDIT,
    Address,
    Affinity,
    Hardware,
    JobDefinition,
    JobId,
    Label,
    Node,
    Prices,
    Provider,
)
from deepsquare.scheduling import BoundJob, JobRequest, Site

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALICE = Address("0x" + "a1" * 20)
BOB = Address("0x" + "b0" * 20)
CAROL = Address("0x" + "c0" * 20)


def definition(
    tasks: int = 1,
    cpus: int = 1,
    memory_mb: int = 100,
    *,
    gpus: int = 0,
    uses: tuple[Label, ...] = (),
    affinities: tuple[Affinity, ...] = (),
) -> JobDefinition:
    """A job of `tasks` tasks with `cpus` CPUs each and `memory_mb` MB per CPU."""
    return JobDefinition(tasks, cpus, memory_mb, gpus, "0" * 64, uses=uses, affinities=affinities)


def site(
    address: Address = ALICE,
    nodes: tuple[Node, ...] = (Node(8, 8000),),
    *,
    cpu_price: int = 1,
    labels: dict[str, str] | None = None,
    bound: tuple[BoundJob, ...] = (),
    lease_end: datetime | None = None,
    **of_provider: bool,
) -> Site:
    """A site whose CPUs cost `cpu_price` credits per minute; memory is free, a GPU costs 10 credits."""
    prices = Prices(10 * WEI_PER_CREDIT, cpu_price * WEI_PER_CREDIT, 0)
    label_values = tuple(Label(key, value) for key, value in (labels or {}).items())
    return Site(Provider(address, Hardware(nodes), prices, label_values, **of_provider), bound, lease_end)


def bound(number: int, shape: JobDefinition, minutes: int | None = 10) -> BoundJob:
    """A job that holds a site for at most `minutes` from NOW."""
    return BoundJob(JobId(number), shape, None if minutes is None else NOW + timedelta(minutes=minutes))


def request(number: int = 1, shape: JobDefinition | None = None, credit: int = 100, age_s: int = 0) -> JobRequest:
    """Job `number` with `credit` credits locked, submitted `age_s` seconds before NOW."""
    submitted = NOW - timedelta(seconds=age_s)
    return JobRequest(shape or definition(), credit * WEI_PER_CREDIT, submitted, JobId(number))
