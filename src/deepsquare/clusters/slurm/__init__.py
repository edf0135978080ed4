"""A real Slurm behind the cluster port: its commands by argument list, its text formats, no library of its own."""

from deepsquare.clusters.slurm.cluster import SlurmCluster
from deepsquare.clusters.slurm.settings import SlurmSettings

__all__ = ["SlurmCluster", "SlurmSettings"]
