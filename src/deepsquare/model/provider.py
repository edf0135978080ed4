"""A provider as the chain knows it: its hardware node by node, its prices, its labels."""

from dataclasses import dataclass

from deepsquare.model.job import Address
from deepsquare.model.label import Label


@dataclass(frozen=True, slots=True)
class Node:
    """The resources of one machine of a cluster."""

    cpus: int
    memory_mb: int
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machines of a cluster, in the order in which the cluster lists them."""

    nodes: tuple[Node, ...]

    @property
    def cpus(self) -> int:
        return sum(node.cpus for node in self.nodes)

    @property
    def memory_mb(self) -> int:
        return sum(node.memory_mb for node in self.nodes)

    @property
    def gpus(self) -> int:
        return sum(node.gpus for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Prices:
    """Wei of credit per minute, for one GPU, one CPU and one MB of memory."""

    gpu_per_minute: int
    cpu_per_minute: int
    memory_mb_per_minute: int


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider, as read from the chain at one block."""

    address: Address
    hardware: Hardware
    prices: Prices
    labels: tuple[Label, ...] = ()
    is_banned: bool = False
    is_approved: bool = True

    def label(self, key: str) -> str | None:
        """The value of the label `key`, or None."""
        return next((label.value for label in self.labels if label.key == key), None)
