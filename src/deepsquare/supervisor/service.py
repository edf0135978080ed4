"""The supervisor: it turns what the chain wants into jobs on the cluster, and their ends into reports.

This is only the clockwork: what is done, and how often. A look (`rounds`) starts when the chain or the
cluster has news, when something is due to be tried again, and now and then whatever happens. Crash-only:
what no port announces stops the service, and the next start goes on from the journal.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from deepsquare.supervisor.errors import ClusterNotReady
from deepsquare.supervisor.ports import Ports
from deepsquare.supervisor.presence import Presence
from deepsquare.supervisor.rounds import Rounds
from deepsquare.supervisor.settings import SupervisorSettings
from deepsquare.supervisor.trouble import Troubles

_RETRY_SECONDS = 2.0
_REST_PER_LOOK = 3.0
_LONGEST_REST_SECONDS = 0.6


class Supervisor:
    """The service; `run` it until it is cancelled."""

    def __init__(self, ports: Ports, settings: SupervisorSettings) -> None:
        self._ports = ports
        self._settings = settings
        self._troubles = Troubles()
        self._cluster_has_news = True
        self._cluster_due = ports.clock.now()
        self._presence = Presence(ports, settings.prices.prices, settings.labels)

    async def run(self) -> None:
        """Serve. Whatever cannot be reached is waited for; a cluster that is not ready raises `ClusterNotReady`."""
        while not await self._troubles.survives("cluster check", self.check):
            await self._ports.clock.sleep(_RETRY_SECONDS)
        rounds = await self._first_rounds()
        pace = self._settings.pace
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._look_forever(rounds))
                group.create_task(self._repeat("log", rounds.ship, lambda: pace.log_seconds))
                group.create_task(
                    self._repeat("registration", self._presence.register, lambda: pace.registration_seconds)
                )
                group.create_task(self._repeat("lease", self._prove_alive, lambda: self._presence.pause_seconds))
                group.create_task(self._repeat("status", rounds.tell_scheduler, lambda: pace.status_seconds))
                group.create_task(self._wake_with("chain news", self._ports.events.wake, rounds))
                group.create_task(self._wake_with("cluster news", self._hear_cluster, rounds))
        finally:
            await rounds.tasks.stop()
            await self._ports.events.close()

    async def check(self) -> None:
        """Check what this supervisor needs of its cluster.

        Raises `ClusterNotReady` with the commands an admin must run, or `ClusterError`.
        """
        missing = tuple(await self._ports.cluster.check())
        if missing:
            raise ClusterNotReady(missing)

    async def _first_rounds(self) -> Rounds:
        """The rounds, once the grid's numbers can be read."""
        found: list[Rounds] = []

        async def read() -> None:
            found.append(Rounds(self._ports, self._settings, await self._ports.chain.settings()))

        while not await self._troubles.survives("grid settings", read):
            await self._ports.clock.sleep(_RETRY_SECONDS)
        return found[0]

    async def _look_forever(self, rounds: Rounds) -> None:
        while True:
            rounds.tasks.changed.clear()
            began = self._ports.clock.now()
            has_news = self._cluster_has_news or began >= self._cluster_due
            self._cluster_has_news = False
            if has_news:
                self._cluster_due = began + timedelta(seconds=self._settings.pace.look_seconds)
            await rounds.look(cluster_has_news=has_news)
            await self._ports.clock.sleep(self._rest_seconds(began))
            await self._pause(rounds)

    def _rest_seconds(self, began: datetime) -> float:
        """The shortest pause after a look that began then.

        A busy machine's looks take long: they are made less often, and what waits meanwhile travels together.
        """
        took_seconds = (self._ports.clock.now() - began).total_seconds()
        return max(self._settings.pace.least_pause_seconds, min(_REST_PER_LOOK * took_seconds, _LONGEST_REST_SECONDS))

    async def _pause(self, rounds: Rounds) -> None:
        """Until something changed, the next retry is due, or the longest pause is over."""
        now, longest = self._ports.clock.now(), self._settings.pace.look_seconds
        due = rounds.next_due(now)
        seconds = longest if due is None else min(longest, (due - now).total_seconds())
        waits = {
            asyncio.create_task(rounds.tasks.changed.wait()),
            asyncio.create_task(self._ports.clock.sleep(seconds)),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _hear_cluster(self, seconds: float) -> None:
        await self._ports.cluster.changed(seconds)
        self._cluster_has_news = True

    async def _prove_alive(self) -> None:
        await self._presence.prove_alive(self._ports.clock.now())

    async def _repeat(self, what: str, work: Callable[[], Awaitable[None]], pause_seconds: Callable[[], float]) -> None:
        while True:
            succeeded = await self._troubles.survives(what, work)
            await self._ports.clock.sleep(pause_seconds() if succeeded else _RETRY_SECONDS)

    async def _wake_with(self, what: str, wake: Callable[[float], Awaitable[None]], rounds: Rounds) -> None:
        """Start a look whenever a source of news has some."""
        pace = self._settings.pace
        while True:
            if await self._troubles.survives(what, lambda: wake(pace.look_seconds)):
                rounds.tasks.changed.set()
                await self._ports.clock.sleep(pace.least_pause_seconds)
            else:
                await self._ports.clock.sleep(_RETRY_SECONDS)
