"""Wake-ups are never lost."""

import asyncio
import gc
from pathlib import Path

from deepsquare.clusters.watch import Watch

LONG_SECONDS = 30.0


async def test_a_change_during_the_wait_ends_it(tmp_path: Path) -> None:
    watch = Watch()
    watch.add(tmp_path)
    waiting = asyncio.create_task(watch.wait(LONG_SECONDS))
    await asyncio.sleep(0)

    (tmp_path / "a").touch()

    async with asyncio.timeout(LONG_SECONDS / 2):
        await waiting


async def test_a_change_between_two_waits_ends_the_second_at_once(tmp_path: Path) -> None:
    watch = Watch()
    watch.add(tmp_path)
    (tmp_path / "a").touch()

    async with asyncio.timeout(LONG_SECONDS / 2):
        assert await watch.wait(LONG_SECONDS)


async def test_everybody_who_waits_is_woken(tmp_path: Path) -> None:
    watch = Watch()
    watch.add(tmp_path)
    waiting = [asyncio.create_task(watch.wait(LONG_SECONDS)) for _ in range(3)]
    await asyncio.sleep(0)

    (tmp_path / "a").touch()

    async with asyncio.timeout(LONG_SECONDS / 2):
        await asyncio.gather(*waiting)


async def test_a_wait_can_be_ended_though_nothing_happened(tmp_path: Path) -> None:
    watch = Watch()
    watch.add(tmp_path)
    waiting = asyncio.create_task(watch.wait(LONG_SECONDS))
    await asyncio.sleep(0)

    watch.end_waits()

    async with asyncio.timeout(LONG_SECONDS / 2):
        assert not await waiting


async def test_without_a_change_the_wait_ends_in_time(tmp_path: Path) -> None:
    watch = Watch()
    watch.add(tmp_path)

    await watch.wait(0.001)


async def test_files_still_being_written_do_not_wake_those_who_wait_for_whole_ones(tmp_path: Path) -> None:
    watch = Watch()
    assert watch.add(tmp_path, written_only=True)
    assert not watch.add(tmp_path, written_only=True)
    with (tmp_path / "a").open("w") as file:
        file.write("x")
        file.flush()
        assert not await watch.wait(0.001)

        waiting = asyncio.create_task(watch.wait(LONG_SECONDS))
        await asyncio.sleep(0)
        assert not waiting.done()

    async with asyncio.timeout(LONG_SECONDS / 2):
        assert await waiting


async def test_a_file_renamed_into_place_wakes_those_who_wait_for_whole_ones(tmp_path: Path) -> None:
    (tmp_path / "beside").write_text("x")
    (tmp_path / "folder").mkdir()
    watch = Watch()
    watch.add(tmp_path / "folder", written_only=True)

    (tmp_path / "beside").rename(tmp_path / "folder" / "a")

    async with asyncio.timeout(LONG_SECONDS / 2):
        assert await watch.wait(LONG_SECONDS)


async def test_a_path_that_is_gone_is_nobodys_business(tmp_path: Path) -> None:
    assert not Watch().add(tmp_path / "gone")


async def test_a_path_that_goes_wakes_nobody(tmp_path: Path) -> None:
    watch = Watch()
    (tmp_path / "a").touch()
    watch.add(tmp_path / "a", written_only=True)
    watch.add(tmp_path, written_only=True)

    (tmp_path / "a").unlink()
    assert not await watch.wait(0.001)

    (tmp_path / "a").write_text("x")
    assert await watch.wait(LONG_SECONDS)


async def test_no_descriptor_is_left_behind() -> None:
    gc.collect()
    before = _open_descriptors()

    for _ in range(5):
        await Watch().wait(0.001)
    gc.collect()

    assert _open_descriptors() <= before


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
