"""The embedded cluster: real processes on this machine, bounded and queued, without Slurm and without root.

`LocalCluster` is what a supervisor sees. Each job lives under a small process of its own, the `keeper`, that
survives the supervisor. All state is on disk, so any process may open the same root. Starting a keeper must cost
next to nothing, so this package imports nothing until `LocalCluster` is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepsquare.clusters.local.cluster import LocalCluster, this_machine

__all__ = ["LocalCluster", "this_machine"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from deepsquare.clusters.local import cluster  # noqa: PLC0415 - late on purpose, see above

        return getattr(cluster, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
