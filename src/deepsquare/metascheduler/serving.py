"""The meta-scheduler with its door: both run until either ends."""

import asyncio
import logging

from deepsquare.clock import Clock
from deepsquare.metascheduler.door import create_app
from deepsquare.metascheduler.service import MetaScheduler
from deepsquare.metascheduler.settings import MetaSchedulerSettings
from deepsquare.metascheduler.status import StatusDomain
from deepsquare.web.server import Server, configured, listen, url_of

_CONNECTIONS, _CONNECTIONS_PER_ADDRESS, _REQUEST_SECONDS = 500, 50, 30.0

_log = logging.getLogger(__name__)


class Door:
    """What listens in front of a meta-scheduler."""

    def __init__(
        self, scheduler: MetaScheduler, settings: MetaSchedulerSettings, domain: StatusDomain, clock: Clock, port: int
    ) -> None:
        self._socket = listen(settings.host, port)
        self.url = url_of(settings.host, self._socket.getsockname()[1])
        """Where clients on this machine reach it."""
        self.started = asyncio.Event()
        """Set once requests are answered."""
        self._app = create_app(scheduler, settings, domain, clock)

    async def run(self) -> None:
        """Answer until cancelled."""
        config = configured(
            self._app,
            connections_per_address=_CONNECTIONS_PER_ADDRESS,
            request_seconds=_REQUEST_SECONDS,
            concurrent_requests=_CONNECTIONS,
        )
        server = Server(config, self.started)
        _log.info("the meta-scheduler listens at %s", self.url)
        serving = asyncio.create_task(server.serve(sockets=[self._socket]))
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)
