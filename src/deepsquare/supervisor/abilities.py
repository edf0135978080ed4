"""What jobs can use on this site beside its machines, as labels: runtimes of containers, and networks.

It is asked on the machine of the supervisor, with its account, which has the programs and rights that jobs have on the
nodes, or whose operator says otherwise by a label of the same key.
"""

import asyncio
from collections.abc import Sequence

from deepsquare.model import Label
from deepsquare.supervisor.networks import network_labels
from deepsquare.supervisor.runtimes import runtime_labels
from deepsquare.supervisor.settings import SupervisorSettings


class InstalledAbilities:
    """What this machine can and the site's settings allow."""

    def __init__(self, settings: SupervisorSettings) -> None:
        self._settings = settings

    async def labels(self) -> Sequence[Label]:
        """A label for each thing that jobs can use. Raises `ClusterError` where a program does not answer in time."""
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> list[Label]:
        return [*runtime_labels(self._settings), *network_labels(self._settings)]
