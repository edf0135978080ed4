"""Labels describe what a cluster has; affinities say which labels a job insists on."""

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """One fact about a cluster (`os=debian`) or one wish of a job (`objective=cost`)."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class AffinityOperator(enum.StrEnum):
    """How a cluster's label is compared with the value a job names; the chain keeps it as bytes2 ASCII."""

    LESS = "<"
    LESS_OR_EQUAL = "<="
    EQUAL = "=="
    GREATER_OR_EQUAL = ">="
    GREATER = ">"
    NOT_EQUAL = "!="
    IN = "in"


@dataclass(frozen=True, slots=True)
class Affinity:
    """One rule that a cluster's labels must satisfy: `cluster[label.key] operator label.value`."""

    label: Label
    operator: AffinityOperator

    def __str__(self) -> str:
        return f"{self.label.key} {self.operator.value} {self.label.value}"
