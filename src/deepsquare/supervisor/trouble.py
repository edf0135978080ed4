"""Trouble that is no defect: what the ports announce may happen, and a later look puts right."""

import logging
from collections.abc import Awaitable, Callable

from deepsquare.chain import ChainError
from deepsquare.clusters.port import ClusterError
from deepsquare.gateway.errors import GatewayError
from deepsquare.supervisor.errors import JournalUnavailable
from deepsquare.trouble import PassingTrouble
from deepsquare.web.errors import RefusedByService, ServiceUnreachable

_log = logging.getLogger(__name__)

EXPECTED_TROUBLE = (
    ChainError,
    ClusterError,
    GatewayError,
    JournalUnavailable,
    RefusedByService,
    ServiceUnreachable,
)
"""Anything else that a port raises is a defect and stops the service."""


class Troubles:
    """The standing of each thing that is tried again and again."""

    def __init__(self) -> None:
        self._trouble = PassingTrouble(_log)

    async def survives(self, what: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether `work` succeeded; raises only what is a defect."""
        try:
            await work()
        except EXPECTED_TROUBLE as error:
            self._trouble.fails(what, error)
            return False
        self._trouble.works(what)
        return True
