"""Many questions, few looks."""

import asyncio

import pytest

from deepsquare.clusters.slurm.sweep import SharedSweep


class Looks:
    """Counts looks; each goes on until it is let go."""

    def __init__(self) -> None:
        self.count = 0
        self.began = asyncio.Event()
        self.go = asyncio.Event()

    async def look(self) -> int:
        self.count += 1
        self.began.set()
        number = self.count
        await self.go.wait()
        return number


async def test_who_asks_at_the_same_time_shares_one_look() -> None:
    looks = Looks()
    sweep = SharedSweep(looks.look)
    looks.go.set()

    assert await asyncio.gather(*(sweep.take() for _ in range(100))) == [1] * 100


async def test_an_answer_is_never_older_than_its_question() -> None:
    looks = Looks()
    sweep = SharedSweep(looks.look)
    first = asyncio.create_task(sweep.take())
    await looks.began.wait()
    late = [asyncio.create_task(sweep.take()) for _ in range(10)]
    await asyncio.sleep(0)

    looks.go.set()

    assert await first == 1
    assert await asyncio.gather(*late) == [2] * 10


async def test_a_failed_look_fails_for_those_who_waited_and_not_for_the_next() -> None:
    looks = Looks()
    looks.go.set()

    async def look() -> int:
        number = await looks.look()
        if number == 1:
            raise OSError("no")
        return number

    sweep = SharedSweep(look)

    with pytest.raises(OSError, match="no"):
        await sweep.take()
    assert await sweep.take() == 2


async def test_one_who_gives_up_does_not_spoil_it_for_the_others() -> None:
    looks = Looks()
    sweep = SharedSweep(looks.look)
    impatient, patient = (asyncio.create_task(sweep.take()) for _ in range(2))
    await asyncio.sleep(0)

    impatient.cancel()
    await asyncio.sleep(0)
    looks.go.set()

    assert await patient == 1
