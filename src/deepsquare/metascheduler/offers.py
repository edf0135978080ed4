"""What providers offer, kept in step with the chain: all that is to be known before a job is requested.

What is bound where, and who waits, says only when a job starts; whoever does not ask for that is spared a look at
every job of the grid (`view.GridView` takes it).
"""

from datetime import datetime

from deepsquare.chain import EventReader, Ledger
from deepsquare.model import Provider
from deepsquare.scheduling import JobRequest, Site


class Offers:
    """The providers of one grid, as if nothing were bound there and all were alive."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._changes = EventReader(ledger, registrations=True)
        self._next_block: int | None = None
        self._providers: list[Provider] = []

    async def refresh(self) -> None:
        """Catch up with the chain; providers are read again where one has changed. Raises `ChainUnreachable`."""
        if self._next_block is None:
            # Read the providers after the block: what happens in between is seen twice rather than never.
            next_block, has_changed = (await self._ledger.head()).number + 1, True
        else:
            next_block, has_changed = await self._changes_since(self._next_block)
        if has_changed:
            self._providers = await self._ledger.providers()
        self._next_block = next_block

    async def _changes_since(self, block: int) -> tuple[int, bool]:
        """Where the next look begins, and whether any registration has changed from a block on."""
        has_changed, is_behind = False, True
        while is_behind:
            page = await self._changes.read(block)
            has_changed = has_changed or bool(page.events)
            block, is_behind = page.next_block, not page.reached_head
        return block, has_changed

    def sites(self, now: datetime) -> list[Site]:  # noqa: ARG002 - offers do not age
        """Every provider, with nothing bound there."""
        return [Site(provider) for provider in self._providers]

    def queue(self) -> list[JobRequest]:
        """Nobody: who waits plays no role."""
        return []
