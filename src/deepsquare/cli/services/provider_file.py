"""`supervisor.toml`: everything that an operator decides about one provider.

The supervisor's own settings, and beside them what it is put together from: the cluster and the journal.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepsquare.clusters.local import LocalCluster, this_machine
from deepsquare.clusters.port import Cluster, ClusterNode, NodeState
from deepsquare.clusters.slurm import SlurmCluster, SlurmSettings
from deepsquare.model import Address, Node
from deepsquare.supervisor.settings import SupervisorSettings


class NodeSettings(BaseModel):
    """One node of an embedded cluster; it may be smaller or larger than this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    cpus: int = Field(ge=1)
    memory_mb: int = Field(ge=1)
    gpus: int = Field(0, ge=0)

    @property
    def node(self) -> ClusterNode:
        """The node for the cluster."""
        return ClusterNode(self.name, Node(self.cpus, self.memory_mb, self.gpus), NodeState.UP)


class LocalClusterSettings(BaseModel):
    """The embedded cluster: processes on this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["local"]
    root: Path
    nodes: tuple[NodeSettings, ...] = ()
    grace_seconds: float = Field(10.0, gt=0, le=3600)
    output_limit_bytes: int = Field(64 << 20, ge=1)

    def open(self, contract: Address) -> Cluster:
        """The cluster, ready for use."""
        return LocalCluster(
            self.root,
            [node.node for node in self.nodes] or [this_machine()],
            contract=contract,
            grace_seconds=self.grace_seconds,
            output_limit_bytes=self.output_limit_bytes,
        )


class SlurmClusterSettings(SlurmSettings):
    """A real Slurm."""

    kind: Literal["slurm"]

    def open(self, contract: Address) -> Cluster:
        """The cluster, ready for use."""
        return SlurmCluster(self, contract=contract)


class ProviderFile(SupervisorSettings):
    """The whole file."""

    journal: Path
    """Where the supervisor writes down what it owes to the chain."""
    cluster: Annotated[LocalClusterSettings | SlurmClusterSettings, Field(discriminator="kind")]

    @property
    def supervisor(self) -> SupervisorSettings:
        """What the supervisor itself needs to know."""
        return SupervisorSettings(**{name: getattr(self, name) for name in SupervisorSettings.model_fields})
