"""The journal: what one supervisor must still know after kill -9, and cannot ask anybody.

A few facts per attempt at a job. All values are absolute, so that writing one twice does no harm. A call
returns when what it wrote is on disk; calls that come while a write is under way share the next one
(group commit), so that hundreds of jobs do not wait for hundreds of syncs.

What the chain tells (claimed, running, paid) is not copied here: a copy could only disagree. A row is
removed when the chain has the end, the log is away and the cluster's folder is gone.

The cursor alone is no reason to write: to hear of some blocks twice does no harm, and a chain that moves on
would cost each idle supervisor a sync per block. It goes to disk with the next job.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from deepsquare.model import Address
from deepsquare.supervisor.entry import AttemptKey, Entry
from deepsquare.supervisor.errors import JournalUnavailable
from deepsquare.supervisor.journalfile import JournalFile

LONGEST_LAG_BLOCKS = 100
"""So far the cursor on disk may lie behind."""

_Rows = dict[AttemptKey, Entry]
_Change = Callable[[_Rows], None]


class _Batch:
    """Changes that go to disk together."""

    def __init__(self) -> None:
        self.changes: list[_Change] = []
        self.next_block: int | None = None
        self.error: JournalUnavailable | None = None


class Journal:
    """The open journal of one supervisor. It is held exclusively until `close`."""

    def __init__(self, path: Path, *, chain_id: int, contract: Address, provider: Address) -> None:
        """Open or create the journal.

        Raises `JournalInUse`, `ForeignJournal`, `DamagedJournal` or, where the disk fails, `JournalUnavailable`.
        """
        self._file = JournalFile(path, chain_id=chain_id, contract=contract, provider=provider)
        entries, self._next_block = self._file.load()
        self._next_block_on_disk = self._next_block
        self._rows: _Rows = {entry.key: entry for entry in entries}
        self._is_writable = True
        self._batch = _Batch()
        self._writing = asyncio.Lock()

    def close(self) -> None:
        """Give the file back; whatever was acknowledged has long been on disk."""
        self._file.close()

    @property
    def entries(self) -> list[Entry]:
        """Every attempt that is not yet cleaned away, oldest job first."""
        return [self._rows[key] for key in sorted(self._rows)]

    def entry(self, key: AttemptKey) -> Entry | None:
        """One attempt; None where nothing is known of it (any more)."""
        return self._rows.get(key)

    @property
    def next_block(self) -> int | None:
        """The first block whose events have not been noted; None for a new journal."""
        return self._next_block

    @property
    def is_writable(self) -> bool:
        """Whether the last write succeeded."""
        return self._is_writable

    async def save(self, entries: Iterable[Entry] = (), *, next_block: int | None = None) -> None:
        """Write these attempts as they are and, if given, the cursor: all or nothing.

        Raises `JournalUnavailable`; then nothing was written and the caller must not act on it.
        """
        written = {entry.key: entry for entry in entries}
        if not written and next_block is not None and self._may_lag(next_block):
            self._next_block = next_block
            return
        await self._commit(lambda rows: rows.update(written), next_block)

    async def amend(self, changes: Mapping[AttemptKey, Callable[[Entry], Entry]]) -> None:
        """Write what each change makes of its attempt as it is by then: other parts of the service write rows too.

        What was removed meanwhile stays removed. Raises as `save` does.
        """

        def apply(rows: _Rows) -> None:
            for key, change in changes.items():
                if key in rows:
                    rows[key] = change(rows[key])

        await self._commit(apply, None)

    async def remove(self, key: AttemptKey) -> None:
        """Forget an attempt for good. Raises as `save` does."""

        def apply(rows: _Rows) -> None:
            rows.pop(key, None)

        await self._commit(apply, None)

    async def probe(self) -> None:
        """Find out whether a disk that failed can be written again, by rewriting the cursor. Raises as `save` does."""
        await self._commit(lambda _: None, self._next_block)

    def _may_lag(self, next_block: int) -> bool:
        """Whether this cursor can wait for company. A journal that failed is tried at every occasion."""
        on_disk = self._next_block_on_disk
        return self._is_writable and on_disk is not None and next_block - on_disk < LONGEST_LAG_BLOCKS

    async def _commit(self, change: _Change, next_block: int | None) -> None:
        batch = self._batch
        batch.changes.append(change)
        batch.next_block = batch.next_block if next_block is None else next_block
        async with self._writing:
            if batch is self._batch:
                # The first of a batch to get here writes for all who joined while the write before was under way.
                self._batch = _Batch()
                await self._write(batch)
        if batch.error is not None:
            raise batch.error

    async def _write(self, batch: _Batch) -> None:
        rows = dict(self._rows)
        for change in batch.changes:
            change(rows)
        saved = [entry for key, entry in rows.items() if self._rows.get(key) is not entry]
        removed = self._rows.keys() - rows.keys()
        try:
            await asyncio.to_thread(self._file.write, saved, removed, batch.next_block)
        except JournalUnavailable as error:
            self._is_writable = False
            batch.error = error
            return
        self._is_writable = True
        self._rows = rows
        if batch.next_block is not None:
            self._next_block = self._next_block_on_disk = batch.next_block
