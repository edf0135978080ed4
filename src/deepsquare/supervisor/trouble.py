"""Trouble that is no defect: what the ports announce may happen, and a later look puts right.

It is logged when it begins, when it changes and when it is over; not at every try.
"""

import logging
from collections.abc import Awaitable, Callable

from deepsquare.chain import ChainError
from deepsquare.clusters.port import ClusterError
from deepsquare.gateway.errors import GatewayError
from deepsquare.supervisor.errors import JournalUnavailable
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
        self._standing: dict[str, str] = {}

    async def survives(self, what: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether `work` succeeded; raises only what is a defect."""
        try:
            await work()
        except EXPECTED_TROUBLE as error:
            if self._standing.get(what) != str(error):
                _log.warning("%s: %s", what, error)
            self._standing[what] = str(error)
            return False
        if self._standing.pop(what, None) is not None:
            _log.info("%s: all is well again", what)
        return True
