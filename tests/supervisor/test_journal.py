"""What the journal promises: nothing acknowledged is lost, nothing half-written is found, one holder at a time."""

import asyncio
import contextlib
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepsquare.clusters.port import ClusterJobId
from deepsquare.model import Address, JobId, JobStatus
from deepsquare.supervisor.entry import End, Entry
from deepsquare.supervisor.errors import DamagedJournal, ForeignJournal, JournalInUse, JournalUnavailable
from deepsquare.supervisor.journal import LONGEST_LAG_BLOCKS, Journal

CONTRACT = Address("0x" + "ab" * 20)
PROVIDER = Address("0x" + "cd" * 20)
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def opened(path: Path, chain_id: int = 1) -> Journal:
    return Journal(path, chain_id=chain_id, contract=CONTRACT, provider=PROVIDER)


def fill_disk(journal: Journal) -> None:
    """No room for another row: what SQLite says then is what it says on a full disk."""
    connection = journal._file._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    filler = "INSERT INTO attempt (job_id, attempt, end_last_error, log_offset, log_complete) VALUES (?, 0, ?, 0, 0)"
    for length in (500, 50, 0):
        with contextlib.suppress(sqlite3.OperationalError):
            for number in range(1_000):
                connection.execute(filler, (f"{length}-{number}", "x" * length))


def free_disk(journal: Journal) -> None:
    """Room again."""
    journal._file._connection.execute("DELETE FROM attempt WHERE attempt = 0")
    journal._file._connection.execute("PRAGMA max_page_count = 1000000")


_moments = st.none() | st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)
_ends = st.builds(
    End,
    status=st.sampled_from([status for status in JobStatus if status.is_cold]),
    exit_code=st.integers(min_value=-(2**63), max_value=2**63 - 1),
    ended_at=_moments.filter(lambda moment: moment is not None),
    started_at=_moments,
    suspended_seconds=st.integers(min_value=0, max_value=2**40),
    last_error=st.text(alphabet=st.characters(codec="utf-8")),
)
_entries = st.builds(
    Entry,
    job_id=st.integers(min_value=1, max_value=2**256 - 1).map(JobId),
    attempt=st.integers(min_value=1, max_value=255),
    submit_intended_at=_moments,
    cluster_id=st.none() | st.text(alphabet=st.characters(codec="utf-8")).map(ClusterJobId),
    limit_minutes=st.none() | st.integers(min_value=1, max_value=2**31),
    started_at=_moments,
    end=st.none() | _ends,
    settled_at=_moments,
    log_offset=st.integers(min_value=0, max_value=2**62),
    log_complete=st.booleans(),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entry=_entries)
async def test_whatever_is_written_is_read_again_after_a_restart(tmp_path: Path, entry: Entry) -> None:
    journal = opened(tmp_path / "journal")
    await journal.save([entry])
    journal.close()
    again = opened(tmp_path / "journal")
    try:
        assert again.entry(entry.key) == entry
    finally:
        again.close()


async def test_the_cursor_and_its_jobs_are_written_in_one_step(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.save([Entry(JobId(1), 1)], next_block=100)
    journal.close()
    again = opened(tmp_path / "journal")
    assert again.next_block == 100
    assert again.entries == [Entry(JobId(1), 1)]
    again.close()


async def test_a_cursor_alone_waits_for_company_but_not_for_long(tmp_path: Path) -> None:
    def on_disk() -> int | None:
        return journal._file.load()[1]

    journal = opened(tmp_path / "journal")
    await journal.save(next_block=100)
    assert on_disk() == 100, "a new journal has its cursor at once"

    await journal.save(next_block=101)
    assert (journal.next_block, on_disk()) == (101, 100)

    await journal.save([Entry(JobId(1), 1)], next_block=102)
    assert (journal.next_block, on_disk()) == (102, 102)

    await journal.save(next_block=102 + LONGEST_LAG_BLOCKS - 1)
    assert on_disk() == 102
    await journal.save(next_block=102 + LONGEST_LAG_BLOCKS)
    assert on_disk() == 102 + LONGEST_LAG_BLOCKS
    journal.close()


async def test_a_cursor_alone_is_tried_where_the_journal_failed(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.save(next_block=100)
    fill_disk(journal)
    with pytest.raises(JournalUnavailable):
        await journal.save([Entry(JobId(1), 1, end=End(JobStatus.FAILED, 1, NOW, last_error="x" * 9_000))])

    free_disk(journal)
    await journal.save(next_block=101)

    assert journal.is_writable
    journal.close()


async def test_a_removed_attempt_stays_removed(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.save([Entry(JobId(1), 1), Entry(JobId(1), 2)])
    await journal.remove((JobId(1), 1))
    journal.close()
    again = opened(tmp_path / "journal")
    assert again.entries == [Entry(JobId(1), 2)]
    again.close()


async def test_attempts_are_listed_oldest_job_first(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.save([Entry(JobId(10), 1), Entry(JobId(9), 2), Entry(JobId(9), 1)])
    assert [entry.key for entry in journal.entries] == [(9, 1), (9, 2), (10, 1)]
    journal.close()


async def test_an_amendment_starts_from_the_row_as_it_is_now(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.save([Entry(JobId(1), 1, log_offset=7)])
    await journal.amend({(JobId(1), 1): lambda entry: replace(entry, limit_minutes=3)})
    assert journal.entry((JobId(1), 1)) == Entry(JobId(1), 1, log_offset=7, limit_minutes=3)
    journal.close()


async def test_an_amendment_of_what_was_removed_does_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.amend({(JobId(1), 1): lambda entry: replace(entry, limit_minutes=3)})
    assert journal.entries == []
    journal.close()


async def test_two_supervisors_cannot_hold_one_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    with pytest.raises(JournalInUse, match="stop the other supervisor"):
        opened(tmp_path / "journal")
    journal.close()
    opened(tmp_path / "journal").close()


async def test_the_journal_of_another_grid_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "journal", chain_id=1).close()
    with pytest.raises(ForeignJournal, match=r"chain 1.*serves chain 2"):
        opened(tmp_path / "journal", chain_id=2)


async def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(DamagedJournal, match="move it away"):
        opened(tmp_path / "journal")


async def test_a_full_disk_loses_nothing_and_says_so(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.save([Entry(JobId(1), 1)], next_block=5)
    fill_disk(journal)
    end = End(JobStatus.FAILED, 1, NOW, last_error="x" * 100_000)
    with pytest.raises(JournalUnavailable, match="free space"):
        await journal.save([Entry(JobId(1), 1, end=end), Entry(JobId(2), 1)], next_block=9)
    assert not journal.is_writable
    assert journal.entries == [Entry(JobId(1), 1)]
    assert journal.next_block == 5
    free_disk(journal)
    journal.close()
    again = opened(tmp_path / "journal")
    assert again.entries == [Entry(JobId(1), 1)]
    assert again.next_block == 5
    again.close()


async def test_a_journal_is_writable_again_when_the_disk_has_room(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    fill_disk(journal)
    big = Entry(JobId(1), 1, end=End(JobStatus.FAILED, 1, NOW, last_error="x" * 100_000))
    with pytest.raises(JournalUnavailable):
        await journal.save([big])
    free_disk(journal)
    await journal.probe()
    assert journal.is_writable
    await journal.save([big])
    assert journal.entries == [big]
    journal.close()


async def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalUnavailable, match="cannot be written"):
        opened(tmp_path / "file" / "journal")


async def test_a_save_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    unwritable = Entry(JobId(2), 1, log_offset=2**64)
    with pytest.raises(OverflowError):
        await journal.save([Entry(JobId(1), 1), unwritable], next_block=9)
    journal.close()
    again = opened(tmp_path / "journal")
    assert again.entries == []
    assert again.next_block is None
    again.close()


async def test_what_was_acknowledged_is_on_disk_before_the_call_returns(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    (synchronous,) = journal._file._connection.execute("PRAGMA synchronous").fetchone()
    (mode,) = journal._file._connection.execute("PRAGMA journal_mode").fetchone()
    journal.close()
    assert (synchronous, mode) == (2, "wal")


def copy_files(folder: Path) -> Path:
    """The journal's files as a crash would leave them."""
    for file in folder.glob("journal*"):
        (folder / f"copy{file.name.removeprefix('journal')}").write_bytes(file.read_bytes())
    return folder / "copy"


async def test_a_copy_taken_after_a_crash_opens(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.save([Entry(JobId(1), 1, started_at=NOW + timedelta(seconds=1))])
    copy = copy_files(tmp_path)
    journal.close()
    again = opened(copy)
    assert again.entry((JobId(1), 1)) is not None
    again.close()


async def test_writes_that_come_together_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(tmp_path / "journal")
    write, writes = journal._file.write, 0

    def counted(*args: Any) -> None:
        nonlocal writes
        writes += 1
        write(*args)

    monkeypatch.setattr(journal._file, "write", counted)
    await asyncio.gather(*(journal.save([Entry(JobId(number), 1)]) for number in range(1, 101)))
    assert len(journal.entries) == 100
    assert writes <= 2, "one for the first, one for all who came meanwhile"
    journal.close()


async def test_amendments_of_one_row_that_come_together_are_all_kept(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    await journal.save([Entry(JobId(1), 1)])

    def one_more(entry: Entry) -> Entry:
        return replace(entry, log_offset=entry.log_offset + 1)

    await asyncio.gather(*(journal.amend({(JobId(1), 1): one_more}) for _ in range(20)))
    assert (entry := journal.entry((JobId(1), 1))) is not None
    assert entry.log_offset == 20
    journal.close()


async def test_nobody_is_told_that_a_failed_write_succeeded(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    fill_disk(journal)
    answers = await asyncio.gather(
        *(journal.save([Entry(JobId(number), 1)]) for number in range(1, 20)), return_exceptions=True
    )
    assert all(isinstance(answer, JournalUnavailable) for answer in answers)
    assert journal.entries == []
    journal.close()
